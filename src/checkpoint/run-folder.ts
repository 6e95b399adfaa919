/**
 * A training run's folder.
 *
 *     <out>/run.json       format version, the full configuration, the data's fingerprint: written at the start
 *     <out>/checkpoints/   see `step-folders.ts`
 *     <out>/latest
 */
import { access, constants, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { quoteJson } from '../formats/quote.ts';
import { cleanLeftovers, latestCheckpoint, stepsFolder, type Checkpoint } from './step-folders.ts';
import { kindOf, makeFolder, replaceFile, systemReason } from '../files/durable-files.ts';
import { isObject, jsonText, readJsonFile, type JsonObject } from '../files/json-file.ts';

export const runFile = 'run.json';

/** Raised whenever an older reader would misunderstand the folder. */
const runFormat = 1;

/** What a run is, as `run.json` records it. */
export interface RunRecord {
  /** Everything that decides the result; JSON values. */
  readonly config: JsonObject;
  /** What tells the data from other data: a digest, or a record with one. */
  readonly data: unknown;
}

/** Options of `openRun`. */
export interface OpenRunOptions extends RunRecord {
  /** Continue the run that is there, instead of starting one. */
  readonly resume: boolean;
  /** Keys of the configuration that may differ from the run's own on a resume, `steps` or `train.steps`; default none. */
  readonly mayChange?: readonly string[];
  /** The run's own configuration with what later versions added to it; where it throws, the recorded one is compared. */
  readonly complete?: (recorded: JsonObject) => object;
}

/** A run that is open for writing. */
export interface Run {
  readonly out: string;
  /** Where to go on from; null at the start. */
  readonly latest: Checkpoint | null;
}

/**
 * Starts a run in a new or empty folder, or opens one to be continued. Nothing that is there is changed if this throws.
 *
 * @param out  the folder; made if it is not there
 * @throws one line with the way out, if the folder holds something else, holds a run and resume is not asked for, holds none and it is, was
 *   started with another configuration or other data, or cannot be written
 */
export async function openRun(out: string, { config, data, resume, mayChange = [], complete }: OpenRunOptions): Promise<Run> {
  const given: RunRecord = JSON.parse(JSON.stringify({ config, data: data ?? null }));
  try {
    const kind = await kindOf(out);
    if (kind === 'file') throw new Error(`${out}: is a file, expected a folder for the run; choose another --out`);
    const isRun = kind === 'folder' && await kindOf(join(out, runFile)) === 'file';
    if (!isRun) {
      // Hidden files (.gitkeep, .DS_Store) are nobody's work, and none of ours has such a name.
      const [found] = kind === 'folder' ? (await readdir(out)).filter((name) => !name.startsWith('.')).sort() : [];
      if (found !== undefined) throw new Error(`${out}: holds no run but other files (${JSON.stringify(found)}); choose another --out`);
      if (resume) throw new Error(`${out}: there is no run to resume; leave out --resume to start one, or give the --out of a run`);
      // The record before all else: if the disk is full, an empty folder is left, in which a run can still be started.
      await makeFolder(out);
      await replaceFile(join(out, runFile), jsonText({ format: runFormat, ...given }));
      await makeFolder(stepsFolder(out));
      await cleanLeftovers(out);
      return { out, latest: null };
    }

    const latest = await latestCheckpoint(out);
    if (!resume) throw new Error(`${out}: holds a run ${latest ? `at step ${latest.step}` : 'that has no checkpoint yet'}; --resume continues it, or choose another --out`);
    const recorded = await readRun(out);
    const difference = firstDifference(completed(recorded.config, complete), given.config, ['config'], new Set(mayChange.map((key) => `config.${key}`)));
    const dataDiffers = JSON.stringify(recorded.data) !== JSON.stringify(given.data);
    if (!difference && dataDiffers) throw new Error(`${out}: its pictures are not the ones that the run began with; resume with the same data, or choose another --out`);
    if (difference) throw new Error(`${out}: ${difference}; resume with the run's own value, or choose another --out`);
    await access(out, constants.W_OK);
    await makeFolder(stepsFolder(out));
    await access(stepsFolder(out), constants.W_OK);
    await cleanLeftovers(out);
    if (JSON.stringify(recorded.config) !== JSON.stringify(given.config)) await replaceFile(join(out, runFile), jsonText({ format: runFormat, ...given }));
    return { out, latest };
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    throw new Error(`${out}: cannot be written, ${reason}; choose another --out`, { cause: error });
  }
}

function completed(recorded: JsonObject, complete: OpenRunOptions['complete']): JsonObject {
  try {
    return complete ? JSON.parse(JSON.stringify(complete(recorded))) : recorded;
  } catch {
    // The comparison names what is the matter.
    return recorded;
  }
}

/**
 * The record of a run.
 *
 * @throws one line if `run.json` is missing, damaged, or of another format version
 */
export async function readRun(out: string): Promise<RunRecord> {
  const where = join(out, runFile);
  const { format, config, data } = await readJsonFile(join(out, runFile), where);
  if (typeof format === 'number' && format > runFormat) throw new Error(`${where}: has format ${format}, this version reads ${runFormat}; update kuosan`);
  if (format !== runFormat || !isObject(config)) throw new Error(`${where}: expected format ${runFormat} and a config; the file is damaged, its checkpoints can still be sampled one by one`);
  return { config, data };
}

/** `config.batchSize is 64 in this run, now 32`, or undefined where all that may not differ is equal. */
function firstDifference(recorded: unknown, given: unknown, path: readonly string[], mayChange: ReadonlySet<string>): string | undefined {
  const name = path.join('.');
  if (mayChange.has(name)) return undefined;
  if (isObject(recorded) && isObject(given)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(given)])) {
      const difference = firstDifference(recorded[key], given[key], [...path, key], mayChange);
      if (difference) return difference;
    }
    return undefined;
  }
  // Lists compare as their text: which element differs is easily seen.
  return JSON.stringify(recorded) === JSON.stringify(given) ? undefined : `${name} is ${quoteJson(recorded, 'not set')} in this run, now ${quoteJson(given, 'not set')}`;
}
