import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { samplersWhich } from '../../diffusion/samplers.ts';
import type { InterpolateCommandOptions } from './run-interpolate.ts';
import { integerOption } from '../options.ts';
import { addPromptOptions } from '../prompt-options.ts';
import { addSourceOptions, addStepOptions } from '../sampling-options.ts';

/** The samplers whose images are determined by the noise they begin as. */
const determined = samplersWhich(({ random }) => !random).map(({ name }) => name);

export function register(program: Command): void {
  const command = program
    .command('interpolate')
    .description('interpolate between the images of seeds, between prompts at one seed, or between images')
    .addHelpText(
      'after',
      examples(
        'kuosan interpolate noto-32 --seeds 1,2,3 --gif between.gif',
        'kuosan interpolate runs/icons --prompt sun --prompt moon --seeds 4',
        'kuosan interpolate models/dalle-2 --images folder.png,bell.png',
      ),
    )
    .option(
      '--seeds <a,b,...>',
      'two seeds or more, the ends are image 0 of each; with several prompts one, default 0',
      readSeeds,
    )
    .option('--frames <n>', 'images from one end to the next, both included', integerOption('--frames', 2, 1000), 9)
    .option('--out <grid.png>', 'the grid to write: a row from each end to the next', 'between.png')
    .option('--gif <between.gif>', 'also write them as an animation, there and back')
    .option(
      '--images <a.png,b.png | dir>',
      'files separated by commas: the images of the ends, for a DALL·E 2; one folder: also write every image on its own there',
    )
    .option('--sampler <name>', `a deterministic sampler: ${determined.join(', ')}`, 'ddim');
  addPromptOptions(command, 'what the images show; several times for a way from text to text');
  addSourceOptions(addStepOptions(command)).action(
    async (source: string | undefined, options: InterpolateCommandOptions) => {
      const { runInterpolate } = await import('./run-interpolate.ts');
      await runInterpolate(source, options);
    },
  );
}

function readSeeds(text: string): number[] {
  return text.split(',').map(integerOption('--seeds', 0));
}
