/** Kills training at random moments, resumes it, and compares what comes out with a run that was never interrupted. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RandomStream } from '../src/core/index.ts';
import { killRuns, type KillRun } from './kill-runs.ts';

/** When a process is killed: at any time, while it writes a checkpoint, or while it decodes images and keeps them. */
export const moments = ['training', 'checkpoint', 'data'] as const;
export type Moment = (typeof moments)[number];

export interface KillsOptions {
  /** How many processes to kill. */
  readonly count: number;
  readonly seed: number;
  /** A folder for data and runs, which is there. */
  readonly folder: string;
  /** The arguments of Node that run `kuosan`. */
  readonly program: readonly string[];
  readonly print: (line: string) => void;
}

/** What came of it. */
export interface KillsReport {
  /** Processes killed, by `<loader> <moment>`. */
  readonly kills: Readonly<Record<string, number>>;
  /** Resumes whose run was compared at its end. */
  readonly resumes: number;
  /** Whole checkpoints compared with the uninterrupted run's of the same step. */
  readonly checkpoints: number;
  /** One line for each difference or failure. */
  readonly faults: readonly string[];
}

/** At most so many kills before a run may reach its end. */
const mostInARow = 3;

export async function soakKills({ count, seed, folder, program, print }: KillsOptions): Promise<KillsReport> {
  const place = { folder, program };
  for (const run of killRuns) {
    await run.prepare(folder);
    const { status, stderr } = await runs(place, run, whole(run), ['--train.keepCheckpoints', 'null']).ended;
    if (status !== 0) throw new Error(`the run that is never interrupted ended with ${status}: ${stderr}`);
    print(
      `${run.name}: ${run.steps} steps without interruption, ${(await readdir(join(folder, whole(run), 'checkpoints'))).length} checkpoints to compare with`,
    );
  }
  const kills: Record<string, number> = {};
  const faults: string[] = [];
  let resumes = 0;
  let checkpoints = 0;
  let killed = 0;
  const start = performance.now();
  for (let round = 0; killed < count; round++) {
    const random = new RandomStream(seed, 'soak kills', round);
    const run = killRuns[random.integer(killRuns.length)]!;
    const out = `${run.name}-${round}`;
    const before = faults.length;
    const most = Math.min(1 + random.integer(mostInARow), count - killed);
    let resumed = 0;
    for (let inRow = 0; inRow < most; inRow++) {
      const moment = moments[random.integer(moments.length)]!;
      if (moment === 'data') await rm(join(folder, cacheOf(out)), { recursive: true, force: true });
      if (existsSync(join(folder, out, 'run.json'))) resumed++;
      const started = runs(place, run, out, resumeOption(folder, out));
      const at = await waitFor(moment, started.child, join(folder, out), join(folder, cacheOf(out)), random);
      started.child.kill('SIGKILL');
      const { status, stderr } = await started.ended;
      if (status === 0) break;
      if (status !== 'SIGKILL')
        faults.push(`${out}: ended with status ${status} instead of being killed: ${stderr.trim().split('\n').at(-1)}`);
      killed++;
      kills[`${run.name} ${moment}`] = (kills[`${run.name} ${moment}`] ?? 0) + 1;
      // What was there when it was killed, to be looked at if it does not resume.
      await keepCopy(folder, out);
      const compared = await compareCheckpoints(folder, run, out);
      checkpoints += compared.count;
      faults.push(...compared.faults);
      const left = ((performance.now() - start) / 1000 / killed) * (count - killed);
      print(
        `kill ${killed}/${count}: ${out}, ${moment} (${at}), ${compared.last === undefined ? 'no checkpoint yet' : `step ${compared.last} is whole`} · about ${Math.ceil(left / 60)} min left`,
      );
    }
    const end = await runs(place, run, out, resumeOption(folder, out)).ended;
    // A run that reached its end before it could be killed has nothing to go on with, and says so.
    const wasFinished = end.status === 1 && end.stderr.includes(`is finished at step ${run.steps}`);
    if (end.status !== 0 && !wasFinished)
      faults.push(`${out}: does not resume, status ${end.status}: ${end.stderr.trim().split('\n').at(-1)}`);
    else {
      resumes += resumed + 1;
      faults.push(...(await compareRuns(folder, run, out)));
    }
    if (faults.length === before)
      for (const name of [out, copyOf(out), cacheOf(out)])
        await rm(join(folder, name), { recursive: true, force: true });
    else {
      await writeFile(join(folder, `${out}.txt`), `${faults.slice(before).join('\n')}\n`);
      for (const fault of faults.slice(before)) print(`FAULT ${fault}`);
      print(
        `  kept in ${join(folder, copyOf(out))}; resume a copy of it: ${commandOf(run, copyOf(out)).join(' ')} --resume`,
      );
    }
  }
  return { kills, resumes, checkpoints, faults };
}

const whole = (run: KillRun) => `${run.name}-whole`;
const cacheOf = (out: string) => `${out}.cache`;
const copyOf = (out: string) => `${out}.killed`;
const commandOf = (run: KillRun, out: string) => ['train', `${run.name}.json`, '--out', out, '--threads', '1'];

/** As a person does: `--resume` once there is a run. */
function resumeOption(folder: string, out: string): string[] {
  return existsSync(join(folder, out, 'run.json')) ? ['--resume'] : [];
}

interface Place {
  readonly folder: string;
  readonly program: readonly string[];
}

interface Ended {
  readonly status: number | NodeJS.Signals;
  readonly stderr: string;
}

function runs(
  { folder, program }: Place,
  run: KillRun,
  out: string,
  more: readonly string[],
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [...program, ...commandOf(run, out), ...more], {
    cwd: folder,
    // On the processor, whatever GPU this machine has: bytes are compared.
    env: { ...process.env, KUOSAN_CACHE: cacheOf(out), KUOSAN_DEVICE: 'cpu' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ status: code ?? signal!, stderr }));
  });
  return { child, ended };
}

/**
 * Waits until the process is in the middle of what it is to be killed in, or has ended.
 *
 * @returns where that is
 */
async function waitFor(
  moment: Moment,
  child: ChildProcess,
  out: string,
  cache: string,
  random: RandomStream,
): Promise<string> {
  const until = async (reached: () => boolean) => {
    while (!reached() && child.exitCode === null && child.signalCode === null) await delay(1);
  };
  const ms = (most: number) => random.integer(most);
  switch (moment) {
    case 'training': {
      const lines = () => sizeOf(join(out, 'metrics.jsonl'));
      const before = lines();
      await until(() => lines() !== before);
      const wait = ms(1500);
      await Promise.race([delay(wait), ended(child)]);
      return `${wait} ms after its first line`;
    }
    case 'checkpoint': {
      const nth = 1 + ms(6);
      const steps = join(out, 'checkpoints');
      for (let seen = 0; seen < nth && child.exitCode === null; seen++) {
        if (seen > 0) await until(() => !isWriting(steps));
        await until(() => isWriting(steps));
      }
      const wait = ms(12);
      await delay(wait);
      return `${wait} ms into one`;
    }
    case 'data': {
      // Half of them in decoding, somewhere between the start and the first file; half while what is decoded is kept.
      if (ms(2) === 0) {
        await until(() => existsSync(join(cache, 'data')));
        const wait = ms(6);
        await delay(wait);
        return `${wait} ms into the cache`;
      }
      const wait = 100 + ms(1200);
      await Promise.race([delay(wait), ended(child)]);
      return `${wait} ms after its start`;
    }
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

function isWriting(steps: string): boolean {
  try {
    return readdirSync(steps).some((name) => name.endsWith('.part'));
  } catch {
    return false;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function keepCopy(folder: string, out: string): Promise<void> {
  await rm(join(folder, copyOf(out)), { recursive: true, force: true });
  if (existsSync(join(folder, out))) await cp(join(folder, out), join(folder, copyOf(out)), { recursive: true });
}

/** Compares every checkpoint that has its name with the uninterrupted run's of that step. */
async function compareCheckpoints(
  folder: string,
  run: KillRun,
  out: string,
): Promise<{ count: number; faults: string[]; last: number | undefined }> {
  const steps = (await readdir(join(folder, out, 'checkpoints')).catch(() => []))
    .filter((name) => name.startsWith('step-'))
    .sort();
  const faults: string[] = [];
  for (const step of steps)
    faults.push(
      ...(await differences(
        join(folder, out, 'checkpoints', step),
        join(folder, whole(run), 'checkpoints', step),
        out,
      )),
    );
  return {
    count: steps.length,
    faults,
    last: steps.length === 0 ? undefined : Number(steps.at(-1)!.slice('step-'.length)),
  };
}

/** Compares all of a finished run that must not depend on its interruptions. */
async function compareRuns(folder: string, run: KillRun, out: string): Promise<string[]> {
  const faults = (await compareCheckpoints(folder, run, out)).faults;
  const [found, expected] = await Promise.all(
    [out, whole(run)].map((name) => metrics(join(folder, name, 'metrics.jsonl'))),
  );
  if (found !== expected) faults.push(`${out}: metrics.jsonl has other numbers`);
  faults.push(...(await differences(join(folder, out, 'samples'), join(folder, whole(run), 'samples'), out)));
  for (const file of ['latest', 'loss-by-noise.png']) {
    if (
      existsSync(join(folder, whole(run), file)) &&
      !(await isSame(join(folder, out, file), join(folder, whole(run), file)))
    )
      faults.push(`${out}: ${file} differs`);
  }
  const left = (await filesBelow(join(folder, out))).filter(
    (path) => path.endsWith('.part') || path.includes('run.lock'),
  );
  if (left.length > 0) faults.push(`${out}: ${left.join(', ')} left behind`);
  return faults;
}

async function differences(found: string, expected: string, out: string): Promise<string[]> {
  const [names, wanted] = await Promise.all([filesBelow(found), filesBelow(expected)]);
  if (names.join() !== wanted.join())
    return [`${out}: ${found} has the files ${names.join(', ')}, expected ${wanted.join(', ')}`];
  const faults: string[] = [];
  for (const name of names)
    if (!(await isSame(join(found, name), join(expected, name))))
      faults.push(`${out}: ${join(found, name)} differs from ${join(expected, name)}`);
  return faults;
}

async function isSame(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([a, b].map((path) => readFile(path).catch(() => undefined)));
  return left !== undefined && right !== undefined && left.equals(right);
}

/** The log without what a clock says. */
async function metrics(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).replaceAll(/"imagesPerSecond":[^,}]*,?/g, '');
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
