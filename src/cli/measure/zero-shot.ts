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
    .description('count how many images of a data set a CLIP gives their own caption, or class')
    .addHelpText('after', examples('kuosan zero-shot emoji-clip --data photos --template "a photo of {}"'))
    .argument('<model>', 'a run, a checkpoint or a model folder of a CLIP, or emoji-clip, which comes with kuosan')
    .option(
      '--data <source>',
      'images with captions or classes: a folder, fashion-mnist/test, …; default: those that the run was trained on, or held out',
    )
    .option(
      '--files <list>',
      'name only the images on this list: one file name a line; looked for inside the folder, then as it is given',
    )
    .option(
      '--among <which>',
      'captions to choose from: those of all images, or of the images on the list',
      choiceOption('among', ['all', 'files'] as const),
      'all',
    )
    .option(
      '--template <text>',
      'a sentence with {} for the caption; give it several times to average over sentences',
      (text: string, earlier: string[]) => [...earlier, text],
      [],
    )
    .option('--tags', 'say every caption once with each of its tags, as far as the data has them, and average', false)
    .option(
      '--group <key>',
      'also count where the best caption is of the right group, and where the group whose captions have the most probability together is: a key of the lines of metadata.jsonl, such as subgroup',
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
