import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { leastVocabSize } from '../../data/texts/clip-tokenizer-json.ts';
import { integerOption } from '../options.ts';
import type { TokenizerTrainingOptions } from './run-tokenizer.ts';

const tokenizerDefaults = {
  // A tenth of CLIP's 49,408, which were learned from 400 million captions.
  vocabSize: 5000,
  minFrequency: 2,
} as const;

export function register(program: Command): void {
  const tokenizer = program.command('tokenizer').description('train a tokenizer');
  tokenizer
    .command('train')
    .description("train a byte-pair encoding on captions, as CLIP's, and write tokenizer.json")
    .addHelpText(
      'after',
      examples('kuosan tokenizer train --captions my-images --vocab-size 4096 --out tokenizer.json'),
    )
    .requiredOption(
      '--captions <folder or .txt>',
      'a folder of captioned images (metadata.jsonl, or a .txt per image), or a text file with one caption per line',
    )
    .requiredOption('--out <tokenizer.json>', 'the file to write')
    .option(
      '--vocab-size <n>',
      'vocabulary size: 512 for bytes, 2 special tokens, the rest learned merges',
      integerOption('--vocab-size', leastVocabSize, 2 ** 24 - 1),
      tokenizerDefaults.vocabSize,
    )
    .option(
      '--min-frequency <n>',
      'the least count of a pair to be merged',
      integerOption('--min-frequency', 1),
      tokenizerDefaults.minFrequency,
    )
    .action(async (options: TokenizerTrainingOptions) => {
      const { runTokenizerTraining } = await import('./run-tokenizer.ts');
      await runTokenizerTraining(options, (line) => process.stdout.write(`${line}\n`));
    });
}
