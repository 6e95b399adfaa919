/** The soaks for seconds: that they run, find nothing, and would find something. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { RandomStream } from '../src/core/index.ts';
import { kuosanProgram } from '../test/kuosan.ts';
import { replayFault, soakFuzz } from './fuzz.ts';
import { soakKills } from './kills.ts';
import { mutated } from './mutate.ts';
import { readers } from './readers.ts';
import { soakServe } from './serve.ts';
import { writeTinyModels } from '../test/served-models.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-soak-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test('runs that are killed three times come out as those that never were', async () => {
  const lines: string[] = [];
  const folder = mkdtempSync(join(scratch, 'kills-'));
  const report = await soakKills({
    count: 3,
    seed: 1,
    folder,
    program: kuosanProgram,
    print: (line) => lines.push(line),
  });
  expect(report.faults, lines.join('\n')).toEqual([]);
  expect(Object.values(report.kills).reduce((sum, count) => sum + count, 0)).toBe(3);
  expect(report.resumes).toBeGreaterThan(0);
}, 600_000);

describe('damaged files', () => {
  test('of every kind are read or refused as they should be', async () => {
    const lines: string[] = [];
    const names = readers.map(({ name }) => name);
    const options = { readers: names, seed: 0, most: 3, seconds: 300, faultsFolder: scratch };
    const report = await soakFuzz({ ...options, print: (line) => lines.push(line) });
    expect(report.faults, lines.join('\n')).toEqual([]);
    expect(report.readers.map(({ name, inputs }) => [name, inputs])).toEqual(names.map((name) => [name, 3]));
  }, 600_000);

  test('are the same for the same seed, and others for another', () => {
    const file = Uint8Array.from({ length: 200 }, (_, i) => i);
    const damage = (seed: number, index: number) => [...mutated(file, [file], new RandomStream(seed, 'damage', index))];
    expect(damage(0, 0)).toEqual(damage(0, 0));
    expect(new Set(Array.from({ length: 50 }, (_, i) => damage(0, i).join())).size).toBeGreaterThan(40);
    expect(damage(1, 0)).not.toEqual(damage(0, 0));
    expect([...file]).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test('that were kept are read again', async () => {
    const folder = mkdtempSync(join(scratch, 'kept-'));
    const files = join(folder, 'files');
    mkdirSync(files);
    writeFileSync(join(folder, 'fault.json'), JSON.stringify({ reader: 'npy' }));
    await readers.find(({ name }) => name === 'npy')!.prepare(files);
    expect(await replayFault(folder)).toBeUndefined();
    // Whatever is no message for a person is a fault, such as the system's own.
    rmSync(join(files, 'b.npy'));
    expect(await replayFault(folder)).toContain('throws what no person understands: "ENOENT');
  }, 120_000);
});

test('a server that is asked for more than it can do gives each image the bytes of its seed, also when its worker is killed', async () => {
  const models = await writeTinyModels();
  try {
    const report = await soakServe({
      program: kuosanProgram,
      model: models.plain,
      clients: 12,
      seconds: 4,
      steps: 4,
      batchSize: 4,
      queue: 4,
      kills: 1,
      seed: 1,
      print: () => {},
    });
    expect(report.faults).toEqual([]);
    expect(report.answered).toBeGreaterThan(0);
    expect(report.refused).toBeGreaterThan(0);
    expect(report.workersKilled).toBe(1);
    for (const size of report.heap) {
      expect(size).toBeGreaterThan(1);
      expect(size).toBeLessThan(4096);
    }
  } finally {
    models.remove();
  }
}, 120_000);
