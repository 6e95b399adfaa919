import { quoteWord } from '../../formats/quote.ts';
import { configuredRun } from '../../systems/index.ts';
import { readConfig } from '../../train/index.ts';
import type { DeviceOptions } from '../device-options.ts';
import { openExecutor } from '../open-executor.ts';
import { applyOverrides, UsageError, type Overrides } from '../options.ts';
import { showRun } from './show-run.ts';

/** The options of `kuosan train`. */
export interface TrainOptions extends DeviceOptions {
  readonly data?: string;
  readonly out: string;
  readonly init?: string;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly seed?: number;
  readonly checkpointEvery?: number;
  readonly resume: boolean;
  readonly skipBad: boolean;
}

export async function train(preset: string, options: TrainOptions, overrides: Overrides): Promise<void> {
  const own: Overrides = (
    [
      [['data', 'source'], options.data],
      [['train', 'init'], options.init],
      [['train', 'steps'], options.steps],
      [['train', 'batchSize'], options.batchSize],
      [['train', 'seed'], options.seed],
      [['train', 'checkpointEvery'], options.checkpointEvery],
    ] as const
  ).filter(([, value]) => value !== undefined);
  const merged = applyOverrides(await readConfig(preset), [...own, ...overrides]);
  if ((merged['data'] as { source?: unknown } | undefined)?.source === undefined)
    throw new UsageError('--data is missing: a data set or a folder of images');
  const run = configuredRun(merged);
  const executor = await openExecutor(options);
  try {
    const { use } = await showRun({
      run,
      out: options.out,
      executor,
      resume: options.resume,
      skipBad: options.skipBad,
      resumeOption: '--resume',
    });
    process.stderr.write(`${use.what}: npx ${use.command(quoteWord(options.out))}\n`);
  } finally {
    await executor.dispose();
  }
}
