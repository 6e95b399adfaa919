import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { loadModel } from './load-model.ts';
import { packagePretrainedDir, resolveModel, type ModelKind } from './resolve.ts';
import { openRun } from './run-folder.ts';
import { saveCheckpoint } from './step-folders.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-resolve-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Two models that are known by name. */
const pretrainedDir = fileURLToPath(new URL('../../test/golden/pipeline', import.meta.url));
const resolve = (source: string) => resolveModel(source, { pretrainedDir });

describe('a model is found', () => {
  test('by a run, which means its latest checkpoint, or by one checkpoint', async () => {
    const out = join(scratch, 'run');
    await openRun(out, { config: {}, data: null, resume: false });
    await expect(resolve(out)).rejects.toThrow(`${out}: the run has no checkpoint yet; let it reach its first one`);
    for (const step of [1, 2])
      await saveCheckpoint(out, step, async (dir) => writeFileSync(join(dir, 'model_index.json'), '{}'));
    expect(await resolve(out)).toBe(join(out, 'checkpoints/step-000002'));
    expect(await resolve(join(out, 'checkpoints/step-000001'))).toBe(join(out, 'checkpoints/step-000001'));
  });

  test('by its folder or its name', async () => {
    expect(await resolve(join(pretrainedDir, 'cosine'))).toBe(join(pretrainedDir, 'cosine'));
    expect(await resolve('linear')).toBe(join(pretrainedDir, 'linear'));
    expect((await loadModel('linear', { pretrainedDir })).scheduler.numTrainTimesteps).toBe(200);
  });

  test('by a name of its kind alone', async () => {
    const kinds = join(scratch, 'kinds');
    for (const [name, file, content] of [
      ['drawing', 'model_index.json', '{}'],
      ['telling', 'config.json', '{}'],
      ['naming', 'config.json', '{"model_type": "clip"}'],
    ] as const) {
      mkdirSync(join(kinds, name), { recursive: true });
      writeFileSync(join(kinds, name, file), content);
    }
    const find = (source: string, kind: ModelKind) => resolveModel(source, { pretrainedDir: kinds, kind });
    for (const [name, kind] of [
      ['drawing', 'model'],
      ['telling', 'network'],
      ['naming', 'clip'],
    ] as const)
      expect(await find(name, kind)).toBe(join(kinds, name));
    await expect(find('telling', 'clip')).rejects.toThrow(
      '"telling" is an image classifier, expected a CLIP; give the path of a run, a checkpoint or a model folder, or one of naming',
    );
    await expect(find('naming', 'network')).rejects.toThrow(
      '"naming" is a CLIP, expected an image classifier; give the path of a run, a checkpoint or a model folder, or one of telling',
    );
  });

  test("in the package's own folder, if no other is given", () => {
    expect(packagePretrainedDir()).toBe(fileURLToPath(new URL('../../pretrained', import.meta.url)));
  });
});

describe('what is no model', () => {
  const folder = join(scratch, 'images');
  mkdirSync(folder);
  writeFileSync(join(scratch, 'a.png'), '');

  test.each([
    [
      'cosin',
      'unknown model "cosin"; did you mean cosine? Otherwise give the path of a run, a checkpoint or a model folder, or one of cosine, linear',
    ],
    [
      'runs/absent',
      'unknown model "runs/absent"; give the path of a run, a checkpoint or a model folder, or one of cosine, linear',
    ],
    ['', 'unknown model ""; give the path'],
    ['../pipeline/linear', 'unknown model "../pipeline/linear"'],
    [
      folder,
      `${folder}: is neither a run, a checkpoint nor a model folder (there is no run.json, no model_index.json and no config.json)`,
    ],
    [
      join(scratch, 'a.png'),
      'a.png: is a file; give a run, a checkpoint or the folder of a model, which has model_index.json or config.json',
    ],
  ])('is refused: %j', async (source, message) => {
    await expect(resolve(source)).rejects.toThrow(message);
  });

  test('is refused without a list where no model is known', async () => {
    await expect(resolveModel(basename(folder), { pretrainedDir: join(scratch, 'absent') })).rejects.toThrow(
      'unknown model "images"; give the path of a run, a checkpoint or a model folder',
    );
  });
});
