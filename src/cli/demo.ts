import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { integerOption } from './options.ts';
import type { DemoOptions } from './run-demo.ts';

export function register(program: Command): void {
  program
    .command('demo')
    .description('train on Noto\'s smileys and watch the samples get better: two to three minutes on two cores')
    .option('--out <dir>', 'where the run goes', 'runs/demo')
    .option('--steps <n>', 'updates of the weights; default: the preset\'s', integerOption('--steps', 1))
    .option('--threads <n>', 'threads of the engine', integerOption('--threads', 1, 1024), availableParallelism())
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./run-demo.ts');
      await demo(options);
    });
}
