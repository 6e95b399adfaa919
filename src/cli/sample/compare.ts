import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { samplers, timeSpacings } from '../../diffusion/samplers.ts';
import type { CompareCommandOptions } from './run-compare.ts';
import { addFeatureOptions } from '../measure/feature-options.ts';
import { addGuidanceOptions } from '../guidance-options.ts';
import { choiceOption, integerOption } from '../options.ts';
import { addSourceOptions } from '../sampling-options.ts';

const names = Object.keys(samplers);

export function register(program: Command): void {
  const command = program
    .command('compare')
    .description('compare samplers and numbers of steps from the same noise')
    .addHelpText('after', examples('kuosan compare noto-32 --samplers ddim,dpmpp-2m --steps 10,20 --out compare.png'))
    .option(
      '--samplers <a,b,...>',
      `of ${names.join(', ')}`,
      (text: string) => text.split(',').map(choiceOption('sampler', names)),
      ['ddpm', 'ddim', 'heun', 'dpmpp-2m', 'unipc'],
    )
    .option(
      '--steps <a,b,...>',
      'numbers of steps',
      (text: string) => text.split(',').map(integerOption('--steps', 1)),
      [5, 10, 20, 50],
    )
    .option(
      '--spacing <name>',
      `how the times of all are placed: ${timeSpacings.join(', ')}; default each sampler's own way`,
      choiceOption('spacing', timeSpacings),
    )
    .option('--count <n>', 'images to measure; the grid shows the first four', integerOption('--count', 1, 10_000), 16)
    .option(
      '--data <source>',
      'a data set: also measure the distance to its nearest image, and the Fréchet distance of --features; with --exact its own',
    )
    .option('--reference-steps <n>', 'steps of the converged reference', integerOption('--reference-steps', 1), 200)
    .option('--out <compare.png>', 'the grid to write', 'compare.png')
    .option('--class <name>', 'the class to generate, by its name, or by its number as #3; default: all in turn')
    .option('--seed <n>', 'seed of the noise', integerOption('--seed', 0), 0);
  addGuidanceOptions(command);
  addFeatureOptions(command);
  addSourceOptions(command).action(async (source: string | undefined, options: CompareCommandOptions) => {
    const { runCompare } = await import('./run-compare.ts');
    await runCompare(source, options);
  });
}
