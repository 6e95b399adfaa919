import { cpSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkDamaged } from '../../test/damaged-file.ts';
import { float32, type HostArray } from '../core/index.ts';
import { readTrainingState, writeTrainingState } from './training-state.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-training-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const state = {
  step: 123,
  tensors: new Map<string, HostArray>([
    ['params/conv.weight', float32([2, 2], [1, -0, NaN, 1e-45])],
    ['adam/m/conv.weight', float32([2, 2], [0.1, 0.2, 0.3, 0.4])],
    ['step', { dtype: 'i64', shape: [], data: BigInt64Array.of(123n) }],
  ]),
  meta: {
    seed: 7,
    threads: 2,
    versions: { kuosan: '0.1.0', 10: 'keys that look like numbers', 2: 'come first' },
    lossSum: 0.1 + 0.2,
  },
};
const whole = join(scratch, 'whole');
beforeAll(() => writeTrainingState(whole, state));

const bitsOf = (tensors: ReadonlyMap<string, HostArray>) =>
  new Map(
    [...tensors]
      .sort()
      .map(([name, { dtype, shape, data }]) => [
        name,
        [dtype, shape, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')],
      ]),
  );

describe('a training state', () => {
  test('reads back bit for bit', async () => {
    const read = await readTrainingState(whole);
    expect(read.step).toBe(123);
    expect(read.meta).toEqual(state.meta);
    expect(bitsOf(read.tensors)).toEqual(bitsOf(state.tensors));
  });

  test('is the same file where tensors are read one at a time', async () => {
    const dir = join(scratch, 'one-at-a-time');
    await writeTrainingState(dir, {
      ...state,
      tensors: { types: state.tensors, read: async (name) => state.tensors.get(name)! },
    });
    for (const file of ['training/state.safetensors', 'training/training.json'])
      expect(readFileSync(join(dir, file))).toEqual(readFileSync(join(whole, file)));
  });

  test('passes on what ends the reading of its tensors', async () => {
    const lost = new RangeError('the engine is gone');
    await expect(
      writeTrainingState(join(scratch, 'lost'), {
        ...state,
        tensors: { types: state.tensors, read: () => Promise.reject(lost) },
      }),
    ).rejects.toBe(lost);
  });

  test('is never written over another', async () => {
    await expect(writeTrainingState(whole, state)).rejects.toThrow('state.safetensors": it exists already');
  });

  test.each([NaN, undefined, 1n, { a: [Infinity] }, new Date(0)])(
    'is not written with a record that JSON does not keep: %s',
    async (value) => {
      await expect(writeTrainingState(join(scratch, 'unwritten'), { ...state, meta: { value } })).rejects.toThrow(
        'training state: meta.value holds a value that JSON does not keep',
      );
    },
  );

  test('that is not there says that the model can still be sampled', async () => {
    await expect(readTrainingState(scratch)).rejects.toThrow(
      `checkpoint ${scratch}: has no training state, so it can be sampled but not resumed`,
    );
  });

  test('without its tensors names the file', async () => {
    const dir = join(scratch, 'halved');
    cpSync(whole, dir, { recursive: true });
    unlinkSync(join(dir, 'training/state.safetensors'));
    await expect(readTrainingState(dir)).rejects.toThrow(
      `checkpoint ${join(dir, 'training/state.safetensors')}: cannot be read, it does not exist`,
    );
  });

  test('of a later format says so', async () => {
    const dir = join(scratch, 'later');
    cpSync(whole, dir, { recursive: true });
    writeFileSync(join(dir, 'training/training.json'), JSON.stringify({ format: 2 }));
    await expect(readTrainingState(dir)).rejects.toThrow(
      'training.json: has format 2, this version reads 1; update kuosan',
    );
  });

  test.each(['training.json', 'state.safetensors'])(
    'with any byte of %s changed or cut off is refused, or is the same',
    async (name) => {
      const dir = join(scratch, `damaged-${name}`);
      cpSync(whole, dir, { recursive: true });
      const path = join(dir, 'training', name);
      await checkDamaged(path, { seed: 2, numRuns: 300 }, async () => {
        const result = await readTrainingState(dir).catch((error: Error) => error);
        if (result instanceof Error) {
          expect(result.message).toContain(`checkpoint ${path}: `);
          expect(result.message).not.toContain('\n');
        } else {
          // One kind of white space for another, or the last line break.
          expect(name).toBe('training.json');
          expect([result.step, result.meta]).toEqual([state.step, state.meta]);
        }
      });
    },
  );
});
