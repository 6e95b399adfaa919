import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { ClassifyOptions } from './run-classify.ts';
import { addDeviceOptions } from '../device-options.ts';
import { integerOption } from '../options.ts';
import { ttaOption } from './tta-option.ts';

export function register(program: Command): void {
  const command = program
    .command('classify')
    .description('say which of your words fits each image, by a CLIP that was never trained on these classes')
    .addHelpText('after', examples('kuosan classify emoji-clip --images photos --labels "cat,dog,red heart"'))
    .argument('<model>', 'a run, a checkpoint or a model folder of a CLIP, or emoji-clip, which comes with kuosan')
    .requiredOption('--images <path>', 'an image, or a folder of images')
    .requiredOption('--labels <list>', 'labels separated by commas, or a .txt file with one on each line')
    .option(
      '--template <text>',
      'a sentence with {} for the label; give it several times to average over sentences',
      (text: string, earlier: string[]) => [...earlier, text],
      [],
    )
    .option('--top <n>', 'labels to print for each image', integerOption('--top', 1, 1000), 5)
    .option('--json', 'print a JSON object on each line, for one image', false)
    .addOption(ttaOption())
    .option('--skip-bad', 'leave out files that cannot be read, and count them', false);
  addDeviceOptions(command).action(async (model: string, options: ClassifyOptions) => {
    const { withEngine } = await import('../with-engine.ts');
    await withEngine(options, async (engine, print) => {
      const { classifyImages } = await import('./run-classify.ts');
      await classifyImages(model, options, engine, print);
    });
  });
}
