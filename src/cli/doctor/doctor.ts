import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { DoctorOptions } from './run-doctor.ts';

export function register(program: Command): void {
  program
    .command('doctor')
    .description('check this machine: CPU, memory, GPU, dependencies, and how to install what is missing')
    .addHelpText('after', examples('kuosan doctor'))
    .option('--json', 'print the findings as JSON', false)
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import('./run-doctor.ts');
      await runDoctor(options);
    });
}
