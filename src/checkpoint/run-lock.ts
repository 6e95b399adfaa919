/**
 * One process trains a run: a file in its folder says which, and is void as soon as that process is gone.
 *
 *     <out>/run.lock   { "pid": 4711, "host": "atlas", "started": "81234", "token": "…" }
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/** Its name in the run's folder. */
export const lockFile = 'run.lock';

/** Seconds between two signs of life. */
const beatSeconds = 15;
/** A process of another machine that has given no sign for so many seconds is taken for dead: eight beats, for a slow network's sake. */
const silenceSeconds = 120;

const holderSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  started: z.string().nullable(),
  token: z.string(),
});

type Holder = z.output<typeof holderSchema>;

/** A run that this process may write to, until it lets go of it. */
export interface RunLock {
  release(): Promise<void>;
}

/**
 * Takes a run for this process.
 *
 * A process of this machine holds it exactly as long as it lives. Of one on another machine only its signs of life are seen: it writes
 * the file anew every 15 seconds, and loses the run after 120 without.
 *
 * @param out  the run's folder, which is there
 * @throws one line that names the process which trains the run, or a system error where no file can be made
 */
export async function lockRun(out: string): Promise<RunLock> {
  const path = join(out, lockFile);
  const own: Holder = {
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid) ?? null,
    token: randomUUID(),
  };
  const text = `${JSON.stringify(own)}\n`;
  // Written aside and linked to its place: nobody reads half of it.
  const aside = asidePath(out, own.token);
  const file = await open(aside, 'wx');
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  try {
    await take(out, path, aside);
  } finally {
    await rm(aside, { force: true });
  }
  const beat = setInterval(() => void giveSign(path, own, text), beatSeconds * 1000).unref();
  return {
    async release() {
      clearInterval(beat);
      if ((await readHolder(path))?.token === own.token) await rm(path, { force: true });
    },
  };
}

/**
 * Says early, before data are read, what `lockRun` would say.
 *
 * @throws one line that names the process which trains the run
 */
export async function checkUnlocked(out: string): Promise<void> {
  const held = await heldLock(out);
  if (held) throw heldBy(out, held.holder);
}

/** The process that trains a run. */
export interface RunHolder {
  /** Null for the moment in which it takes the run, where files cannot be linked. */
  readonly pid: number | null;
  /** Whether it is a process of this machine. */
  readonly isHere: boolean;
}

/** The process that trains a run; undefined while none does. */
export async function runHolder(out: string): Promise<RunHolder | undefined> {
  const held = await heldLock(out);
  return held && { pid: held.holder?.pid ?? null, isHere: held.holder?.host === hostname() };
}

/** The lock of a run, if it is not void. */
async function heldLock(out: string): Promise<{ readonly holder: Holder | undefined } | undefined> {
  const path = join(out, lockFile);
  const holder = await readHolder(path);
  const found = await stat(path).catch(() => undefined);
  return found && !isVoid(holder, found.mtimeMs, Date.now()) ? { holder } : undefined;
}

/** False if the name is taken. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // Some network and FAT file systems have no links; an exclusive copy of these few bytes does there.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EOPNOTSUPP') throw error;
    return copied(from, to);
  }
}

async function copied(from: string, to: string): Promise<boolean> {
  try {
    const file = await open(to, 'wx');
    try {
      await file.writeFile(await readFile(from));
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Makes `path` a copy of our lock, if nothing is there or what is there is void.
 *
 * Of many that find it void, one replaces it: the one that holds the right to, which is a lock of its own, named after the void one. Nobody
 * else removes a void lock, and its name is never given again, so that one who gets the right late finds another lock in its place.
 *
 * @param aside  our lock in a file of its own
 * @throws one line, if another process holds it
 */
async function take(out: string, path: string, aside: string): Promise<void> {
  while (!(await linked(aside, path))) {
    const holder = await readHolder(path);
    const found = await stat(path).catch(() => undefined);
    if (!found) continue;
    if (!isVoid(holder, found.mtimeMs, (await stat(aside)).mtimeMs)) throw heldBy(out, holder);
    const right = asidePath(out, `after-${holder?.token ?? found.mtimeMs}`);
    await take(out, right, aside);
    try {
      if ((await readHolder(path))?.token !== holder?.token) continue;
      const moving = asidePath(out, randomUUID());
      await linked(aside, moving);
      await rename(moving, path);
      return;
    } finally {
      await rm(right, { force: true });
    }
  }
}

/** Hidden, and not what a process removes that cleans up after one that was killed. */
function asidePath(out: string, name: string): string {
  return join(out, `.${lockFile}.${name}`);
}

/** The process that a lock names; undefined if there is no lock, or it is damaged, as after a power cut. */
async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function isVoid(holder: Holder | undefined, lastSign: number, now: number): boolean {
  // Damaged, or written this very moment where files cannot be linked.
  if (!holder) return now - lastSign > beatSeconds * 1000;
  const { pid, host, started } = holder;
  if (host !== hostname()) return now - lastSign > silenceSeconds * 1000;
  return !isAlive(pid) || (started !== null && startOf(pid) !== started);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signaled, but is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * What tells a process from an earlier one of the same number, in a container started anew for example: when it began, in
 * ticks since the machine did. Undefined where the system does not say.
 */
function startOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name, which may have spaces and brackets of its own; the 22nd is the time.
    const [state, ...rest] = fields.slice(fields.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended: its parent has not asked for its status yet.
    return state === 'Z' || state === 'X' ? undefined : rest[18];
  } catch {
    return undefined;
  }
}

function heldBy(out: string, holder: Holder | undefined): Error {
  const hint = `choose another --out, or remove ${join(out, lockFile)} if that process is something else`;
  if (!holder) return new Error(`${out}: another process starts to train this run; ${hint}`);
  const { pid, host } = holder;
  const stop =
    host === hostname() ? `stop it (kill ${pid})` : `stop it there, or wait ${silenceSeconds} s if it has been killed`;
  return new Error(`${out}: a process (pid ${pid} on ${host}) trains this run; ${stop}, ${hint}`);
}

async function giveSign(path: string, own: Holder, text: string): Promise<void> {
  if ((await readHolder(path))?.token !== own.token) return;
  // Written and not only dated: the file system's own clock then says when, whatever this machine's says.
  const file = await open(path, 'r+').catch(() => undefined);
  await file?.writeFile(text).catch(() => {});
  await file?.close().catch(() => {});
}
