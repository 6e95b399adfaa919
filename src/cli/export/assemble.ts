import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { choiceOption } from '../options.ts';
import type { AssembleOptions } from './run-assemble.ts';

export function register(program: Command): void {
  program
    .command('assemble')
    .description('put stages together to one model: a base and what enlarges its images, or a DALL·E 2')
    .addHelpText(
      'after',
      examples(
        'kuosan assemble runs/base runs/upsampler --out models/icons',
        'kuosan assemble runs/prior runs/decoder --out models/dalle-2',
      ),
    )
    .argument('<stages...>', 'runs or model folders, the base first; a prior and a decoder make a DALL·E 2')
    .requiredOption('--out <dir>', 'the folder to write')
    .option(
      '--dtype <type>',
      'dtype of the stored weights: float32 or float16 (half the size)',
      choiceOption('dtype', ['float32', 'float16']),
      'float16' as const,
    )
    .option(
      '--text-encoder <type>',
      "dtype of the text encoder's weights: float32, float16 or int8 (a quarter of the size); default int8; of a DALL·E 2 and of stages in DeepFloyd IF's layout that of --dtype",
      choiceOption('text-encoder', ['float32', 'float16', 'int8']),
    )
    .action(async (stages: readonly string[], options: AssembleOptions) => {
      const { runAssemble } = await import('./run-assemble.ts');
      await runAssemble(stages, options);
    });
}
