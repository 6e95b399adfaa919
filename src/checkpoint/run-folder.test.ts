import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openRun, readRun, type OpenRunOptions } from './run-folder.ts';
import { saveCheckpoint } from './step-folders.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-run-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Opens a run and lets go of it, as a process that ends. */
async function open(out: string, options: OpenRunOptions) {
  const { release, changes, ...run } = await openRun(out, options);
  await release();
  if (!options.resume) expect(changes).toEqual([]);
  return run;
}

let folders = 0;
const newFolder = () => join(scratch, 'runs', String(folders++));

const config = { steps: 1000, batchSize: 64, model: { blockOutChannels: [32, 64], dropout: 0 }, seed: 1 };
const data = { sha256: 'abc', count: 10 };
const start = { config, data, resume: false };
const resume = { config, data, resume: true };
const checkpoint = (out: string, step: number) =>
  saveCheckpoint(out, step, async (dir) => writeFileSync(join(dir, 'model_index.json'), '{}'));

describe('starting a run', () => {
  test('makes the folder and records what the run is', async () => {
    const out = newFolder();
    expect(await open(out, start)).toEqual({ out, latest: null });
    expect(await readRun(out)).toEqual({ config, data });
    expect(readdirSync(out).sort()).toEqual(['checkpoints', 'run.json']);
  });

  test('takes an empty folder, hidden files aside', async () => {
    const out = newFolder();
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, '.gitkeep'), '');
    writeFileSync(join(out, '.run.json.99.part'), 'left by a process that was killed');
    await open(out, start);
    expect(readdirSync(out).sort()).toEqual(['.gitkeep', 'checkpoints', 'run.json']);
  });

  test('refuses a folder with other files and changes nothing in it', async () => {
    const out = newFolder();
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'thesis.txt'), 'all of it');
    for (const options of [start, resume])
      await expect(open(out, options)).rejects.toThrow(
        `${out}: holds no run but other files ("thesis.txt"); choose another --out`,
      );
    expect(readdirSync(out)).toEqual(['thesis.txt']);
  });

  test('refuses a run that is there, and says how far it is', async () => {
    const out = newFolder();
    await open(out, start);
    await expect(open(out, start)).rejects.toThrow(
      `${out}: holds a run that has no checkpoint yet; --resume continues it, or choose another --out`,
    );
    await checkpoint(out, 250);
    const before = readFileSync(join(out, 'run.json'), 'utf8');
    await expect(open(out, { ...start, config: { other: 1 } })).rejects.toThrow(
      `${out}: holds a run at step 250; --resume continues it, or choose another --out`,
    );
    expect(readFileSync(join(out, 'run.json'), 'utf8')).toBe(before);
  });

  test('refuses what cannot be a folder', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    await expect(open(file, start)).rejects.toThrow(
      `${file}: is a file, expected a folder for the run; choose another --out`,
    );
    await expect(open(join(file, 'a'), start)).rejects.toThrow(
      `${join(file, 'a')}: cannot be written, a part of the path is a file, not a folder; choose another --out`,
    );
    const long = join(scratch, 'x'.repeat(300));
    await expect(open(long, start)).rejects.toThrow(
      `${long}: cannot be written, the name is too long; choose another --out`,
    );
  });
});

describe('resuming a run', () => {
  test('goes on from its latest checkpoint, and removes what a killed save left', async () => {
    const out = newFolder();
    await open(out, start);
    expect(await open(out, resume)).toEqual({ out, latest: null });
    await checkpoint(out, 7);
    mkdirSync(join(out, 'checkpoints/.step-000009.new.99.part'));
    expect(await open(out, resume)).toEqual({ out, latest: { step: 7, path: join(out, 'checkpoints/step-000007') } });
    expect(readdirSync(join(out, 'checkpoints'))).toEqual(['step-000007']);
  });

  test('does not care for the order of keys or for keys that are not set', async () => {
    const out = newFolder();
    await open(out, start);
    const reordered = {
      seed: 1,
      model: { dropout: 0, blockOutChannels: [32, 64], extra: undefined },
      batchSize: 64,
      steps: 1000,
    };
    expect(await open(out, { ...resume, config: reordered })).toEqual({ out, latest: null });
  });

  test.each<[string, object, string]>([
    ['a value', { config: { ...config, batchSize: 32 } }, 'config.batchSize is 64 in this run, now 32'],
    [
      'a value inside',
      { config: { ...config, model: { blockOutChannels: [32, 128], dropout: 0 } } },
      'config.model.blockOutChannels is [32,64] in this run, now [32,128]',
    ],
    ['a key more', { config: { ...config, ema: 0.99 } }, 'config.ema is not set in this run, now 0.99'],
    ['a key less', { config: { ...config, seed: undefined } }, 'config.seed is 1 in this run, now not set'],
  ])('is refused where %s differs, by its name', async (_, changed, message) => {
    const out = newFolder();
    await open(out, start);
    await expect(open(out, { ...resume, ...changed })).rejects.toThrow(
      `${out}: ${message}; resume with the run's own value, or choose another --out`,
    );
    expect(await readRun(out)).toEqual({ config, data });
  });

  test('is refused where the images are others', async () => {
    const out = newFolder();
    await open(out, start);
    await expect(open(out, { ...resume, data: { fingerprint: 'another' } })).rejects.toThrow(
      `${out}: its images differ from the images of the run`,
    );
    expect(await readRun(out)).toEqual({ config, data });
  });

  test('may change what the caller lists, and records it', async () => {
    const out = newFolder();
    await open(out, start);
    const longer = { ...config, steps: 5000, model: { ...config.model, dropout: 0.1 } };
    await expect(open(out, { ...resume, config: longer, mayChange: ['steps'] })).rejects.toThrow(
      'config.model.dropout is 0 in this run, now 0.1',
    );
    const { changes, release } = await openRun(out, {
      ...resume,
      config: longer,
      mayChange: ['steps', 'model.dropout'],
    });
    await release();
    expect(changes.map(({ name }) => name)).toEqual(['steps', 'model.dropout']);
    expect((await readRun(out)).config).toEqual(longer);
  });

  test('of nothing is refused', async () => {
    const out = newFolder();
    await expect(open(out, resume)).rejects.toThrow(
      `${out}: there is no run to resume; leave out --resume to start one, or give the --out of a run`,
    );
    expect(() => readdirSync(out)).toThrow('ENOENT');
  });

  test.each([
    ['{"format": 1, "conf', 'is not valid JSON, cut short or damaged'],
    ['{"format": 2}', 'has format 2, this version reads 1; update kuosan'],
    ['{"format": 1}', 'expected format 1 and a config'],
    ['[]', 'expected a JSON object, got a list'],
  ])('is refused where run.json says %j', async (text, message) => {
    const out = newFolder();
    await open(out, start);
    writeFileSync(join(out, 'run.json'), text);
    await expect(open(out, resume)).rejects.toThrow(`${join(out, 'run.json')}: ${message}`);
  });
});
