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
  const tokenizer = program.command('tokenizer').description('make what turns texts into numbers');
  tokenizer
    .command('train')
    .description('learn a vocabulary from captions, by byte-pair encoding as CLIP has it, and write a tokenizer.json')
    .addHelpText(
      'after',
      examples('kuosan tokenizer train --captions my-images --vocab-size 4096 --out tokenizer.json'),
    )
    .requiredOption(
      '--captions <folder or .txt>',
      'a folder of captioned images (metadata.jsonl, or a .txt next to each), or a text with a caption on each line',
    )
    .requiredOption('--out <tokenizer.json>', 'the file to write')
    .option(
      '--vocab-size <n>',
      'tokens in all: 512 for bytes, the start and the end, and those that are learned',
      integerOption('--vocab-size', leastVocabSize, 2 ** 24 - 1),
      tokenizerDefaults.vocabSize,
    )
    .option(
      '--min-frequency <n>',
      'how often two neighbors must occur to become one token',
      integerOption('--min-frequency', 1),
      tokenizerDefaults.minFrequency,
    )
    .action(async (options: TokenizerTrainingOptions) => {
      const { runTokenizerTraining } = await import('./run-tokenizer.ts');
      await runTokenizerTraining(options, (line) => process.stdout.write(`${line}\n`));
    });
}
