import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../../../test/run-here.ts';
import { lockRun } from '../../checkpoint/run-lock.ts';
import { presetNames } from '../../train/index.ts';
import { columns, dateText, sizeText } from './columns.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-list-'));
const at = (...parts: readonly string[]) => join(folder, ...parts);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a command prints. */
async function kuosan(...words: readonly string[]) {
  const { status, stdout: out, stderr: err } = await runHere(words);
  return { status, out, err };
}

describe('kuosan presets', () => {
  test('has a line for each, with what it trains, on what data, how long', async () => {
    const { out } = await kuosan('presets');
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(await presetNames());
    expect(out).toMatch(
      /^noto-32 +ddpm +noto-emoji\/smileys +32 px +6,000 steps of 32 +Noto's smileys, hearts and cats/m,
    );
    expect(out).toMatch(/^clip +clip +--data /m);
    expect(out).toMatch(/DDPM's own run on CIFAR-10, as Ho et al\. describe it/);
  });

  test('prints JSON', async () => {
    expect(JSON.parse((await kuosan('presets', '--json')).out)).toContainEqual(
      expect.objectContaining({ name: 'mnist', task: 'ddpm', data: 'mnist', size: 32, batchSize: 32 }),
    );
  });
});

describe('kuosan models', () => {
  test('has those that come with kuosan, each with its purpose, size and data', async () => {
    const { out } = await kuosan('models');
    expect(out).toMatch(/^noto-32 +generates images +5\.5 MB .*noto-emoji\/smileys: the 169 images/m);
    expect(out).toMatch(/^emoji-clip +CLIP +7\.8 MB /m);
    expect(JSON.parse((await kuosan('models', '--json')).out)).toContainEqual(
      expect.objectContaining({
        name: 'fashion-mnist-classifier',
        kind: 'network',
        license: expect.stringContaining('MIT'),
      }),
    );
  });

  test('has those of a folder, and says where there are none', async () => {
    mkdirSync(at('models/own'), { recursive: true });
    writeFileSync(at('models/own/model_index.json'), '{}');
    utimesSync(at('models/own/model_index.json'), 0, Date.UTC(2026, 2, 4) / 1000);
    expect((await kuosan('models', at('models'))).out).toBe('own  generates images  2 bytes  2026-03-04\n');
    expect(await kuosan('models', at('nowhere'))).toMatchObject({
      status: 1,
      err: `kuosan: models ${JSON.stringify(at('nowhere'))}: no model folders here; give a folder that holds some\n`,
    });
  });
});

describe('kuosan runs', () => {
  const date = Date.UTC(2026, 4, 6) / 1000;
  beforeAll(() => {
    const run = (path: string, config: object, steps: readonly number[]): void => {
      mkdirSync(at(path), { recursive: true });
      writeFileSync(at(path, 'run.json'), JSON.stringify({ format: 1, config, data: null }));
      utimesSync(at(path, 'run.json'), date, date);
      for (const step of steps) {
        const checkpoint = at(path, `checkpoints/step-${String(step).padStart(6, '0')}`);
        mkdirSync(join(checkpoint, 'training'), { recursive: true });
      }
    };
    run('runs/done', { data: { source: 'mnist' }, train: { steps: 20 } }, [10, 20]);
    run('runs/deep/half', { task: 'clip', data: { source: './photos' }, train: { steps: 2000 } }, [10]);
    run('runs/new', { data: { source: 'x' }, train: { steps: 5 } }, []);
    mkdirSync(at('runs/notes'));
    mkdirSync(at('runs/torn'));
    writeFileSync(at('runs/torn/run.json'), '{');
  });

  test('has each with how far it is, and says what it cannot read', async () => {
    const lock = await lockRun(at('runs/new'));
    const { out, err, status } = await kuosan('runs', at('runs'));
    await lock.release();
    expect(status).toBe(0);
    const rows = out
      .trim()
      .split('\n')
      .map((line) => line.replace(`${at('runs')}/`, '').split(/ {2,}/));
    expect(rows.map(([path]) => path)).toEqual(['deep/half', 'done', 'new']);
    expect(rows[0]).toMatchObject([
      'deep/half',
      'clip',
      expect.stringMatching(/^step [\d,]+ of 2,000$/),
      'stopped',
      expect.stringMatching(/bytes/),
      '2026-05-06',
      './photos',
    ]);
    expect(rows[2]!.slice(0, 4)).toEqual(['new', 'ddpm', 'step 0 of 5', 'training']);
    expect(err).toMatch(/^note: .*torn.*run\.json/);
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  test('takes one run, prints JSON, and says where there is none', async () => {
    expect(JSON.parse((await kuosan('runs', at('runs/new'), '--json')).out)).toMatchObject([
      { task: 'ddpm', data: 'x', step: null, steps: 5, state: 'stopped', date: '2026-05-06' },
    ]);
    expect((await kuosan('runs', at('runs/notes'))).err).toContain(
      'no runs here; give a folder that holds some, or start one with kuosan train',
    );
  });
});

describe('columns', () => {
  test('are as wide as their widest text, and the last one is cut', () => {
    expect(
      columns(
        [
          ['a', 'bb', 'end'],
          ['aaa', 'b', 'a longer end'],
        ],
        14,
      ),
    ).toEqual(['a    bb  end', 'aaa  b   a lo…']);
    expect(columns([['a', '']], 80)).toEqual(['a']);
  });

  test('say sizes and dates for people', () => {
    expect([0, 999, 1000, 5_512_345, 2.5e9].map(sizeText)).toEqual([
      '0 bytes',
      '999 bytes',
      '1.0 kB',
      '5.5 MB',
      '2.5 GB',
    ]);
    // npm packs every file with this date.
    expect([dateText(Date.UTC(1985, 9, 26)), dateText(Date.UTC(2026, 0, 2))]).toEqual(['', '2026-01-02']);
  });
});
