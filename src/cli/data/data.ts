import type { Command } from 'commander';
import { examples } from '../examples.ts';
import * as emoji from './data-emoji.ts';
import * as icons from './data-icons.ts';
import { integerOption, UsageError } from '../options.ts';
import type { DataOptions } from './run-data.ts';

/** Ten rows of ten: enough to see the variety, and at three times the size of a 32-pixel image still one screen. */
const defaultCount = 100;

/** `openDefaults.size`, written out: importing it would load the image library for `--help`. */
const defaultSize = 32;

export function register(program: Command): void {
  const command = program
    .command('data')
    // So that a sub-command has its own --out and --size.
    .enablePositionalOptions()
    .description('show a data set as a model reads it: a summary, and a grid of images')
    .addHelpText(
      'after',
      examples('kuosan data noto-emoji --out emoji.png', 'kuosan data my-images --size 64 --out seen.png'),
    )
    .argument(
      '<source>',
      'noto-emoji, a part of it such as noto-emoji/faces, mnist, fashion-mnist, cifar10, a folder of images (sub-folders are classes), or one of idx files or CIFAR-10 batches',
    )
    .option('--out <grid.png>', 'the image to write')
    .option('--count <n>', 'images in the grid', integerOption('--count', 1, 10_000), defaultCount)
    .option(
      '--size <pixels>',
      'side in pixels; images are resized by the shorter side and center-cropped',
      integerOption('--size', 1, 4096),
      defaultSize,
    )
    .option('--skip-bad', 'leave out images that cannot be read, and count them', false)
    .option('--seed <n>', 'which images the grid shows', integerOption('--seed', 0), 0)
    .action(async (source: string, { out, ...options }: Omit<DataOptions, 'out'> & { readonly out?: string }) => {
      // Not a required option of commander's, which would ask for it next to a sub-command too.
      if (out === undefined)
        throw new UsageError("required option '--out <grid.png>' not specified; see kuosan data --help");
      const { runData } = await import('./run-data.ts');
      await runData(source, { ...options, out }, (line) => process.stdout.write(`${line}\n`));
    });
  emoji.register(command);
  icons.register(command);
}
