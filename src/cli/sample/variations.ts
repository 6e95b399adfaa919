import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { integerOption, UsageError } from '../options.ts';
import { addSamplerOptions, addSourceOptions } from '../sampling-options.ts';
import type { VariationsOptions } from './run-variations.ts';

export function register(program: Command): void {
  const command = program
    .command('variations')
    .description('generate variations of an image, through its CLIP embedding: of a DALL·E 2')
    .addHelpText(
      'after',
      examples(
        'kuosan variations models/dalle-2 --image folder.png --count 6',
        'kuosan variations models/dalle-2 --image folder.png --count 6 --preserve',
        'kuosan variations models/dalle-2 --image folder.png --components 4,16,64 --data data/icons24',
      ),
    )
    .requiredOption('--image <in.png>', "the image; resized to the model's size by the shorter side and center-cropped")
    .option('--count <n>', 'variations to generate', integerOption('--count', 1, 100_000), 6)
    .option(
      '--preserve',
      'begin with the noise that DDIM inversion finds for the image, so that they stay nearer to it',
      false,
    )
    .option(
      '--components <k,...>',
      'in the place of variations, rebuild the image from the first k principal components of its embedding; needs --data',
      readCounts,
    )
    .option('--data <source>', 'images whose embeddings have these components: a data set')
    .option('--out <grid.png>', 'the grid to write: the image, then its variations', 'variations.png')
    .option('--images <dir>', 'also write every variation on its own')
    .option('--seed <n>', 'seed of the noise', integerOption('--seed', 0), 0);
  addSourceOptions(addSamplerOptions(command), 8).action(async (source: string, options: VariationsOptions) => {
    const { runVariations } = await import('./run-variations.ts');
    await runVariations(source, options);
  });
}

function readCounts(text: string): number[] {
  const counts = text.split(',').map(integerOption('--components', 0));
  if (counts.length === 0) throw new UsageError('--components: expected numbers separated by commas');
  return counts;
}
