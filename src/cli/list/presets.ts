import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { ListOptions } from './list-options.ts';

export function register(program: Command): void {
  program
    .command('presets')
    .description('list the documented training runs that come with kuosan')
    .option('--json', 'print JSON', false)
    .addHelpText('after', examples('kuosan presets'))
    .action(async (options: ListOptions) => {
      const { listPresets } = await import('./run-presets.ts');
      await listPresets(options, (line) => process.stdout.write(`${line}\n`));
    });
}
