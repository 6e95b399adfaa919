import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { ListOptions } from './list-options.ts';

export function register(program: Command): void {
  program
    .command('models')
    .description('list the models that come with kuosan, or those in a folder')
    .argument('[dir]', 'a folder of model folders; default the models that go by a name')
    .option('--json', 'print JSON', false)
    .addHelpText('after', examples('kuosan models', 'kuosan models exported --json'))
    .action(async (dir: string | undefined, options: ListOptions) => {
      const { listModels } = await import('./run-models.ts');
      await listModels(dir, options, (line) => process.stdout.write(`${line}\n`));
    });
}
