import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { samplersWhich } from '../../diffusion/samplers.ts';
import type { InterpolateCommandOptions } from './run-interpolate.ts';
import { integerOption, UsageError } from '../options.ts';
import { addSourceOptions, addStepOptions } from '../sampling-options.ts';

/** The samplers whose images are determined by the noise they begin as. */
const determined = samplersWhich(({ random }) => !random).map(({ name }) => name);

export function register(program: Command): void {
  const command = program
    .command('interpolate')
    .description('interpolate between the images of seeds')
    .addHelpText('after', examples('kuosan interpolate noto-32 --seeds 1,2,3 --gif between.gif'))
    .requiredOption('--seeds <a,b,...>', 'two seeds or more; the ends are image 0 of each', readSeeds)
    .option('--frames <n>', 'images from one seed to the next, both included', integerOption('--frames', 2, 1000), 9)
    .option('--out <grid.png>', 'the grid to write: a row from each seed to the next', 'between.png')
    .option('--gif <between.gif>', 'also write them as an animation, there and back')
    .option('--images <dir>', 'also write every image on its own')
    .option('--sampler <name>', `a deterministic sampler: ${determined.join(', ')}`, 'ddim');
  addSourceOptions(addStepOptions(command)).action(
    async (source: string | undefined, options: InterpolateCommandOptions) => {
      const { runInterpolate } = await import('./run-interpolate.ts');
      await runInterpolate(source, options);
    },
  );
}

function readSeeds(text: string): number[] {
  const seeds = text.split(',').map(integerOption('--seeds', 0));
  if (seeds.length < 2)
    throw new UsageError(`--seeds: expected two or more seeds separated by commas, got ${JSON.stringify(text)}`);
  return seeds;
}
