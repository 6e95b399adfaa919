/**
 * What a checkpoint holds next to the model so that training goes on bit for bit.
 *
 *     training/state.safetensors  every tensor that a step reads: weights, their average, the optimizer's moments, …
 *     training/training.json      format version, step, a record of the caller's, and checksums of both files
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { HostArray, HostArrays } from '../core/index.ts';
import { readSafetensors, safetensorsParts, type TensorSource } from '../formats/safetensors.ts';
import { kindOf, makeFolder, readWhole, syncFolder, writeNewFile } from '../files/durable-files.ts';
import { describeSystemError } from '../files/system-reason.ts';
import { readJsonFile } from '../files/json-file.ts';
import { isObject, jsonText, type JsonObject } from '../formats/json-object.ts';

/** Raised whenever an older reader would misunderstand the files. */
const trainingFormat = 1;

const stateFile = join('training', 'state.safetensors');
const trainingFile = join('training', 'training.json');

/** What is written to `training/`. */
export interface TrainingState {
  /** Optimizer steps done. */
  readonly step: number;
  /** By the store's names, all of them or one at a time. */
  readonly tensors: HostArrays | TensorSource;
  /** What else the caller needs to go on or to compare: seed, threads, versions. JSON values only. */
  readonly meta: JsonObject;
}

/**
 * Writes `training/` into a checkpoint folder, flushed to the disk.
 *
 * @throws if meta holds what JSON does not keep (NaN, undefined, a bigint), or a file exists already or cannot be written
 */
export async function writeTrainingState(dir: string, { step, tensors, meta }: TrainingState): Promise<void> {
  if (!isStep(step)) throw new Error(`training state: the step must be an integer from 0, got ${step}`);
  for (const [key, value] of Object.entries(meta)) {
    if (!survivesJson(value))
      throw new Error(`training state: meta.${key} holds a value that JSON does not keep; write it as text`);
  }
  try {
    await makeFolder(join(dir, 'training'));
  } catch (error) {
    throw new Error(`checkpoint ${dir}: cannot be written, ${describeSystemError(error)}; give another folder`, {
      cause: error,
    });
  }
  const state = new Summary(
    safetensorsParts('types' in tensors ? tensors : { types: tensors, read: async (name) => tensors.get(name)! }, {
      format: 'pt',
    }),
  );
  await writeNewFile(join(dir, stateFile), state);
  const record = { format: trainingFormat, step, meta, state: state.made() };
  await writeNewFile(join(dir, trainingFile), jsonText({ ...record, sha256: sha256OfRecord(record) }));
  await syncFolder(join(dir, 'training'));
}

/** The parts of a file as they go by, and what they come to. */
class Summary implements AsyncIterable<Uint8Array> {
  readonly #parts: AsyncIterable<Uint8Array>;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  constructor(parts: AsyncIterable<Uint8Array>) {
    this.#parts = parts;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const part of this.#parts) {
      this.#hash.update(part);
      this.#bytes += part.length;
      yield part;
    }
  }

  /** Once all have gone by. */
  made(): { readonly bytes: number; readonly sha256: string } {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }
}

/**
 * Reads `training/` of a checkpoint folder, every byte checked.
 *
 * @returns the tensors may share memory
 * @throws one line that names the file: missing, of another format version, cut short or damaged
 */
export async function readTrainingState(
  dir: string,
): Promise<{ step: number; tensors: Map<string, HostArray>; meta: JsonObject }> {
  if ((await kindOf(join(dir, 'training'))) !== 'folder')
    throw new Error(
      `checkpoint ${dir}: has no training state, so it can be sampled but not resumed; give a run, or one of its checkpoints`,
    );
  const where = `checkpoint ${join(dir, trainingFile)}`;
  const { sha256: expected, ...record } = await readJsonFile(join(dir, trainingFile), where);
  const { format, step, meta, state } = record;
  // Another version may have another checksum: it is asked first.
  if (typeof format === 'number' && format > trainingFormat)
    throw new Error(`${where}: has format ${format}, this version reads ${trainingFormat}; update kuosan`);
  if (expected !== sha256OfRecord(record))
    throw new Error(`${where}: is damaged, it does not match its checksum; ${hint(dir)}`);
  if (format !== trainingFormat || !isStep(step) || !isObject(meta) || !isObject(state))
    throw new Error(
      `${where}: expected format ${trainingFormat}, step, meta and state, got ${Object.keys(record).join(', ')}`,
    );

  const stateAt = `checkpoint ${join(dir, stateFile)}`;
  const bytes = await readWhole(join(dir, stateFile), stateAt);
  if (bytes.length !== state['bytes'])
    throw new Error(
      `${stateAt}: is cut short or damaged, it has ${bytes.length} bytes of ${state['bytes']}; ${hint(dir)}`,
    );
  if (sha256(bytes) !== state['sha256'])
    throw new Error(`${stateAt}: is damaged, it does not match its checksum; ${hint(dir)}`);
  return { step, tensors: readSafetensors(bytes).tensors, meta };
}

function hint(dir: string): string {
  return `move ${dir} out of ${dirname(dir)} and --resume continues from the checkpoint before it`;
}

function isStep(step: unknown): step is number {
  return Number.isSafeInteger(step) && (step as number) >= 0;
}

function survivesJson(value: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    return false;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Of the text without line breaks: JSON keeps the order of keys, so what is read gives the same text as what was written. */
function sha256OfRecord(record: JsonObject): string {
  return sha256(new TextEncoder().encode(JSON.stringify(record)));
}
