/** What a run recorded of its data, for the commands that measure it on them. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readRun, type RunRecord } from '../checkpoint/index.ts';
import { isObject } from '../formats/json-object.ts';
import { UsageError } from './options.ts';

/** Where the images of a run lie. */
export interface RecordedData {
  readonly data: string;
  /** The list of its held-out images, where it has one. */
  readonly files?: string;
}

/** Options of a command as they are typed, where `--data` may be missing. */
export type DataOptional<Options extends { readonly data: string }> = Omit<Options, 'data'> & {
  readonly data?: string;
};

/**
 * The data that are asked for, or else those that a run was trained on.
 *
 * @param model  as it was typed: a run, or one of its checkpoints
 * @param given  what `--data` says
 * @throws UsageError if nothing says what the data are, or one line if the run's record is damaged
 */
export async function dataOf(model: string | undefined, given: string | undefined): Promise<RecordedData> {
  if (given !== undefined) return { data: given };
  const { config } = (model === undefined ? undefined : await recordOf(model)) ?? {};
  const data = config?.['data'];
  if (!isObject(data) || typeof data['source'] !== 'string')
    throw new UsageError('--data is missing: a data set or a folder of images');
  const { source, testFiles } = data;
  process.stderr.write(`note: the data are ${source}, as the run recorded; --data takes others\n`);
  return { data: source, ...(typeof testFiles === 'string' && { files: testFiles }) };
}

async function recordOf(model: string): Promise<RunRecord | undefined> {
  // Of a checkpoint, the run is two folders up.
  const out = [model, dirname(dirname(model))].find((folder) => existsSync(join(folder, 'run.json')));
  return out === undefined ? undefined : readRun(out);
}
