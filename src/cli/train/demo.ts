import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { addDeviceOptions } from '../device-options.ts';
import { integerOption } from '../options.ts';
import type { DemoOptions } from './run-demo.ts';

export function register(program: Command): void {
  const command = program
    .command('demo')
    .description("train on Noto's smileys and watch the samples get better: two to three minutes on two cores")
    .addHelpText('after', examples('kuosan demo --out runs/demo'))
    .option('--out <dir>', 'folder of the run', 'runs/demo')
    .option('--steps <n>', "training steps; default: the preset's", integerOption('--steps', 1));
  addDeviceOptions(command).action(async (options: DemoOptions) => {
    const { runDemo } = await import('./run-demo.ts');
    await runDemo(options);
  });
}
