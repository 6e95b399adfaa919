import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { addDeviceOptions } from '../device-options.ts';
import { addFeatureOptions } from './feature-options.ts';
import { addGuidanceOptions } from '../guidance-options.ts';
import { samplerNames } from '../../diffusion/samplers.ts';
import { integerOption, namedOption } from '../options.ts';
import { samplerHelp } from '../sampling-options.ts';
import type { EvaluateOptions } from './run-evaluate.ts';
import type { DataOptional } from '../recorded-data.ts';

export function register(program: Command): void {
  const command = program
    .command('evaluate')
    .description("evaluate a model's images against real images")
    .addHelpText(
      'after',
      examples(
        'kuosan evaluate noto-32 --data noto-emoji/smileys --nearest nearest.png',
        'kuosan evaluate runs/icons --data data/icons24 --files splits/test-compositions.txt --clip runs/icons-clip --features runs/icons-clip --guidance-scale 3',
      ),
    )
    .argument('[run | model dir | name]', 'the model, as in kuosan sample; or give --images')
    .option(
      '--data <source>',
      'the real images: noto-emoji, a part of it, fashion-mnist, …, or a folder of images; default: those that the run was trained on',
    )
    .option(
      '--files <list>',
      'the real images are only those on this list: one file name per line; the path is relative to the data, or to the working directory',
    )
    .option(
      '--images <dir>',
      "evaluate a folder of images instead of a model's samples; of more than --count a random part, chosen by --seed",
    )
    .option(
      '--size <n>',
      'height and width of --images after resizing; default the input size of --features',
      integerOption('--size', 1, 4096),
    )
    .option(
      '--count <n>',
      'images to generate, and real images to compare them with',
      integerOption('--count', 4, 1_000_000),
      1000,
    )
    .option('--sampler <name>', samplerHelp().sampler, namedOption(samplerNames))
    .option('--steps <n>', 'steps of the reverse process; default as in kuosan sample', integerOption('--steps', 1))
    .option(
      '--nearest <sheet.png>',
      'find the nearest real image of each and count near-duplicates: the first pairs side by side, under their captions where there are some, and sheet.nearest.jsonl with a line for every image',
    )
    .option(
      '--bpd',
      'bits per dimension (variational bound), on the test split where there is one; alone it generates no images',
      false,
    )
    .option('--bpd-count <n>', 'images for --bpd', integerOption('--bpd-count', 2, 1_000_000), 64)
    .option(
      '--bpd-times <n>',
      'timesteps for each image; all timesteps give the exact sum for the drawn noise',
      integerOption('--bpd-times', 1),
      50,
    )
    .option(
      '--prompts <file>',
      'for a model of text to image: a prompt on each line, in turn; default the captions of the real images, in their styles',
    )
    .option('--style <values>', 'values of the fields for --prompts, as in kuosan sample: "lucide, outline"')
    .option(
      '--clip <clip>',
      'for a model of text to image: a CLIP that looks for the prompt of each image among a thousand captions (R-precision, CLIP score); best one that the model was not trained with',
    )
    .option('--seed <n>', 'seed of the choice of images and of the noise', integerOption('--seed', 0), 0)
    .option('--json', 'print one JSON object', false)
    .option('--skip-bad', 'leave out images that cannot be read, and count them', false)
    .option('--variant <name>', 'variant of the weights files, such as fp16')
    .option('--batch-size <n>', 'batch size', integerOption('--batch-size', 1, 1024), 16);
  addGuidanceOptions(command);
  addFeatureOptions(command);
  addDeviceOptions(command).action(async (source: string | undefined, options: DataOptional<EvaluateOptions>) => {
    const { dataOf } = await import('../recorded-data.ts');
    const { data } = await dataOf(source, options.data);
    const { runEvaluate } = await import('./run-evaluate.ts');
    await runEvaluate(source, { ...options, data });
  });
}
