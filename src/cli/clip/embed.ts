import type { Command } from 'commander';
import { addDeviceOptions } from '../device-options.ts';
import type { EmbedCommandOptions } from './run-embed.ts';
import { ttaOption } from './tta-option.ts';

export function register(program: Command): void {
  const command = program
    .command('embed')
    .description('write the vectors of images by a CLIP as an array for NumPy, unit vectors row by row')
    .argument(
      '<model>',
      'a run, a checkpoint or a model folder of a CLIP or of its image tower alone, or emoji-clip, which comes with kuosan',
    )
    .requiredOption('--images <path>', 'an image, or a folder of images')
    .requiredOption(
      '--out <file.npy>',
      'the array to write, float32 [images, D]; their paths go next to it, into a .txt',
    )
    .addOption(ttaOption())
    .option('--skip-bad', 'leave out files that cannot be read, and count them', false);
  addDeviceOptions(command).action(async (model: string, options: EmbedCommandOptions) => {
    const { withEngine } = await import('../with-engine.ts');
    await withEngine(options, async (engine, print) => {
      const { writeEmbeddings } = await import('./run-embed.ts');
      await writeEmbeddings(model, options, engine, print);
    });
  });
}
