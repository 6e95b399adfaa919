import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { LossByNoiseCommandOptions } from './run-loss-by-noise.ts';
import { addDeviceOptions } from '../device-options.ts';
import { integerOption } from '../options.ts';
import { modelArgument } from '../sampling-options.ts';
import type { DataOptional } from '../recorded-data.ts';

export function register(program: Command): void {
  const command = program
    .command('loss-by-noise')
    .description("compare a model's loss with the irreducible loss on its data (the exact denoiser's), by noise level")
    .addHelpText('after', examples('kuosan loss-by-noise noto-32 --data noto-emoji/smileys --out loss-by-noise.png'))
    .argument('<run | model dir | name>', modelArgument)
    .option('--data <source>', 'the images it was trained on, as in kuosan data; default: those that the run recorded')
    .option('--levels <n>', 'noise levels', integerOption('--levels', 2, 1000), 20)
    .option('--draws <n>', 'noisy images at each level', integerOption('--draws', 2, 1_000_000), 128)
    .option('--out <loss-by-noise.png>', 'the figure to write', 'loss-by-noise.png')
    .option('--seed <n>', 'seed of images and noise', integerOption('--seed', 0), 0)
    .option('--variant <name>', 'variant of the weights files, such as fp16')
    .option('--batch-size <n>', 'batch size', integerOption('--batch-size', 1, 1024), 16);
  addDeviceOptions(command).action(async (source: string, options: DataOptional<LossByNoiseCommandOptions>) => {
    const { dataOf } = await import('../recorded-data.ts');
    const { data } = await dataOf(source, options.data);
    const { runLossByNoise } = await import('./run-loss-by-noise.ts');
    await runLossByNoise(source, { ...options, data });
  });
}
