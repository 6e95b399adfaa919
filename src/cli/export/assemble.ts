import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { choiceOption } from '../options.ts';
import type { AssembleOptions } from './run-assemble.ts';

export function register(program: Command): void {
  program
    .command('assemble')
    .description('put stages together to one model: a base, and what enlarges its images')
    .addHelpText('after', examples('kuosan assemble runs/base runs/upsampler --out models/icons'))
    .argument('<stages...>', 'runs or model folders, the base first')
    .requiredOption('--out <dir>', 'the folder to write')
    .option(
      '--dtype <type>',
      'dtype of the stored weights: float32 or float16 (half the size)',
      choiceOption('dtype', ['float32', 'float16']),
      'float16' as const,
    )
    .option(
      '--text-encoder <type>',
      "dtype of the text encoder's weights: float32, float16 or int8 (a quarter of the size)",
      choiceOption('text-encoder', ['float32', 'float16', 'int8']),
      'int8' as const,
    )
    .action(async (stages: readonly string[], options: AssembleOptions) => {
      const { runAssemble } = await import('./run-assemble.ts');
      await runAssemble(stages, options);
    });
}
