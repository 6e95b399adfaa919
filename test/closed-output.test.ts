/** Commands whose output nobody reads any more, or that cannot be written. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { start, tinyModel, writeImageFolder } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-output-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const train = { steps: 30, batchSize: 4, warmupSteps: 0, checkpointEvery: 1000, sampleEvery: null };

beforeAll(async () => {
  await writeImageFolder(join(cwd, 'images'), 9);
  const config = { data: { source: 'images', size: 8 }, model: tinyModel, train };
  writeFileSync(join(cwd, 'config.json'), JSON.stringify(config));
});

/** Runs a command, the reader of whose standard output has gone before it begins. */
async function unread(...args: string[]) {
  const { child, ended } = start(args, { cwd });
  child.stdout!.destroy();
  return ended;
}

/** Waits until a run has logged a step, and returns the path of its log. */
async function firstStep(out: string): Promise<string> {
  const log = join(cwd, out, 'metrics.jsonl');
  while (!existsSync(log) || readFileSync(log).length === 0) await delay(5);
  return log;
}

test('what only prints ends quietly where nobody reads it', async () => {
  expect(await unread('doctor', '--json')).toEqual({ status: 141, stdout: '', stderr: '' });
}, 60_000);

test('help that nobody reads is no failure', async () => {
  expect(await unread('--help')).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('what writes a file writes it, also where nobody reads what it prints', async () => {
  expect(await unread('data', 'images', '--out', 'grid.png')).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(existsSync(join(cwd, 'grid.png'))).toBe(true);
});

test('training goes on where nobody reads its progress', async () => {
  const { child, ended } = start(['train', 'config.json', '--out', 'run', '--threads', '1'], { cwd });
  child.stdout!.destroy();
  await new Promise((resolve) => child.stderr!.once('data', resolve));
  child.stderr!.destroy();
  expect((await ended).status).toBe(0);
  expect(readFileSync(join(cwd, 'run/latest'), 'utf8')).toBe('step-000030\n');
}, 60_000);

test.runIf(existsSync('/dev/full'))('a full disk behind the output is one line, after the work', async () => {
  const { child } = start(['--version'], { cwd });
  const command = child.spawnargs.slice(1, -1);
  const full = spawn(process.execPath, [...command, 'data', 'images', '--out', 'full.png'], {
    cwd,
    env: { ...process.env, KUOSAN_CACHE: join(cwd, '.cache') },
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  });
  let stderr = '';
  full.stderr!.on('data', (text) => {
    stderr += String(text);
  });
  const status = await new Promise((resolve) => full.on('close', resolve));
  expect([status, stderr]).toEqual([1, 'kuosan: standard output cannot be written: no space left on the disk\n']);
  expect(existsSync(join(cwd, 'full.png'))).toBe(true);
});

test('a closed terminal saves a run, however often it is told', async () => {
  const args = ['train', 'config.json', '--out', 'hung-up', '--steps', '100000', '--threads', '1'];
  const { child, ended } = start(args, { cwd });
  const log = await firstStep('hung-up');
  child.stderr!.destroy();
  child.kill('SIGHUP');
  child.kill('SIGHUP');
  await delay(20);
  child.kill('SIGHUP');
  // As shells report it: 128 + 1.
  expect((await ended).status).toBe(129);
  const { step } = JSON.parse(readFileSync(log, 'utf8').trimEnd().split('\n').at(-1)!) as { step: number };
  expect(readFileSync(join(cwd, 'hung-up/latest'), 'utf8')).toBe(`step-${String(step).padStart(6, '0')}\n`);
}, 60_000);

test('a Ctrl-C that comes twice at once, as npx hands it on, is one', async () => {
  const args = ['train', 'config.json', '--out', 'twice', '--steps', '100000', '--threads', '1'];
  const { child, ended } = start(args, { cwd });
  await firstStep('twice');
  child.kill('SIGINT');
  await delay(10);
  child.kill('SIGINT');
  const { status, stderr } = await ended;
  expect([status, stderr]).toEqual([130, expect.stringContaining('stopped; saved twice/checkpoints/step-')]);
}, 60_000);
