import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkUnlocked, lockRun } from './run-lock.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-lock-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
function newFolder(): string {
  const folder = join(scratch, String(folders++));
  mkdirSync(folder);
  return folder;
}
const write = (out: string, holder: object) =>
  writeFileSync(
    join(out, 'run.lock'),
    JSON.stringify({ pid: 1, host: hostname(), started: null, token: 'other', ...holder }),
  );

/** Makes the last sign of life so many seconds old. */
function age(out: string, seconds: number): void {
  const early = new Date(Date.now() - seconds * 1000);
  utimesSync(join(out, 'run.lock'), early, early);
}

/** A process that is there until it is killed. */
async function idle() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  return child;
}

test('a run is held until it is let go of, and nothing of the lock is left', async () => {
  const out = newFolder();
  const lock = await lockRun(out);
  expect(readdirSync(out)).toEqual(['run.lock']);
  await expect(lockRun(out)).rejects.toThrow(
    `${out}: a process (pid ${process.pid} on ${hostname()}) trains this run; stop it (kill ${process.pid}), choose another --out`,
  );
  await expect(checkUnlocked(out)).rejects.toThrow('trains this run');
  expect(readdirSync(out)).toEqual(['run.lock']);
  await lock.release();
  expect(readdirSync(out)).toEqual([]);
  await checkUnlocked(out);
  await (await lockRun(out)).release();
});

test('a lock dies with its process, however that ends', async () => {
  const out = newFolder();
  const child = await idle();
  write(out, { pid: child.pid });
  await expect(lockRun(out)).rejects.toThrow(`a process (pid ${child.pid} on ${hostname()}) trains this run`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await checkUnlocked(out);
  await (await lockRun(out)).release();
  expect(readdirSync(out)).toEqual([]);
});

test.runIf(existsSync('/proc/self/stat'))(
  'a process that has only the number of the one that held it does not hold it',
  async () => {
    const out = newFolder();
    const child = await idle();
    write(out, { pid: child.pid, started: '1' });
    await (await lockRun(out)).release();
    child.kill();
    expect(readdirSync(out)).toEqual([]);
  },
);

test('one on another machine holds it as long as it gives signs of life', async () => {
  const out = newFolder();
  write(out, { host: 'atlas' });
  await expect(lockRun(out)).rejects.toThrow(
    'a process (pid 1 on atlas) trains this run; stop it there, or wait 120 s if it has been killed',
  );
  age(out, 121);
  await checkUnlocked(out);
  await (await lockRun(out)).release();
});

test("of many that find a dead one's lock, one gets the run", async () => {
  for (let round = 0; round < 40; round++) {
    const out = newFolder();
    write(out, { pid: 2 ** 22 + 1 });
    const tries = await Promise.allSettled(Array.from({ length: 12 }, () => lockRun(out)));
    const locks = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(locks).toHaveLength(1);
    expect(JSON.parse(readFileSync(join(out, 'run.lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    await locks[0]!.release();
    expect(readdirSync(out)).toEqual([]);
  }
});

test.each(['', '{', '[]', '{"pid":"1"}'])('a damaged lock is void soon: %j', async (text) => {
  const out = newFolder();
  writeFileSync(join(out, 'run.lock'), text);
  await expect(lockRun(out)).rejects.toThrow(
    `${out}: another process starts to train this run; choose another --out, or remove ${join(out, 'run.lock')}`,
  );
  age(out, 16);
  await checkUnlocked(out);
  await (await lockRun(out)).release();
});

test('a lock that another process has taken over is left to it', async () => {
  const out = newFolder();
  const lock = await lockRun(out);
  write(out, { host: 'atlas' });
  await lock.release();
  expect(readdirSync(out)).toEqual(['run.lock']);
});

test("a process that died while it replaced a void lock is in nobody's way", async () => {
  const out = newFolder();
  write(out, { pid: 2 ** 22 + 1, token: 'first' });
  writeFileSync(
    join(out, '.run.lock.after-first'),
    JSON.stringify({ pid: 2 ** 22 + 2, host: hostname(), started: null, token: 'second' }),
  );
  const lock = await lockRun(out);
  expect(JSON.parse(readFileSync(join(out, 'run.lock'), 'utf8'))).toMatchObject({ pid: process.pid });
  await lock.release();
  expect(readdirSync(out)).toEqual([]);
});

test('a folder that is not there cannot be locked', async () => {
  await expect(lockRun(join(scratch, 'nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
  await checkUnlocked(join(scratch, 'nothing'));
});
