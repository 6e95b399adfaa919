import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { addDeviceOptions } from '../device-options.ts';
import { choiceOption, integerOption } from '../options.ts';
import type { DalleDemoOptions } from './run-dalle-demo.ts';
import type { DemoOptions } from './run-demo.ts';

export function register(program: Command): void {
  const command = program
    .command('demo')
    .description(
      "train on Noto's smileys and watch the samples get better: two to three minutes on two cores; or see how a DALL·E 2 makes an image of a text",
    )
    .addHelpText('after', examples('kuosan demo --out runs/demo', 'kuosan demo dalle-2 --prompt "a red heart"'))
    .argument('[what]', 'train, or dalle-2', choiceOption('what', ['train', 'dalle-2']), 'train' as const)
    .option('--prompt <text>', 'of dalle-2: what the image shows; default, it asks')
    .option('--model <model>', 'of dalle-2: a name, or a folder that kuosan assemble wrote', 'dalle-2')
    .option('--seed <n>', 'of dalle-2: seed of the noise', integerOption('--seed', 0), 0)
    .option('--out <dir>', 'folder of the run', 'runs/demo')
    .option('--steps <n>', "training steps; default: the preset's", integerOption('--steps', 1));
  addDeviceOptions(command).action(async (what: 'train' | 'dalle-2', options: DemoOptions & DalleDemoOptions) => {
    if (what === 'dalle-2') {
      const { runDalleDemo } = await import('./run-dalle-demo.ts');
      return runDalleDemo(options);
    }
    const { runDemo } = await import('./run-demo.ts');
    await runDemo(options);
  });
}
