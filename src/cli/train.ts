import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { createNodeExecutor } from '../runtime/node.ts';
import { parseDdpmConfig, readConfig } from '../train/index.ts';
import { applyOverrides, integerOption, parseOverrides, UsageError, type Overrides } from './options.ts';
import { showRun } from './show-run.ts';

interface TrainOptions {
  readonly data?: string;
  readonly out: string;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly seed?: number;
  readonly checkpointEvery?: number;
  readonly resume: boolean;
  readonly skipBad: boolean;
  readonly threads: number;
}

export function register(program: Command): void {
  const command = program.command('train');
  command
    .description('train a diffusion model on your pictures')
    .argument('[preset | config.json]', 'a documented run (smileys-16, noto-32) or a configuration file', 'noto-32')
    .option('--data <source>', 'noto-emoji, a part of it, or a folder of images (sub-folders are classes); default: the preset\'s')
    .requiredOption('--out <dir>', 'the run\'s folder: checkpoints, sample grids, metrics.jsonl')
    .option('--steps <n>', 'updates of the weights', integerOption('--steps', 1))
    .option('--batch-size <n>', 'pictures in one forward pass', integerOption('--batch-size', 1))
    .option('--seed <n>', 'seed of weights, batches and noise', integerOption('--seed', 0))
    .option('--checkpoint-every <n>', 'steps between checkpoints', integerOption('--checkpoint-every', 1))
    .option('--resume', 'go on from the newest checkpoint in --out, bit for bit', false)
    .option('--skip-bad', 'leave out images that cannot be read, and count them', false)
    .option('--threads <n>', 'threads of the engine', integerOption('--threads', 1, 1024), availableParallelism())
    .addHelpText('after', '\nAny setting of the configuration can be given by its path: --model.layersPerBlock 2 --train.ema.decay 0.999')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (preset: string, options: TrainOptions) => {
      const known = command.options.map(({ long }) => long!);
      // An unknown option swallows the preset's place: `train --model.x 2` must still read as options.
      const [name, rest] = preset.startsWith('--') ? ['noto-32', command.args] : [preset, command.args.slice(command.args[0] === preset ? 1 : 0)];
      await train(name, options, parseOverrides(rest, known));
    });
}

async function train(preset: string, options: TrainOptions, overrides: Overrides): Promise<void> {
  const own: Overrides = ([
    [['data', 'source'], options.data],
    [['train', 'steps'], options.steps],
    [['train', 'batchSize'], options.batchSize],
    [['train', 'seed'], options.seed],
    [['train', 'checkpointEvery'], options.checkpointEvery],
  ] as const).filter(([, value]) => value !== undefined);
  const merged = applyOverrides(await readConfig(preset), [...own, ...overrides]);
  if ((merged['data'] as { source?: unknown } | undefined)?.source === undefined) throw new UsageError('--data is missing: a data set or a folder of images');
  const config = parseDdpmConfig(merged);
  const executor = createNodeExecutor({ threads: options.threads });
  try {
    const reason = await showRun({ config, out: options.out, executor, resume: options.resume, skipBad: options.skipBad, resumeCommand: resumeCommand(process.argv.slice(2)) });
    if (reason === 'finished') process.stderr.write(`draw from it: npx kuosan sample ${options.out} --count 64 --out ${options.out}/grid.png\n`);
  } finally {
    await executor.dispose();
  }
}

function resumeCommand(typed: readonly string[]): string {
  const quoted = typed.filter((word) => word !== '--resume').map((word) => (/^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll('\'', '\'\\\'\'')}'`));
  return `npx kuosan ${quoted.join(' ')} --resume`;
}
