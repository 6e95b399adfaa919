/**
 * A training run's folder.
 *
 *     <out>/run.json       format version, the full configuration, the data's fingerprint: written at the start
 *     <out>/checkpoints/   see `step-folders.ts`
 *     <out>/latest
 *     <out>/run.lock       see `run-lock.ts`
 */
import { access, constants, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { quoteJson } from '../formats/quote.ts';
import { lockFile, lockRun } from './run-lock.ts';
import { cleanLeftovers, latestCheckpoint, stepsFolder, type Checkpoint } from './step-folders.ts';
import { kindOf, makeFolder, replaceFile } from '../files/durable-files.ts';
import { systemReason } from '../files/system-reason.ts';
import { readJsonFile } from '../files/json-file.ts';
import { isObject, jsonText, type JsonObject } from '../formats/json-object.ts';

export const runFile = 'run.json';

/** Raised whenever an older reader would misunderstand the folder. */
const runFormat = 1;

/** What a run is, as `run.json` records it. */
export interface RunRecord {
  /** Everything that decides the result; JSON values. */
  readonly config: JsonObject;
  /** Identifies the data: a digest, or a record with one. */
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
  /**
   * Called before anything is written, on a resume when no other process can write the run any more; what it throws leaves all as it was.
   *
   * @param latest  where to go on from; null at the start
   */
  readonly begin?: (latest: Checkpoint | null) => Promise<void>;
}

/** A setting that a resumed run has otherwise than before. */
export interface Change {
  /** `train.steps` */
  readonly name: string;
  /** JSON values; undefined where it is not set. */
  readonly before: unknown;
  readonly now: unknown;
}

/** A run that is open for writing, by this process alone. */
export interface Run {
  readonly out: string;
  /** Where to go on from; null at the start. */
  readonly latest: Checkpoint | null;
  /** What a resume changes. */
  readonly changes: readonly Change[];
  /** Lets go of the run, so that another process may open it. */
  readonly release: () => Promise<void>;
}

/**
 * Starts a run in a new or empty folder, or opens one to be continued. Nothing that is there is changed if this throws.
 *
 * @param out  the folder; made if it is not there
 * @throws one line with a hint, if the folder holds something else, holds a run and resume is not asked for, holds none and it is, was
 *   started with another configuration or other data, is trained by another process, or cannot be written
 */
export async function openRun(out: string, options: OpenRunOptions): Promise<Run> {
  const { config, data, resume, mayChange = [], complete, begin } = options;
  const given: RunRecord = JSON.parse(JSON.stringify({ config, data: data ?? null }));
  try {
    const kind = await kindOf(out);
    if (kind === 'file') throw new Error(`${out}: is a file, expected a folder for the run; choose another --out`);
    const isRun = kind === 'folder' && (await kindOf(join(out, runFile))) === 'file';
    if (!isRun) {
      // Hidden files (.gitkeep, .DS_Store) are nobody's work, and none of ours has such a name.
      const [found] =
        kind === 'folder'
          ? (await readdir(out)).filter((name) => !name.startsWith('.') && name !== lockFile).sort()
          : [];
      if (found !== undefined)
        throw new Error(`${out}: holds no run but other files (${JSON.stringify(found)}); choose another --out`);
      if (resume)
        throw new Error(
          `${out}: there is no run to resume; leave out --resume to start one, or give the --out of a run`,
        );
      await begin?.(null);
      await makeFolder(out);
      return await locked(out, async () => {
        if ((await kindOf(join(out, runFile))) === 'file') throw await isTaken(out);
        // The record before all else: if the disk is full, an empty folder is left, in which a run can still be started.
        await replaceFile(join(out, runFile), jsonText({ format: runFormat, ...given }));
        await makeFolder(stepsFolder(out));
        await cleanLeftovers(out);
        return { latest: null, changes: [] };
      });
    }

    if (!resume) throw await isTaken(out);
    return await locked(out, async () => {
      const latest = await latestCheckpoint(out);
      await begin?.(latest);
      return { latest, changes: await adopt() };
    });
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    throw new Error(`${out}: cannot be written, ${reason}; choose another --out`, { cause: error });
  }

  /** Checks that the run that is there is the one that is asked for, and makes it ready to be continued. */
  async function adopt(): Promise<readonly Change[]> {
    const recorded = await readRun(out);
    const changes = [...differences(completed(recorded.config, complete), given.config)];
    const different = changes.find(({ name }) => !mayChange.includes(name));
    if (different)
      throw new Error(
        `${out}: config.${different.name} is ${quoteJson(different.before, 'not set')} in this run, now ${quoteJson(different.now, 'not set')}; resume with the run's own value, or choose another --out`,
      );
    if (JSON.stringify(recorded.data) !== JSON.stringify(given.data))
      throw new Error(
        `${out}: its images differ from the images of the run; resume with the same data, or choose another --out`,
      );
    await access(out, constants.W_OK);
    await makeFolder(stepsFolder(out));
    await access(stepsFolder(out), constants.W_OK);
    await cleanLeftovers(out);
    if (JSON.stringify(recorded.config) !== JSON.stringify(given.config))
      await replaceFile(join(out, runFile), jsonText({ format: runFormat, ...given }));
    return changes;
  }
}

/** Opens a run under its lock, which holds until it is let go of. */
async function locked(out: string, open: () => Promise<Pick<Run, 'latest' | 'changes'>>): Promise<Run> {
  const { release } = await lockRun(out);
  try {
    return { out, ...(await open()), release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function isTaken(out: string): Promise<Error> {
  const latest = await latestCheckpoint(out);
  return new Error(
    `${out}: holds a run ${latest ? `at step ${latest.step}` : 'that has no checkpoint yet'}; --resume continues it, or choose another --out`,
  );
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
  if (typeof format === 'number' && format > runFormat)
    throw new Error(`${where}: has format ${format}, this version reads ${runFormat}; update kuosan`);
  if (format !== runFormat || !isObject(config))
    throw new Error(
      `${where}: expected format ${runFormat} and a config; the file is damaged, its checkpoints can still be sampled one by one`,
    );
  return { config, data };
}

/** Where two configurations differ; lists compare as a whole, since which element differs is easily seen. */
function* differences(recorded: unknown, given: unknown, path: readonly string[] = []): Generator<Change> {
  if (isObject(recorded) && isObject(given)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(given)]))
      yield* differences(recorded[key], given[key], [...path, key]);
  } else if (JSON.stringify(recorded) !== JSON.stringify(given))
    yield { name: path.join('.'), before: recorded, now: given };
}
