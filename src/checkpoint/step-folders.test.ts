import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { float32 } from '../core/index.ts';
import { writeNewFile } from '../files/durable-files.ts';
import { cleanLeftovers, latestCheckpoint, listCheckpoints, saveCheckpoint } from './step-folders.ts';
import { readTrainingState, writeTrainingState } from './training-state.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-steps-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
const newRun = () => join(scratch, String(folders++));

/** What stands for a model here: the step folders only ask for an index. */
const filling = (text: string) => (dir: string) => writeNewFile(join(dir, 'model_index.json'), text);
const steps = async (out: string) => (await listCheckpoints(out)).map(({ step }) => step);
const fails = (code: string) => async (dir: string) => {
  await filling('half')(dir);
  throw Object.assign(new Error(`${code}: …`), { code, syscall: 'write' });
};

describe('checkpoints of a run', () => {
  test('there are none at first', async () => {
    expect(await latestCheckpoint(newRun())).toBeNull();
  });

  test('the last one saved is the latest', async () => {
    const out = newRun();
    await saveCheckpoint(out, 5, filling('five'));
    expect(await saveCheckpoint(out, 1_000_000, filling('a million'))).toEqual({
      step: 1_000_000,
      path: join(out, 'checkpoints', 'step-1000000'),
    });
    expect(await steps(out)).toEqual([5, 1_000_000]);
    expect(await latestCheckpoint(out)).toEqual({ step: 1_000_000, path: join(out, 'checkpoints', 'step-1000000') });
    expect(readFileSync(join(out, 'latest'), 'utf8')).toBe('step-1000000\n');
    expect(readdirSync(out).sort()).toEqual(['checkpoints', 'latest']);
  });

  test('the oldest are removed beyond keep, never the one just saved', async () => {
    const out = newRun();
    for (const step of [1, 2, 3, 4]) await saveCheckpoint(out, step, filling('x'), { keep: 2 });
    expect(await steps(out)).toEqual([3, 4]);
    await saveCheckpoint(out, 5, filling('x'), { keep: 1 });
    expect(await steps(out)).toEqual([5]);
    // The user went back to an earlier step: what lies ahead stays until it is reached again.
    await saveCheckpoint(out, 2, filling('x'), { keep: 1 });
    expect(await steps(out)).toEqual([2, 5]);
    expect((await latestCheckpoint(out))?.step).toBe(2);
    expect(readdirSync(join(out, 'checkpoints')).length).toBe(2);
    await expect(saveCheckpoint(out, 6, filling('x'), { keep: 0 })).rejects.toThrow(
      'saveCheckpoint: keep must be an integer from 1 or null, got 0',
    );
  });

  test('a step that is reached again is replaced whole', async () => {
    const out = newRun();
    await saveCheckpoint(out, 1, filling('old'));
    await saveCheckpoint(out, 1, filling('new'));
    expect(readFileSync(join(out, 'checkpoints/step-000001/model_index.json'), 'utf8')).toBe('new');
    expect(readdirSync(join(out, 'checkpoints'))).toEqual(['step-000001']);
  });

  test.each(['step-000009', 'step-000001x', '../../etc', ''])(
    'where latest says %j, which is not there, the newest whole one counts',
    async (name) => {
      const out = newRun();
      await saveCheckpoint(out, 1, filling('x'));
      await saveCheckpoint(out, 2, filling('x'));
      mkdirSync(join(out, 'checkpoints/step-000009'));
      mkdirSync(join(out, 'checkpoints/notes'));
      writeFileSync(join(out, 'latest'), name);
      expect((await latestCheckpoint(out))?.step).toBe(2);
      rmSync(join(out, 'latest'));
      expect((await latestCheckpoint(out))?.step).toBe(2);
    },
  );
});

describe('a save that fails', () => {
  test.each([
    ['ENOSPC', 'no space left on the disk'],
    ['EACCES', 'permission denied'],
    ['EROFS', 'the file system is read-only'],
  ])('with %s midway says why and leaves the one before whole and latest', async (code, reason) => {
    const out = newRun();
    await saveCheckpoint(out, 1, filling('one'));
    await expect(saveCheckpoint(out, 2, fails(code), { keep: 1 })).rejects.toThrow(
      `checkpoint ${join(out, 'checkpoints/step-000002')}: cannot be written, ${reason}; step 1 is whole, and --resume continues from it`,
    );
    expect(await latestCheckpoint(out)).toMatchObject({ step: 1 });
    expect(readdirSync(join(out, 'checkpoints'))).toEqual(['step-000001']);
  });

  test('at the first checkpoint says that there is no earlier one', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    await expect(saveCheckpoint(join(file, 'run'), 1, filling('x'))).rejects.toThrow(
      'cannot be written, a part of the path is a file, not a folder; there is no earlier one',
    );
  });

  test("by an error of the caller's own passes it on", async () => {
    const out = newRun();
    await saveCheckpoint(out, 1, filling('one'));
    await expect(
      saveCheckpoint(out, 2, async () => {
        throw new Error('mine');
      }),
    ).rejects.toThrow(/^mine$/);
    await expect(saveCheckpoint(out, 2, async () => {})).rejects.toThrow(
      'internal: a checkpoint was written without model_index.json',
    );
    expect(await latestCheckpoint(out)).toMatchObject({ step: 1 });
  });

  test('leaves nothing that a later start does not clean', async () => {
    const out = newRun();
    await saveCheckpoint(out, 1, filling('one'));
    mkdirSync(join(out, 'checkpoints/.step-000002.new.99.part'));
    writeFileSync(join(out, 'checkpoints/.step-000002.new.99.part/model_index.json'), 'half');
    writeFileSync(join(out, '.latest.99.part'), 'half');
    expect(await steps(out)).toEqual([1]);
    await cleanLeftovers(out);
    expect([readdirSync(out).sort(), readdirSync(join(out, 'checkpoints'))]).toEqual([
      ['checkpoints', 'latest'],
      ['step-000001'],
    ]);
  });
});

/** Saves checkpoint after checkpoint, a word before and after each, until it is killed. */
const endlessRun = (out: string, first: number) => `
  import { saveCheckpoint } from ${JSON.stringify(new URL('./step-folders.ts', import.meta.url).href)};
  import { writeTrainingState } from ${JSON.stringify(new URL('./training-state.ts', import.meta.url).href)};
  import { writeFile } from 'node:fs/promises';
  for (let step = ${first}; ; step++) {
    process.stdout.write('begin ' + step + '\\n');
    await saveCheckpoint(${JSON.stringify(out)}, step, async (dir) => {
      await writeTrainingState(dir, { step, meta: {}, tensors: new Map([['w', { dtype: 'f32', shape: [50000], data: new Float32Array(50000).fill(step) }]]) });
      await writeFile(dir + '/model_index.json', '{}');
    }, { keep: 2 });
    process.stdout.write('saved ' + step + '\\n');
  }`;

describe('a process killed with SIGKILL', () => {
  test('leaves its last saved checkpoint, or the next, whole and latest', { timeout: 60_000 }, async () => {
    const out = newRun();
    // Killed at a word of its own: one in the middle of a save, one between two; whatever the moment, what is there is whole.
    for (const word of ['begin', 'saved', 'begin']) {
      const first = ((await latestCheckpoint(out))?.step ?? 0) + 1;
      const last = await new Promise<number>((resolve, reject) => {
        const child = spawn(
          process.execPath,
          ['--import', 'tsx', '--input-type=module', '-e', endlessRun(out, first)],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        );
        let saved = 0;
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          for (const [, what, step] of text.matchAll(/(begin|saved) (\d+)/g)) {
            if (what === 'saved') saved = Number(step);
            if (what === word && Number(step) >= first + 4) child.kill('SIGKILL');
          }
        });
        child.on('error', reject);
        child.on('close', (_, signal) =>
          signal === 'SIGKILL' ? resolve(saved) : reject(new Error(`ended with ${signal}`)),
        );
      });
      expect(last).toBeGreaterThanOrEqual(first + 3);
      const latest = (await latestCheckpoint(out))!;
      expect(latest.step).toBeGreaterThanOrEqual(last);
      for (const { step, path } of await listCheckpoints(out)) {
        const state = await readTrainingState(path);
        expect([state.step, (state.tensors.get('w')!.data as Float32Array)[49_999]]).toEqual([step, step]);
      }
      await cleanLeftovers(out);
      expect(readdirSync(join(out, 'checkpoints')).every((name) => name.startsWith('step-'))).toBe(true);
    }
  });
});

test('a checkpoint with a training state that is damaged can be moved away for the one before', async () => {
  const out = newRun();
  for (const step of [1, 2]) {
    await saveCheckpoint(out, step, async (dir) => {
      await writeTrainingState(dir, { step, meta: {}, tensors: new Map([['w', float32([1])]]) });
      await filling('x')(dir);
    });
  }
  const damaged = join(out, 'checkpoints/step-000002');
  writeFileSync(join(damaged, 'training/state.safetensors'), 'x');
  await expect(readTrainingState(damaged)).rejects.toThrow(
    `move ${damaged} out of ${join(out, 'checkpoints')} and --resume continues from the checkpoint before it`,
  );
  rmSync(damaged, { recursive: true });
  expect(existsSync(join(out, 'latest'))).toBe(true);
  expect((await readTrainingState((await latestCheckpoint(out))!.path)).step).toBe(1);
});
