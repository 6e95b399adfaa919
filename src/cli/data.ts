import type { Command } from 'commander';
import { integerOption } from './options.ts';
import type { DataOptions } from './show-data.ts';

/** Ten rows of ten: enough to see the variety, and at three times the size of a 32-pixel picture still one screen. */
const defaultCount = 100;

/** `openDefaults.size`, written out: importing it would load the image library for `--help`. */
const defaultSize = 32;

export function register(program: Command): void {
  program
    .command('data')
    .description('show what a model will see of a data set: a summary, and a grid of pictures')
    .argument('<source>', 'noto-emoji, a part of it such as noto-emoji/faces, mnist, fashion-mnist, cifar10, a folder of images (sub-folders are classes), or one of idx files or CIFAR-10 batches')
    .requiredOption('--out <grid.png>', 'the picture to write')
    .option('--count <n>', 'pictures in the grid', integerOption('--count', 1, 10_000), defaultCount)
    .option('--size <pixels>', 'side of the pictures, fitted to the shorter side and cropped to the middle', integerOption('--size', 1, 4096), defaultSize)
    .option('--skip-bad', 'leave out images that cannot be read, and count them', false)
    .option('--seed <n>', 'which pictures the grid shows', integerOption('--seed', 0), 0)
    .action(async (source: string, options: DataOptions) => {
      const { showData } = await import('./show-data.ts');
      await showData(source, options, (line) => process.stdout.write(`${line}\n`));
    });
}
