import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { ClassifyOptions } from './run-classify.ts';
import { addDeviceOptions } from '../device-options.ts';
import { integerOption } from '../options.ts';
import { ttaOption } from './tta-option.ts';

export function register(program: Command): void {
  const command = program
    .command('classify')
    .description('classify images by your own labels with a CLIP (zero-shot)')
    .addHelpText('after', examples('kuosan classify emoji-clip --images photos --labels "cat,dog,red heart"'))
    .argument('<model>', 'a run, a checkpoint or a model folder of a CLIP, or emoji-clip, which comes with kuosan')
    .requiredOption('--images <path>', 'an image, or a folder of images')
    .requiredOption('--labels <list>', 'labels separated by commas, or a .txt file with one label per line')
    .option(
      '--template <text>',
      'a prompt template with {} for the label; repeat the option for a prompt ensemble',
      (text: string, earlier: string[]) => [...earlier, text],
      [],
    )
    .option('--top <n>', 'labels to print for each image', integerOption('--top', 1, 1000), 5)
    .option('--json', 'print one JSON object per image, one per line', false)
    .addOption(ttaOption())
    .option('--skip-bad', 'leave out files that cannot be read, and count them', false);
  addDeviceOptions(command).action(async (model: string, options: ClassifyOptions) => {
    const { withEngine } = await import('../with-engine.ts');
    await withEngine(options, async (engine, print) => {
      const { runClassify } = await import('./run-classify.ts');
      await runClassify(model, options, engine, print);
    });
  });
}
