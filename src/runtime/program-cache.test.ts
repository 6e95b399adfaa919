import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  add,
  constant,
  float32,
  grad,
  input,
  matmul,
  mul,
  program,
  silu,
  state,
  sum,
  type Program,
} from '../core/index.ts';
import { cpuLowerings, toOnnx } from '../onnx/index.ts';
import { createNodeExecutor } from './create-node-executor.ts';
import { cachedLowering } from './program-cache.ts';
import type { LoweringTarget } from './session-executor.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kuosan-programs-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const standard: LoweringTarget = { name: 'standard', lowerings: {}, optimize: true };

function network({ factor = 2, name = 'w', columns = 3 } = {}): Program {
  const [x, w] = [input('x', [2, 4]), state(name, [4, columns])];
  const y = sum(silu(mul(matmul(x, w), factor)), [0, 1]);
  return program({ outputs: { y }, writes: { [name]: add(w, grad(y, [w])[0]!) } });
}

describe('cached lowering', () => {
  test('gives the same model again, from the file', async () => {
    const folder = join(dir, 'again');
    const lower = cachedLowering({ dir: folder, leastNodes: 0 });
    const first = await lower(network(), standard);
    expect(first).toEqual(toOnnx(network()));
    const files = await readdir(folder);
    expect(files).toHaveLength(1);
    const again = cachedLowering({ dir: folder, leastNodes: 0 });
    expect(await again(network(), standard)).toEqual(first);
    // What the file says is what counts: a byte of the model changed, under a checksum that fits, comes back changed.
    const path = join(folder, files[0]!);
    const rest = (await readFile(path)).subarray(32);
    rest[rest.length - 1]! ^= 1;
    await writeFile(path, Buffer.concat([createHash('sha256').update(rest).digest(), rest]));
    const marked = Uint8Array.from(first.bytes);
    marked[marked.length - 1]! ^= 1;
    expect(await again(network(), standard)).toEqual({ ...first, bytes: marked });
  });

  test('keeps apart whatever is lowered otherwise', async () => {
    const folder = join(dir, 'apart');
    const lower = cachedLowering({ dir: folder, leastNodes: 0 });
    await lower(network(), standard);
    await lower(network({ factor: 3 }), standard);
    await lower(network({ name: 'v' }), standard);
    await lower(network({ columns: 5 }), standard);
    await lower(network(), { ...standard, narrowIntegers: true });
    await lower(network(), { name: 'cpu 16', lowerings: cpuLowerings(16), optimize: false });
    expect(await readdir(folder)).toHaveLength(6);
    await lower(network(), standard);
    expect(await readdir(folder)).toHaveLength(6);
  });

  test('makes a damaged entry again, whatever the damage', async () => {
    const folder = join(dir, 'damaged');
    const lower = cachedLowering({ dir: folder, leastNodes: 0 });
    const whole = await lower(network(), standard);
    const [name] = await readdir(folder);
    const path = join(folder, name!);
    const bytes = await readFile(path);
    const flipped = Buffer.from(bytes);
    flipped[bytes.length >> 1]! ^= 1;
    for (const damaged of [
      Buffer.alloc(0),
      bytes.subarray(0, 40),
      bytes.subarray(0, -1),
      flipped,
      Buffer.from('not a program'),
    ]) {
      await writeFile(path, damaged);
      expect(await lower(network(), standard)).toEqual(whole);
      expect(await readFile(path)).toEqual(bytes);
    }
  });

  test('does without a folder that cannot be written', async () => {
    const file = join(dir, 'a file');
    await writeFile(file, '');
    expect(await cachedLowering({ dir: join(file, 'below'), leastNodes: 0 })(network(), standard)).toEqual(
      toOnnx(network()),
    );
  });

  test('leaves out what is small, or mostly constants, and what no longer fits goes, oldest first', async () => {
    const folder = join(dir, 'bounded');
    await cachedLowering({ dir: folder })(network(), standard);
    const heavy = program({ outputs: { y: add(input('x', [300_000]), constant(float32([300_000]))) } });
    await cachedLowering({ dir: folder, leastNodes: 0 })(heavy, standard);
    expect(await readdir(folder).catch(() => [])).toEqual([]);
    const size = toOnnx(network()).bytes.length;
    const tight = cachedLowering({ dir: folder, leastNodes: 0, mostBytes: 3 * size });
    for (const factor of [1, 2, 3, 4, 5]) await tight(network({ factor }), standard);
    expect((await readdir(folder)).length).toBeLessThan(4);
  });

  test('an executor computes the same with a cold cache, a warm one and none', async () => {
    const cacheDir = join(dir, 'executor');
    const results: number[] = [];
    for (const options of [{}, { cacheDir }, { cacheDir }]) {
      const executor = createNodeExecutor({ threads: 1, worker: false, ...options });
      const store = await executor.createStore(
        { w: { dtype: 'f32', shape: [4, 3] } },
        new Map([
          [
            'w',
            float32(
              [4, 3],
              Array.from({ length: 12 }, (_, i) => i / 10),
            ),
          ],
        ]),
      );
      const step = await executor.compile(network());
      await step.run(store, { x: float32([2, 4], [1, 2, 3, 4, -1, -2, 0, 1]) });
      results.push((await step.run(store, { x: float32([2, 4], [1, 2, 3, 4, -1, -2, 0, 1]) }))['y']!.data[0] as number);
      await executor.dispose();
    }
    expect(results[1]).toBe(results[0]);
    expect(results[2]).toBe(results[0]);
  });
});
