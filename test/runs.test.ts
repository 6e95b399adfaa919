/** What happens to a run from outside: other processes, signals, closed pipes, data that moved. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeImageFolder, kuosan, start, tinyModel } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-runs-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const train = { steps: 20, batchSize: 4, warmupSteps: 0, checkpointEvery: 10, sampleEvery: null };

beforeAll(async () => {
  await writeImageFolder(join(cwd, 'images'), 9);
  writeFileSync(
    join(cwd, 'config.json'),
    JSON.stringify({ data: { source: 'images', size: 8 }, model: tinyModel, train }),
  );
});

const command = (out: string, ...more: string[]) => ['train', 'config.json', '--out', out, '--threads', '1', ...more];
const text = (...path: string[]) => readFileSync(join(cwd, ...path), 'utf8');
/** The steps that the log of a run has, in its order. */
const logged = (out: string) =>
  text(out, 'metrics.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { step: number }).step);

test('a run that goes on is resumed by nobody else, and is by anybody once its process is gone', async () => {
  const first = start(command('one', '--steps', '100000'), { cwd });
  while (!existsSync(join(cwd, 'one/latest'))) await delay(5);
  const second = await kuosan(command('one', '--steps', '100000', '--resume'), { cwd });
  expect([second.status, second.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^kuosan: one: a process \(pid \d+ on [^)]+\) trains this run; stop it \(kill \d+\), choose another --out, or remove one\/run\.lock .*\n$/,
    ),
  ]);
  expect(second.stderr).toContain(`pid ${first.child.pid} on ${hostname()}`);
  first.child.kill('SIGKILL');
  await first.ended;
  const steps = Number(text('one/latest').trim().slice('step-'.length)) + 10;
  const third = await kuosan(command('one', '--steps', String(steps), '--resume'), { cwd });
  expect(third.status, third.stderr).toBe(0);
  expect(logged('one')).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  expect(existsSync(join(cwd, 'one/run.lock'))).toBe(false);
}, 60_000);
