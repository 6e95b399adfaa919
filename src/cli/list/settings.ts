import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { SettingsOptions } from './run-settings.ts';

export function register(program: Command): void {
  program
    .command('settings')
    .description('say what the settings of a training run mean, and their defaults')
    .argument(
      '[setting]',
      'a setting such as train.learningRate, a section such as train.ema, or a name alone; default all',
    )
    .option('--task <name>', 'of one kind of run: ddpm, classifier or clip; default every one that has the setting')
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      examples('kuosan settings', 'kuosan settings train.ema', 'kuosan settings learningRate --task clip'),
    )
    .action(async (path: string | undefined, options: SettingsOptions) => {
      const { showSettings } = await import('./run-settings.ts');
      await showSettings(path ?? '', options, (line) => process.stdout.write(`${line}\n`));
    });
}
