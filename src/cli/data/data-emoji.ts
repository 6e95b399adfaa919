import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { DataEmojiOptions } from './run-data-emoji.ts';
import { integerOption, numberOption } from '../options.ts';

/** `emojiDefaults` and the names of the styles, written out: importing them would load the image library for `--help`. */
const defaults = {
  styles: 'noto,fluent,fluent-flat,twemoji,openmoji',
  language: 'en',
  size: 64,
  holdOut: 0.1,
} as const;

/** Adds `kuosan data emoji`. */
export function register(data: Command): void {
  data
    .command('emoji')
    .description('build a folder of emoji in several styles with captions, from npm packages on this machine')
    .addHelpText('after', examples('kuosan data emoji --styles noto,twemoji --out emoji'))
    .requiredOption(
      '--out <dir>',
      'the folder to make: a folder for each style with metadata.jsonl, and lists of what to train and test on',
    )
    .option('--styles <names>', 'emoji styles, separated by commas', defaults.styles)
    .option('--language <name>', 'of labels and tags: en, zh, de, fr, ja, …', defaults.language)
    .option('--size <pixels>', 'side of the images', integerOption('--size', 8, 1024), defaults.size)
    .option('--packages <dir>', 'where the packages are installed, if not here or in a folder above', '.')
    .option(
      '--hold-out <share>',
      'share of the concepts that are kept from training in every style',
      numberOption('--hold-out', 0, 0.99),
      defaults.holdOut,
    )
    .option('--test-styles <names>', 'styles that are kept from training, separated by commas')
    .option('--seed <n>', 'which concepts are held out', integerOption('--seed', 0), 0)
    .action(async (options: DataEmojiOptions) => {
      const { buildDataEmoji } = await import('./run-data-emoji.ts');
      await buildDataEmoji(options, (line) => process.stdout.write(`${line}\n`));
    });
}
