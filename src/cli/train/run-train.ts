import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readRun } from '../../checkpoint/index.ts';
import { MissingDataError } from '../../data/index.ts';
import { quoteWord } from '../../formats/quote.ts';
import { configuredRun, sectionHeadsOf, systems } from '../../systems/index.ts';
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

/** What is trained where nothing is named: on own images what fits any folder, else the model that comes with the package. */
const presetFor = ({ data }: Pick<TrainOptions, 'data'>): string => (data === undefined ? 'noto-32' : 'images-32');

/**
 * Trains a run, or goes on with one.
 *
 * @param preset  its name or the path of a configuration; undefined is the run's own for one that goes on
 */
export async function runTrain(preset: string | undefined, options: TrainOptions, overrides: Overrides): Promise<void> {
  const config =
    preset === undefined && options.resume
      ? await configOf(options.out)
      : await readConfig(preset ?? presetFor(options));
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
  const merged = applyOverrides(config, [...own, ...overrides], sectionHeadsOf(systems));
  if ((merged['data'] as { source?: unknown } | undefined)?.source === undefined)
    throw new UsageError('--data is missing: a data set or a folder of images');
  const run = configuredRun(merged);
  const executor = await openExecutor(options);
  const isOwn = preset === undefined && options.resume && options.data === undefined;
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
  } catch (error) {
    if (!isOwn || !(error instanceof MissingDataError)) throw error;
    throw new Error(`${error.message}; this is where the run's images were, where they are now is said by --data`, {
      cause: error,
    });
  } finally {
    await executor.dispose();
  }
}

/** The configuration that a run recorded. */
async function configOf(out: string): Promise<Readonly<Record<string, unknown>>> {
  if (!existsSync(join(out, 'run.json')))
    throw new Error(`${out}: there is no run to resume; leave out --resume to start one, or give the --out of a run`);
  return (await readRun(out)).config;
}

function hasSampleSize({ model }: Readonly<Record<string, unknown>>): boolean {
  return typeof model === 'object' && model !== null && 'sampleSize' in model;
}
