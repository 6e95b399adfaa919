import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { choiceOption, integerOption } from '../options.ts';
import type { ForwardOptions } from './run-forward.ts';

const forwardDefaults = {
  schedule: 'linear',
  // Ho et al. 2020, section 4.
  steps: 1000,
  // Large enough to know the image, small enough that a thousand steps of noise take seconds.
  size: 64,
  seed: 0,
} as const;

export function register(program: Command): void {
  program
    .command('forward')
    .description('plot how an image turns into noise, in closed form and step by step, and compare the two')
    .addHelpText('after', examples('kuosan forward photo.jpg --schedule cosine --out forward.png'))
    .argument('<image>', 'a PNG, JPEG, WebP, GIF, SVG, AVIF or TIFF file')
    .requiredOption('--out <forward.png>', 'the figure to write')
    .option(
      '--schedule <name>',
      'noise schedule: linear or cosine',
      choiceOption('schedule', ['linear', 'cosine']),
      forwardDefaults.schedule,
    )
    .option('--steps <T>', 'steps of the forward process', integerOption('--steps', 1, 10_000), forwardDefaults.steps)
    .option(
      '--size <pixels>',
      'side in pixels; the image is resized by the shorter side and center-cropped',
      integerOption('--size', 1, 512),
      forwardDefaults.size,
    )
    .option('--seed <n>', 'seed of the noise', integerOption('--seed', 0), forwardDefaults.seed)
    .action(async (image: string, options: ForwardOptions) => {
      const { drawForward } = await import('./run-forward.ts');
      await drawForward(image, options, (line) => process.stdout.write(`${line}\n`));
    });
}
