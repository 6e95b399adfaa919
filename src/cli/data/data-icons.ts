import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { choiceOption, integerOption, numberOption } from '../options.ts';
import type { DataIconsOptions } from './run-data-icons.ts';

/** `iconDefaults`, written out: importing them would load the image library for `--help`. */
const defaults = { size: 24, holdOut: 0.05 } as const;

/** Adds `kuosan data icons`. */
export function register(data: Command): void {
  data
    .command('icons')
    .description('build a folder of captioned icons in many styles from npm packages of Iconify on this machine')
    .addHelpText('after', examples('kuosan data icons --sets tabler,lucide --size 24 --out icons'))
    .requiredOption(
      '--out <dir>',
      'the folder to make: a folder for each set with metadata.jsonl, and lists of what to train and test on',
    )
    .option('--sets <names>', 'sets of Iconify, separated by commas (default: the 40 under clean licenses)')
    .option('--size <pixels>', 'side of the images', integerOption('--size', 8, 1024), defaults.size)
    .option('--packages <dir>', 'where the packages are installed; default here or a folder above', '.')
    .option(
      '--licenses <which>',
      'clean, or all: sets whose license asks for more',
      choiceOption('--licenses', ['clean', 'all']),
      'clean',
    )
    .option(
      '--hold-out <share>',
      'share of the compositions, and of the pairs of set and caption, that are kept from training',
      numberOption('--hold-out', 0, 0.99),
      defaults.holdOut,
    )
    .option('--seed <n>', 'which are held out', integerOption('--seed', 0), 0)
    .addHelpText('after', examples('kuosan data icons --out data/icons24'))
    .action(async (options: DataIconsOptions) => {
      const { buildDataIcons } = await import('./run-data-icons.ts');
      await buildDataIcons(options, (line) => process.stdout.write(`${line}\n`));
    });
}
