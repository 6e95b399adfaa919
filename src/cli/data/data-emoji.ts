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
    .description('build a captioned data set of emoji in several styles, from installed npm packages')
    .addHelpText('after', examples('kuosan data emoji --styles noto,twemoji --out emoji'))
    .requiredOption(
      '--out <dir>',
      'the folder to make: one folder per style with metadata.jsonl, and lists of the splits',
    )
    .option('--styles <names>', 'emoji styles, separated by commas', defaults.styles)
    .option('--language <name>', 'language of captions and tags: en, zh, de, fr, ja, …', defaults.language)
    .option('--size <pixels>', 'side of the images', integerOption('--size', 8, 1024), defaults.size)
    .option('--packages <dir>', 'where the packages are installed; default here or a folder above', '.')
    .option(
      '--hold-out <share>',
      'share of the concepts that are held out in every style',
      numberOption('--hold-out', 0, 0.99),
      defaults.holdOut,
    )
    .option('--test-styles <names>', 'styles that are held out, separated by commas')
    .option('--seed <n>', 'which concepts are held out', integerOption('--seed', 0), 0)
    .action(async (options: DataEmojiOptions) => {
      const { runDataEmoji } = await import('./run-data-emoji.ts');
      await runDataEmoji(options, (line) => process.stdout.write(`${line}\n`));
    });
}
