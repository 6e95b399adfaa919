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
  readonly size?: number | [height: number, width: number];
  /** False trains without the classes of the data. */
  readonly classes: boolean;
  readonly batchSize?: number;
  readonly seed?: number;
  readonly checkpointEvery?: number;
  readonly resume: boolean;
  readonly skipBad: boolean;
}

export async function train(preset: string, options: TrainOptions, overrides: Overrides): Promise<void> {
  const config = await readConfig(preset);
  const own: Overrides = (
    [
      [['data', 'source'], options.data],
      [['train', 'init'], options.init],
      [['data', 'size'], options.size],
      // Where the network says its size too, that is the same number.
      [['model', 'sampleSize'], hasSampleSize(config) ? options.size : undefined],
      [['model', 'numClassEmbeds'], options.classes ? undefined : null],
      [['objective', 'labelDropout'], options.classes ? undefined : 0],
      [['train', 'steps'], options.steps],
      [['train', 'batchSize'], options.batchSize],
      [['train', 'seed'], options.seed],
      [['train', 'checkpointEvery'], options.checkpointEvery],
    ] as const
  ).filter(([, value]) => value !== undefined);
  const merged = applyOverrides(config, [...own, ...overrides]);
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

function hasSampleSize({ model }: Readonly<Record<string, unknown>>): boolean {
  return typeof model === 'object' && model !== null && 'sampleSize' in model;
}
