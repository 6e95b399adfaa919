import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { addDeviceOptions } from '../device-options.ts';
import { integerOption, numberOption } from '../options.ts';
import type { ProbeCommandOptions } from './run-probe.ts';
import { ttaOption } from '../clip/tta-option.ts';
import type { DataOptional } from '../recorded-data.ts';

export function register(program: Command): void {
  const command = program
    .command('probe')
    .description("measure how well a CLIP's image embeddings classify: linear probe and nearest neighbors")
    .addHelpText('after', examples('kuosan probe emoji-clip --data fashion-mnist'))
    .argument(
      '<model>',
      'a run, a checkpoint or a model folder of a CLIP or of its image tower alone, or emoji-clip, which comes with kuosan',
    )
    .option(
      '--data <source>',
      'images with classes to learn from: a folder with a folder for each class, fashion-mnist, …; default: those that the run was trained on',
    )
    .option('--test <source>', 'test images with the same classes; default the test split of the data set')
    .option('--neighbors <k>', 'k of the k-nearest-neighbor classifier', integerOption('--neighbors', 1, 10_000), 20)
    .option(
      '--c <x>',
      'inverse regularization C of the linear classifier; default: tuned on a tenth of the data',
      numberOption('--c', 1e-6, 1e6),
    )
    .option('--json', 'print one JSON object', false)
    .addOption(ttaOption())
    .option('--skip-bad', 'leave out images that cannot be read, and count them', false);
  addDeviceOptions(command).action(async (model: string, options: DataOptional<ProbeCommandOptions>) => {
    const { dataOf } = await import('../recorded-data.ts');
    const { data } = await dataOf(model, options.data);
    const { withEngine } = await import('../with-engine.ts');
    await withEngine(options, async (engine, print) => {
      const { runProbe } = await import('./run-probe.ts');
      await runProbe(model, { ...options, data }, engine, print);
    });
  });
}
