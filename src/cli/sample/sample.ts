import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { SampleCommandOptions } from './run-sample.ts';
import { integerOption } from '../options.ts';
import { addPromptOptions } from '../prompt-options.ts';
import { addSamplerOptions, addSourceOptions } from '../sampling-options.ts';

export function register(program: Command): void {
  const command = program
    .command('sample')
    .description('generate images from a trained model, or from the exact denoiser of a data set')
    .addHelpText(
      'after',
      examples(
        'kuosan sample noto-32 --count 16 --out emoji.png',
        'kuosan sample fashion-mnist --class Sneaker --guidance-scale 3 --out sneakers.png',
        'kuosan sample runs/icons --prompt "a folder with a heart" --prompt "bell off" --style tabler --svg icons',
      ),
    )
    .option(
      '--count <n>',
      'images, of each prompt if there are several; default 64, with prompts 4 of each',
      integerOption('--count', 1, 100_000),
    )
    .option('--out <grid.png>', 'the grid to write', 'grid.png')
    .option('--images <dir>', 'also write every image on its own')
    .option('--svg <dir>', 'also trace every image, an icon in black and white, to a drawing (SVG)')
    .option('--gif <reverse.gif>', 'also write the reverse process as an animation of the grid')
    .option('--seed <n>', 'seed; image i of a seed is the same at any count', integerOption('--seed', 0), 0);
  addPromptOptions(command, 'what the images show; several times for a row of images each')
    .option('--prompts <file.txt>', 'a prompt on each line')
    .option(
      '--rerank <n>',
      "generate n for each image, and keep the one that the model's CLIP finds nearest to the prompt",
      integerOption('--rerank', 1, 1000),
    );
  addSourceOptions(addSamplerOptions(command)).action(
    async (source: string | undefined, options: SampleCommandOptions) => {
      const { runSample } = await import('./run-sample.ts');
      await runSample(source, options, { isBatchSizeGiven: command.getOptionValueSource('batchSize') !== 'default' });
    },
  );
}
