import type { Command } from 'commander';
import { samplers, timeSpacings, type SamplerDefinition } from '../diffusion/sample.ts';
import { addDeviceOptions } from './device-options.ts';
import { choiceOption, integerOption, numberOption } from './options.ts';
import type { SampleCommandOptions } from './draw-samples.ts';

export function register(program: Command): void {
  const command = program
    .command('sample')
    .description('draw pictures from a trained model')
    .argument('<run | model dir | name>', 'a run\'s folder, one checkpoint, a model folder, or a model that comes with kuosan (noto-32)')
    .option('--count <n>', 'pictures', integerOption('--count', 1, 100_000), 64)
    .option('--out <grid.png>', 'the grid to write', 'grid.png')
    .option('--images <dir>', 'also write every picture on its own')
    .option('--gif <reverse.gif>', 'also write the reverse process as an animation of the grid')
    .option('--sampler <name>', `one of ${Object.keys(samplers).join(', ')}; ddpm is Algorithm 2`, 'ddpm')
    .option('--steps <n>', `steps of the reverse process; default ${defaultSteps()}`, integerOption('--steps', 1))
    .option('--spacing <name>', `how the times are placed: ${timeSpacings.join(', ')}; default the sampler's own`, choiceOption('spacing', timeSpacings))
    .option('--eta <x>', 'noise of ddim, euler-ancestral and dpmpp-2m-sde: 0 is deterministic; with 1 ddim has the variance of ddpm', numberOption('--eta', 0, 1))
    .option('--churn <x>', 'noise of heun over all its steps', numberOption('--churn', 0, 1000))
    .option('--class <name or number>', 'the class to draw, for a model with classes; default: all in turn')
    .option('--guidance-scale <s>', 'how much to lean towards the class, for a model trained with hidden classes; 1 is off', numberOption('--guidance-scale', -100, 100))
    .option('--guidance-rescale <x>', 'bring guided predictions back to their spread, from 0 (not) to 1', numberOption('--guidance-rescale', 0, 1))
    .option('--dynamic-threshold <p>', 'scale each estimate by its own quantile p instead of clipping, for strong guidance; usual 0.995', numberOption('--dynamic-threshold', 0, 1))
    .option('--seed <n>', 'picture i of a seed is the same at any count', integerOption('--seed', 0), 0)
    .option('--variant <name>', 'which of several sets of weights to read, such as fp16')
    .option('--batch-size <n>', 'pictures computed together', integerOption('--batch-size', 1, 1024), 16);
  addDeviceOptions(command)
    .action(async (source: string, options: SampleCommandOptions) => {
      const { drawSamples } = await import('./draw-samples.ts');
      await drawSamples(source, options);
    });
}

function defaultSteps(): string {
  const own = Object.entries<SamplerDefinition>(samplers).filter(([, { steps }]) => steps !== undefined).map(([name, { steps }]) => `${steps} for ${name}`);
  return ['100 for ddpm (the paper takes all 1000)', ...own].join(', ');
}
