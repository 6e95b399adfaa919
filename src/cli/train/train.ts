import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { addDeviceOptions } from '../device-options.ts';
import { integerOption, parseOverrides, sizeOption, UsageError } from '../options.ts';
import type { TrainOptions } from './run-train.ts';

export function register(program: Command): void {
  const command = program.command('train');
  command
    .description('train a diffusion model, an image classifier or a CLIP on your images')
    .argument(
      '[preset | config.json]',
      "a documented run (images-32, images-64 or images-128 for any folder, smileys-16, noto-32, mnist, fashion-mnist, cifar10, fashion-mnist-classifier, clip, emoji-clip, fashion-mnist-clip) or a configuration file; default images-32 for --data, else noto-32, and with --resume the run's own",
    )
    .option(
      '--data <source>',
      "noto-emoji, a part of it, mnist, fashion-mnist, cifar10, or a folder of images (sub-folders are classes); default: the preset's",
    )
    .requiredOption(
      '--out <dir>',
      "the run's folder: checkpoints, sample grids, metrics.jsonl, TensorBoard's events, loss-by-noise.png",
    )
    .option(
      '--init <model>',
      'initial weights: a trained model of the same architecture (a run, a checkpoint, a model folder or a name); default random',
    )
    .option('--steps <n>', 'training steps', integerOption('--steps', 1))
    .option(
      '--size <pixels>',
      "side of the images, or width and height as 64x48; default: the preset's",
      sizeOption('--size', 4096),
    )
    .option('--no-classes', 'train without the classes of the data; by default the model is conditioned on them')
    .option('--batch-size <n>', 'batch size', integerOption('--batch-size', 1))
    .option('--seed <n>', 'seed of weights, batches and noise', integerOption('--seed', 0))
    .option('--checkpoint-every <n>', 'steps between checkpoints', integerOption('--checkpoint-every', 1))
    .option('--resume', 'go on from the newest checkpoint in --out, bit for bit; the run has all its settings', false)
    .option('--skip-bad', 'leave out images that cannot be read, and count them', false)
    .addHelpText(
      'after',
      '\nAny setting of the configuration can be given by its path: --model.layersPerBlock 2 --train.ema.decay 0.999',
    )
    .addHelpText(
      'after',
      examples(
        'kuosan train images-32 --data my-images --out runs/mine',
        'kuosan train icons-24 --data data/icons24 --text.encoder all-MiniLM-L6-v2 --out runs/icons',
        'kuosan train --resume --out runs/mine',
      ),
    )
    .allowUnknownOption()
    .allowExcessArguments();
  addDeviceOptions(command).action(async (_preset: string | undefined, options: TrainOptions) => {
    const [{ systems }, { switchesOf }] = [
      await import('../../systems/all.ts'),
      await import('../../systems/schema-settings.ts'),
    ];
    // Commander cannot tell an unknown option's value from the preset: everything it left is read here.
    const { overrides, others } = parseOverrides(
      command.args,
      command.options.map(({ long }) => long!),
      switchesOf(systems),
    );
    const [preset, tooMany] = others;
    if (tooMany !== undefined)
      throw new UsageError(
        `${JSON.stringify(tooMany)} is one argument too many; kuosan train takes one preset or configuration file`,
      );
    const { runTrain } = await import('./run-train.ts');
    await runTrain(preset, options, overrides);
  });
}
