import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { addDeviceOptions } from '../device-options.ts';
import { choiceOption } from '../options.ts';
import type { ZeroShotOptions } from './run-zero-shot.ts';
import { ttaOption } from '../clip/tta-option.ts';
import type { DataOptional } from '../recorded-data.ts';

export function register(program: Command): void {
  const command = program
    .command('zero-shot')
    .description('zero-shot accuracy of a CLIP: how many images get their own caption or class')
    .addHelpText('after', examples('kuosan zero-shot emoji-clip --data photos --template "a photo of {}"'))
    .argument('<model>', 'a run, a checkpoint or a model folder of a CLIP, or emoji-clip, which comes with kuosan')
    .option(
      '--data <source>',
      'images with captions or classes: a folder, fashion-mnist/test, …; default: those that the run was trained on, or held out',
    )
    .option(
      '--files <list>',
      'evaluate only the images on this list: one file name per line; the path is relative to the data, or to the working directory',
    )
    .option(
      '--among <which>',
      'candidate captions: of all images, or of the images on the list',
      choiceOption('among', ['all', 'files'] as const),
      'all',
    )
    .option(
      '--template <text>',
      'a prompt template with {} for the caption; repeat the option for a prompt ensemble',
      (text: string, earlier: string[]) => [...earlier, text],
      [],
    )
    .option('--tags', 'average each caption with its tags, where the data has tags', false)
    .option(
      '--group <key>',
      'also group accuracy: of the best caption, and of the group with the highest total probability; a key of metadata.jsonl, such as subgroup',
    )
    .option('--json', 'print one JSON object', false)
    .addOption(ttaOption())
    .option('--skip-bad', 'leave out images that cannot be read, and count them', false);
  addDeviceOptions(command).action(async (model: string, options: DataOptional<ZeroShotOptions>) => {
    const { dataOf } = await import('../recorded-data.ts');
    const recorded = await dataOf(model, options.data);
    const { withEngine } = await import('../with-engine.ts');
    await withEngine(options, async (engine, print) => {
      const { runZeroShot } = await import('./run-zero-shot.ts');
      await runZeroShot(model, { ...recorded, ...options, data: recorded.data }, engine, print);
    });
  });
}
