/** Reads damaged files for as long as one likes, and keeps each that is not read or refused as it should be. */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quoteWord } from '../src/formats/quote.ts';
import type { Answer, Question } from './fuzz-child.ts';

export interface FuzzOptions {
  /** Names of the readers. */
  readonly readers: readonly string[];
  readonly seed: number;
  /** For all readers together. */
  readonly seconds: number;
  /** Inputs of each reader at most; default without end. */
  readonly most?: number;
  /** Where inputs that fail are kept. */
  readonly faultsFolder: string;
  readonly print: (line: string) => void;
}

/** What came of one reader. */
export interface ReaderReport {
  readonly name: string;
  readonly inputs: number;
  /** Inputs that it read: damage that does not show. */
  readonly accepted: number;
  /** Bytes of the largest buffer that was asked for. */
  readonly largest: number;
  /** Bytes that the process held more than before, at most. */
  readonly peak: number;
  readonly faults: number;
}

export interface FuzzReport {
  readonly readers: readonly ReaderReport[];
  /** One line for each kind of fault. */
  readonly faults: readonly string[];
}

/** Time of one reader before the next has its turn. */
const turnMilliseconds = 2000;
/** One input takes milliseconds; decoding an image may take a minute by its own limit. */
const hangMilliseconds = 120_000;
/** Inputs kept of one kind of fault. */
const mostOfOneKind = 2;

export async function soakFuzz({
  readers,
  seed,
  seconds,
  most = Number.MAX_SAFE_INTEGER,
  faultsFolder,
  print,
}: FuzzOptions): Promise<FuzzReport> {
  const totals = readers.map((name) => ({ name, next: 0, accepted: 0, largest: 0, peak: 0, faults: 0 }));
  const kinds = new Map<string, number>();
  const faults: string[] = [];
  const keepFault = async (reader: string, index: number, what: string) => {
    // Where and what, without the numbers of this one.
    const kind = `${reader} ${what.replaceAll(/"(\\.|[^"\\])*"|\d+/g, '#').slice(what.indexOf(':'))}`;
    const seen = (kinds.get(kind) ?? 0) + 1;
    kinds.set(kind, seen);
    if (seen === 1) faults.push(`${reader}: ${what}`);
    if (seen > mostOfOneKind) return;
    const folder = join(faultsFolder, `${reader.replaceAll(' ', '-')}-${seed}-${index}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await askChild(child, { type: 'keep', reader, seed, index, folder: join(folder, 'files') }, () => {});
    await writeFile(join(folder, 'fault.json'), JSON.stringify({ reader, seed, index, what }, null, 2));
    print(`FAULT ${reader}, input ${index}: ${what}`);
    print(`  again: npm run soak -- fuzz --replay ${quoteWord(folder)}`);
  };

  const start = performance.now();
  const isOver = () => performance.now() - start > seconds * 1000;
  let child = startChild();
  let lastPrint = start;
  try {
    for (let turn = 0; !isOver() && totals.some(({ next }) => next < most); turn++) {
      const total = totals[turn % totals.length]!;
      const question: Question = {
        type: 'fuzz',
        reader: total.name,
        seed,
        first: total.next,
        milliseconds: Math.min(turnMilliseconds, Math.max(1, (seconds * 1000) / totals.length)),
        most: most - total.next,
      };
      if (question.most <= 0) continue;
      const found: (readonly [index: number, what: string])[] = [];
      const ended = await askChild(child, question, (index, what) => found.push([index, what]));
      if (ended.type === 'done') {
        total.accepted += ended.accepted;
        total.largest = Math.max(total.largest, ended.largest);
        total.peak = Math.max(total.peak, ended.peak);
        total.next = ended.next;
      } else {
        found.push([ended.index, ended.what]);
        total.next = ended.index + 1;
        child.kill('SIGKILL');
        child = startChild();
      }
      for (const [index, what] of found) await keepFault(total.name, index, what);
      total.faults += found.length;
      if (performance.now() - lastPrint > 30_000) {
        lastPrint = performance.now();
        const inputs = totals.reduce((sum, { next }) => sum + next, 0);
        print(
          `${inputs.toLocaleString('en-US')} inputs, ${faults.length} kinds of faults · ${Math.max(0, Math.ceil((seconds - (lastPrint - start) / 1000) / 60))} min left`,
        );
      }
    }
  } finally {
    child.disconnect();
  }
  return { readers: totals.map(({ next, ...total }) => ({ ...total, inputs: next })), faults };
}

/** Reads a kept input again, in a process of its own. */
export async function replayFault(folder: string): Promise<string | undefined> {
  const { reader } = JSON.parse(await readFile(join(folder, 'fault.json'), 'utf8')) as { readonly reader: string };
  let fault: string | undefined;
  const ended = await ask({ type: 'replay', reader, folder: join(folder, 'files') }, (_, what) => {
    fault = what;
  });
  return ended.type === 'done' ? fault : ended.what;
}

/** A child's last word on a question, or how it ended without one. */
type End = Extract<Answer, { type: 'done' }> | { readonly type: 'died'; readonly index: number; readonly what: string };

async function ask(question: Question, onFault: (index: number, what: string) => void = () => {}): Promise<End> {
  const child = startChild();
  const ended = await askChild(child, question, onFault);
  if (ended.type === 'done') child.disconnect();
  else child.kill('SIGKILL');
  return ended;
}

function startChild(): ChildProcess {
  const script = fileURLToPath(new URL('fuzz-child.ts', import.meta.url));
  return fork(script, [], {
    execArgv: ['--import', import.meta.resolve('tsx'), '--max-old-space-size=1024'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

function askChild(
  child: ChildProcess,
  question: Question,
  onFault: (index: number, what: string) => void,
): Promise<End> {
  return new Promise((resolve, reject) => {
    let index = question.type === 'fuzz' ? question.first : 0;
    let stderr = '';
    const listen = (text: Buffer) => {
      stderr = `${stderr}${String(text)}`.slice(-2000);
    };
    let timer: NodeJS.Timeout;
    const end = (result: End) => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      child.stderr!.off('data', listen);
      resolve(result);
    };
    const wind = () => {
      clearTimeout(timer);
      timer = setTimeout(
        () => end({ type: 'died', index, what: `hangs for more than ${hangMilliseconds / 1000} seconds` }),
        hangMilliseconds,
      );
    };
    const onMessage = (answer: Answer) => {
      wind();
      if (answer.type === 'begin') index = answer.index;
      else if (answer.type === 'fault') onFault(answer.index, answer.what);
      else if (answer.type === 'failed') reject(new Error(answer.what));
      else end(answer);
    };
    const onExit = (code: number | null, signal: string | null) =>
      end({
        type: 'died',
        index,
        what: `ends the process with ${signal ?? code}: ${
          stderr
            .split('\n')
            .filter((line) => /Error|FATAL|abort/i.test(line))
            .at(-1) ??
          stderr.trim().split('\n').at(-1) ??
          ''
        }`,
      });
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.stderr!.on('data', listen);
    wind();
    child.send(question);
  });
}
