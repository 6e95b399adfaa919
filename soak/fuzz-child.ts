/** The process that reads damaged files: it may crash or hang, its parent sees to that. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { inspect } from 'node:util';
import { RandomStream } from '../src/core/index.ts';
import { forgetLargest, forgetPeak, heldBytes, largestAllocation, watchAllocations } from './allocations.ts';
import { mutated } from './mutate.ts';
import { readers, type Reader } from './readers.ts';

/** What the parent asks for. */
export type Question =
  /** Inputs from one number on, until the time is over. */
  | {
      readonly type: 'fuzz';
      readonly reader: string;
      readonly seed: number;
      readonly first: number;
      readonly milliseconds: number;
      readonly most: number;
    }
  /** One input again, into a folder that stays; it is not read. */
  | {
      readonly type: 'keep';
      readonly reader: string;
      readonly seed: number;
      readonly index: number;
      readonly folder: string;
    }
  /** A kept input is read. */
  | { readonly type: 'replay'; readonly reader: string; readonly folder: string };

/** What the child tells. */
export type Answer =
  | { readonly type: 'begin'; readonly index: number }
  | { readonly type: 'fault'; readonly index: number; readonly what: string }
  /** The soak itself is wrong. */
  | { readonly type: 'failed'; readonly what: string }
  | {
      readonly type: 'done';
      readonly next: number;
      readonly accepted: number;
      readonly refused: number;
      readonly largest: number;
      readonly peak: number;
    };

/** Beyond ten times the file: buffers of fixed size, such as those that streams and inflate work with. */
const fixedBytes = 2 ** 20;
/** What the engine's own heap and the threads of the image library move by between two inputs. */
const engineBytes = 128 * 2 ** 20;
/** As long as a person reads. */
const longestMessage = 1000;

const base = await mkdtemp(join(tmpdir(), 'kuosan-fuzz-'));
process.on('disconnect', () => void rm(base, { recursive: true, force: true }).then(() => process.exit()));
watchAllocations();

const answer = (message: Answer) => void process.send!(message);
const prepared = new Map<string, { readonly folder: string; readonly whole: ReadonlyMap<string, Buffer> }>();

/** The reader's whole files, in a folder and in memory. */
async function prepare(reader: Reader) {
  const known = prepared.get(reader.name);
  if (known) return known;
  const folder = join(base, String(prepared.size), 'files');
  await mkdir(folder, { recursive: true });
  await reader.prepare(folder);
  const whole = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    whole.set(relative(folder, path).replaceAll('\\', '/'), await readFile(path));
  }
  // Twice: what is loaded and compiled on the way is not the input's doing.
  for (let time = 0; time < 2; time++)
    await reader.read(folder).catch((error: unknown) => {
      if (!reader.refusesAll) throw new Error(`the reader ${reader.name} refuses whole files`, { cause: error });
    });
  const made = { folder, whole };
  prepared.set(reader.name, made);
  return made;
}

/** The file that input `index` damages, and what it is then. */
function input(
  reader: Reader,
  whole: ReadonlyMap<string, Buffer>,
  seed: number,
  index: number,
): { readonly name: string; readonly bytes: Uint8Array } {
  const random = new RandomStream(seed, `fuzz ${reader.name}`, index);
  const names = [...whole.keys()].filter((name) => reader.damaged?.(name) ?? true).sort();
  const name = names[random.integer(names.length)]!;
  return {
    name,
    bytes: mutated(
      whole.get(name)!,
      names.map((each) => whole.get(each)!),
      random,
    ),
  };
}

interface Read {
  readonly accepted: boolean;
  readonly fault: string | undefined;
  readonly largest: number;
  readonly peak: number;
}

/** Reads a folder, and judges how. */
async function read(reader: Reader, folder: string, size: number): Promise<Read> {
  forgetPeak();
  forgetLargest();
  const before = heldBytes();
  let fault: string | undefined;
  let accepted = false;
  try {
    await reader.read(folder);
    accepted = true;
  } catch (error) {
    fault = faultOf(error);
  }
  const largest = largestAllocation();
  const after = heldBytes();
  const peak = before && after ? Math.max(0, after.peak - before.now) : 0;
  const allowed = 10 * size + (reader.besides ?? 0);
  if (largest > allowed + fixedBytes) fault ??= `asks for ${largest} bytes in one piece, for files of ${size}`;
  if (peak > allowed + engineBytes) fault ??= `holds ${peak} bytes, for files of ${size}`;
  return { accepted, fault, largest, peak };
}

/** What is wrong with an error: one line for a person is right. */
function faultOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return `throws ${String(error)}, which is no Error`;
  const { name, message, stack = '' } = error;
  const wrong =
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    error instanceof ReferenceError
      ? `throws a ${name}`
      : message === '' || /[\p{Cc}\p{Zl}\p{Zp}]/u.test(message)
        ? 'throws a message that is not one line of text'
        : message.length > longestMessage
          ? `throws a message of ${message.length} characters`
          : /internal:|undefined|\[object|call stack|allocation failed|Invalid (typed )?array length|ENOENT|EISDIR/.test(
                message,
              )
            ? 'throws what no person understands'
            : undefined;
  return (
    wrong &&
    `${wrong}: ${JSON.stringify(message.slice(0, 300))} (${
      stack
        .split('\n')
        .find((line) => line.includes('    at '))
        ?.trim() ?? ''
    })`
  );
}

async function answerTo(question: Question): Promise<void> {
  const reader = readers.find(({ name }) => name === question.reader)!;
  if (question.type === 'replay') {
    const folder = join(base, 'replay', 'files');
    await rm(folder, { recursive: true, force: true });
    await prepare(reader);
    await cp(question.folder, folder, { recursive: true });
    answer({ type: 'begin', index: 0 });
    const { fault, accepted, largest, peak } = await read(reader, folder, await sizeOf(folder));
    if (fault !== undefined) answer({ type: 'fault', index: 0, what: fault });
    answer({ type: 'done', next: 1, accepted: Number(accepted), refused: Number(!accepted), largest, peak });
    return;
  }
  const { folder, whole } = await prepare(reader);
  const size = [...whole.values()].reduce((sum, { length }) => sum + length, 0);
  if (question.type === 'keep') {
    const { name, bytes } = input(reader, whole, question.seed, question.index);
    for (const [path, content] of [...whole, [name, bytes] as const]) {
      await mkdir(join(question.folder, path, '..'), { recursive: true });
      await writeFile(join(question.folder, path), content);
    }
    answer({ type: 'done', next: question.index + 1, accepted: 0, refused: 0, largest: 0, peak: 0 });
    return;
  }
  const end = performance.now() + question.milliseconds;
  let index = question.first;
  const sums = { accepted: 0, refused: 0, largest: 0, peak: 0 };
  for (; performance.now() < end && index < question.first + question.most; index++) {
    answer({ type: 'begin', index });
    const { name, bytes } = input(reader, whole, question.seed, index);
    await writeFile(join(folder, name), bytes);
    const result = await read(reader, folder, size - whole.get(name)!.length + bytes.length);
    await writeFile(join(folder, name), whole.get(name)!);
    if (result.fault !== undefined) answer({ type: 'fault', index, what: `${name}: ${result.fault}` });
    if (result.accepted) sums.accepted++;
    else sums.refused++;
    sums.largest = Math.max(sums.largest, result.largest);
    sums.peak = Math.max(sums.peak, result.peak);
  }
  answer({ type: 'done', next: index, ...sums });
}

async function sizeOf(folder: string): Promise<number> {
  let size = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) size += (await readFile(join(entry.parentPath, entry.name))).length;
  return size;
}

process.on(
  'message',
  (question: Question) =>
    void answerTo(question).catch((error: unknown) => answer({ type: 'failed', what: inspect(error) })),
);
