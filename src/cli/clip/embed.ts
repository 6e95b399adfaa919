import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { addDeviceOptions } from '../device-options.ts';
import type { EmbedCommandOptions } from './run-embed.ts';
import { ttaOption } from './tta-option.ts';

export function register(program: Command): void {
  const command = program
    .command('embed')
    .description('write CLIP image embeddings as a NumPy array, one unit vector per row')
    .addHelpText('after', examples('kuosan embed emoji-clip --images photos --out photos.npy'))
    .argument(
      '<model>',
      'a run, a checkpoint or a model folder of a CLIP or of its image tower alone, or emoji-clip, which comes with kuosan',
    )
    .requiredOption('--images <path>', 'an image, or a folder of images')
    .requiredOption(
      '--out <file.npy>',
      'the array to write, float32 [images, D]; the paths of the images go into a .txt next to it',
    )
    .addOption(ttaOption())
    .option('--skip-bad', 'leave out files that cannot be read, and count them', false);
  addDeviceOptions(command).action(async (model: string, options: EmbedCommandOptions) => {
    const { withEngine } = await import('../with-engine.ts');
    await withEngine(options, async (engine, print) => {
      const { runEmbed } = await import('./run-embed.ts');
      await runEmbed(model, options, engine, print);
    });
  });
}
