import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { ListOptions } from './list-options.ts';

export function register(program: Command): void {
  program
    .command('runs')
    .description('list training runs: what they train, on what data, how far they are')
    .argument('[dir]', 'a run, or a folder of runs', 'runs')
    .option('--json', 'print JSON', false)
    .addHelpText('after', examples('kuosan runs', 'kuosan runs runs/photos --json'))
    .action(async (dir: string, options: ListOptions) => {
      const { listRuns } = await import('./run-runs.ts');
      await listRuns(dir, options, (line) => process.stdout.write(`${line}\n`));
    });
}
