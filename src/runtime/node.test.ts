import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  add,
  cast,
  float32,
  gather,
  input,
  matmul,
  mul,
  program,
  state,
  storeSpec,
  sum,
  type Executable,
  type Executor,
  type HostArray,
  type Program,
  type Store,
} from '../core/index.ts';
import { swiftShader } from '../../test/swift-shader.ts';
import { nodeEngine } from './node-engine.ts';
import { createNodeExecutor, type NodeExecutorOptions } from './node.ts';

const vector = (...values: number[]): HostArray => float32([values.length], values);
const row = (index: number): HostArray => ({ dtype: 'i64', shape: [1], data: BigInt64Array.of(BigInt(index)) });
const numbers = (array: HostArray | undefined) => Array.from(array!.data, Number);

/** A store [2] of two entries and programs over it. */
const a = state('a', [2]);
const b = state('b', [2]);
const swap = program({ writes: { a: b, b: a } });
const addTo = program({ writes: { a: add(a, input('by', [2])) } });
const total = program({ outputs: { total: sum(add(a, b)) } });
/** Adds to `a`, but fails where the row is not 0 or 1: the engine finds out only as it runs. */
const pick = program({ outputs: { picked: gather(a, input('row', [1], 'i64')) }, writes: { a: add(a, 100) } });
/** Likewise on a device without 16-bit floats. */
const halve = program({ outputs: { halved: cast(cast(a, 'f16'), 'f32') }, writes: { a: add(a, 100) } });
const constantOf = program({ outputs: { doubled: mul(input('x', [2]), 2) } });

/** Keeps one thread of the engine busy for about a tenth of a second. */
const longRun = (() => {
  const x = input('x', [384, 384]);
  let y = x;
  for (let i = 0; i < 60; i++) y = matmul(y, x);
  return program({ outputs: { y: sum(y) } });
})();

const places: readonly { readonly name: string; readonly options: NodeExecutorOptions; readonly failing: Program }[] = [
  { name: 'in a worker', options: { threads: 1 }, failing: pick },
  { name: 'on the calling thread', options: { threads: 1, worker: false }, failing: pick },
  // A look-up next to a table is no error there; 16-bit floats, which this card has not, are one.
  ...(swiftShader
    ? [{ name: 'on a GPU', options: { device: 'webgpu', env: swiftShader } as const, failing: halve }]
    : []),
];

describe.each(places)('an executor $name', ({ options, failing }) => {
  const executor = createNodeExecutor(options);
  afterAll(() => executor.dispose());
  const open = async (...programs: Program[]): Promise<{ store: Store; runs: Executable[] }> => {
    const store = await executor.createStore(
      storeSpec([swap, ...programs]),
      new Map([
        ['a', vector(1, 2)],
        ['b', vector(3, 4)],
      ]),
    );
    return { store, runs: await Promise.all(programs.map((each) => executor.compile(each))) };
  };

  test('reads back what was written, named entries or all', async () => {
    const { store } = await open();
    expect(new Set((await store.read()).keys())).toEqual(new Set(['a', 'b']));
    await store.write(new Map([['b', vector(5, 6)]]));
    expect(numbers((await store.read(['b'])).get('b'))).toEqual([5, 6]);
    expect(numbers((await store.read(['a'])).get('a'))).toEqual([1, 2]);
  });

  test('replaces all written entries together, so that a program can swap two, any number of times', async () => {
    const {
      store,
      runs: [run],
    } = await open(swap);
    for (let i = 1; i <= 5; i++) {
      await run!.run(store, {});
      const held = await store.read();
      expect([numbers(held.get('a')), numbers(held.get('b'))]).toEqual(
        i % 2
          ? [
              [3, 4],
              [1, 2],
            ]
          : [
              [1, 2],
              [3, 4],
            ],
      );
    }
  });

  test('lets several programs work on one store, in the order in which they were asked for', async () => {
    const {
      store,
      runs: [grow, exchange, add3],
    } = await open(addTo, swap, total);
    const asked = [
      grow!.run(store, { by: vector(10, 10) }), // a = 11 12, b = 3 4
      exchange!.run(store, {}), // a = 3 4, b = 11 12
      grow!.run(store, { by: vector(1, 1) }), // a = 4 5
      add3!.run(store, {}),
    ] as const;
    const midway = store.read(['a']);
    const later = grow!.run(store, { by: vector(1000, 1000) });
    expect(numbers((await asked[3])['total'])).toEqual([4 + 5 + 11 + 12]);
    expect(numbers((await midway).get('a'))).toEqual([4, 5]);
    await later;
    expect(numbers((await store.read()).get('a'))).toEqual([1004, 1005]);
  });

  test('keeps what a program has written when the program is gone', async () => {
    const {
      store,
      runs: [grow, exchange],
    } = await open(addTo, swap);
    await grow!.run(store, { by: vector(10, 10) });
    await exchange!.run(store, {});
    await Promise.all([grow!.dispose(), exchange!.dispose()]);
    // Long enough ago that a buffer which went with its session would have other content.
    const {
      runs: [again],
    } = await open(addTo);
    for (let i = 0; i < 3; i++) await again!.run(store, { by: vector(1, 1) });
    const held = await store.read();
    expect([numbers(held.get('a')), numbers(held.get('b'))]).toEqual([
      [6, 7],
      [11, 12],
    ]);
  });

  test('takes and returns 64-bit integers, and keeps them between runs', async () => {
    const count = state('count', [2], 'i64');
    const run = await executor.compile(
      program({
        outputs: { sum: add(count, input('by', [2], 'i64')) },
        writes: { count: add(count, input('by', [2], 'i64')) },
      }),
    );
    const pair = (...values: number[]): HostArray => ({
      dtype: 'i64',
      shape: [2],
      data: BigInt64Array.from(values, BigInt),
    });
    const store = await executor.createStore(
      { count: { dtype: 'i64', shape: [2] } },
      new Map([['count', pair(1, -2)]]),
    );
    await run.run(store, { by: pair(3, 4) });
    expect((await run.run(store, { by: pair(2_000_000_000, 0) }))['sum']).toEqual(pair(2_000_000_004, 2));
    expect((await store.read()).get('count')).toEqual(pair(2_000_000_004, 2));
  });

  test("tells what a run takes of the machine's memory, where it does", async () => {
    const {
      runs: [run],
    } = await open(addTo);
    expect(run!.peakBytes === undefined).toBe(options.device === 'webgpu');
  });

  test('keeps two stores of one program apart', async () => {
    const {
      store,
      runs: [grow],
    } = await open(addTo);
    const { store: other } = await open();
    await grow!.run(store, { by: vector(1, 1) });
    expect(numbers((await other.read()).get('a'))).toEqual([1, 2]);
  });

  test('leaves the store as it was when a run fails, and goes on', async () => {
    const {
      store,
      runs: [run, grow],
    } = await open(failing, addTo);
    for (let i = 0; i < 2; i++)
      await expect(run!.run(store, { row: row(7) })).rejects.toThrow(/out of (data )?bounds|does not support/);
    expect(numbers((await store.read()).get('a'))).toEqual([1, 2]);
    await grow!.run(store, { by: vector(100, 100) });
    expect(numbers((await store.read()).get('a'))).toEqual([101, 102]);
  });

  test('names what is missing or of another type', async () => {
    const {
      store,
      runs: [grow],
    } = await open(addTo);
    await expect(grow!.run(store, {})).rejects.toThrow('input "by" is missing; expected f32[2]');
    await expect(grow!.run(store, { by: vector(1, 2, 3) })).rejects.toThrow('input "by" is f32[3], expected f32[2]');
    await expect(grow!.run(store, { by: row(1) })).rejects.toThrow('input "by" is i64[1], expected f32[2]');
    await expect(grow!.run(null, { by: vector(1, 1) })).rejects.toThrow('the program reads "a" and was given no store');
    await expect(store.read(['c'])).rejects.toThrow('store: no entry "c"');
    await expect(store.write(new Map([['c', vector(1, 2)]]))).rejects.toThrow('store: no entry "c"');
    await expect(store.write(new Map([['a', vector(1)]]))).rejects.toThrow(
      'store: entry "a" is f32[1], expected f32[2]',
    );
    await expect(executor.createStore({ a: { shape: [2], dtype: 'f32' } }, new Map())).rejects.toThrow(
      'store: entry "a" is missing; expected f32[2]',
    );
    const narrow = await executor.createStore({ a: { shape: [3], dtype: 'f32' } }, new Map([['a', vector(1, 2, 3)]]));
    await expect(grow!.run(narrow, { by: vector(1, 1) })).rejects.toThrow(
      'store: "a" is f32[3], the program takes f32[2]',
    );
    expect(numbers((await store.read()).get('a'))).toEqual([1, 2]);
  });

  test("returns copies: a later run changes nothing that was handed out, and nobody's array changes the store", async () => {
    const x = vector(1, 2);
    const {
      store,
      runs: [double, grow],
    } = await open(constantOf, addTo);
    const first = (await double!.run(null, { x }))['doubled'];
    await double!.run(null, { x: vector(50, 60) });
    expect(numbers(first)).toEqual([2, 4]);
    expect(numbers(x)).toEqual([1, 2]);
    const read = (await store.read()).get('a')!;
    await grow!.run(store, { by: vector(1, 1) });
    await grow!.run(store, { by: vector(1, 1) });
    expect(numbers(read)).toEqual([1, 2]);
    (read.data as Float32Array).fill(9);
    const written = vector(7, 8);
    await store.write(new Map([['b', written]]));
    (written.data as Float32Array).fill(9);
    expect(numbers((await store.read()).get('a'))).toEqual([3, 4]);
    expect(numbers((await store.read()).get('b'))).toEqual([7, 8]);
  });

  test('says of what was disposed that it was', async () => {
    const {
      store,
      runs: [double, grow],
    } = await open(constantOf, addTo);
    await double!.dispose();
    await expect(double!.run(null, { x: vector(1, 2) })).rejects.toThrow('run: the program has been disposed');
    await store.dispose();
    await expect(store.read()).rejects.toThrow('store: it has been disposed');
    await expect(grow!.run(store, { by: vector(1, 1) })).rejects.toThrow('store: it has been disposed');
  });
});

test('a store of another executor is refused', async () => {
  const [one, two] = [
    createNodeExecutor({ threads: 1, worker: false }),
    createNodeExecutor({ threads: 1, worker: false }),
  ];
  const store = await one.createStore(
    storeSpec([swap]),
    new Map([
      ['a', vector(1, 2)],
      ['b', vector(3, 4)],
    ]),
  );
  const run = await two.compile(swap);
  await expect(run.run(store, {})).rejects.toThrow('run: the store belongs to another executor');
  await Promise.all([one.dispose(), two.dispose()]);
});

test('a run makes no copy of the state that it replaces', async () => {
  const executor = createNodeExecutor({ threads: 1, worker: false });
  const size = 4e6;
  const big = state('big', [size]);
  const store = await executor.createStore(
    { big: { dtype: 'f32', shape: [size] } },
    new Map([['big', float32([size])]]),
  );
  const grow = await executor.compile(program({ outputs: { first: sum(big) }, writes: { big: add(big, 1) } }));
  await grow.run(store, {}); // makes the second buffer
  const before = process.memoryUsage().arrayBuffers;
  const { first } = await grow.run(store, {});
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(size); // a copy is 4 · size bytes
  expect(first!.data[0]).toBe(size);
  expect((await store.read()).get('big')!.data.every((x) => x === 2)).toBe(true);
  await executor.dispose();
});

test('an executor can be disposed twice, and says afterwards that it was', async () => {
  for (const worker of [true, false]) {
    const executor = createNodeExecutor({ threads: 1, worker });
    const store = await executor.createStore(
      storeSpec([swap]),
      new Map([
        ['a', vector(1, 2)],
        ['b', vector(3, 4)],
      ]),
    );
    const run = await executor.compile(swap);
    await executor.dispose();
    await executor.dispose();
    await expect(run.run(store, {})).rejects.toThrow('the executor has been disposed');
    await expect(store.read()).rejects.toThrow('the executor has been disposed');
    await run.dispose();
    await expect(executor.compile(swap)).rejects.toThrow('the executor has been disposed');
  }
});

test('an engine whose process ends says so, with its last words and a hint', async () => {
  const executor = createNodeExecutor({ device: 'webgpu', env: { NODE_OPTIONS: '--no-such-option' } });
  await expect(executor.compile(swap)).rejects.toThrow(
    /the engine's process on webgpu has ended \(exit code 9\): .*no-such-option.*--device cpu computes on the processor/,
  );
  await expect(executor.compile(swap)).rejects.toThrow('has ended');
  await executor.dispose();
});

test('a number of threads that is none is refused', () => {
  expect(() => createNodeExecutor({ threads: 0 })).toThrow('threads: expected a positive integer, got 0');
  expect(() => createNodeExecutor({ threads: 1.5 })).toThrow('threads: expected a positive integer, got 1.5');
});

/** The longest time in which a timer of a millisecond did not fire during a run, as a part of the run. */
async function longestGap(executor: Executor): Promise<number> {
  const run = await executor.compile(longRun);
  const x = float32([384, 384], new Float32Array(384 * 384).fill(1 / 384));
  await run.run(null, { x });
  const ticks = [performance.now()];
  const timer = setInterval(() => ticks.push(performance.now()), 1);
  await run.run(null, { x });
  clearInterval(timer);
  ticks.push(performance.now());
  await executor.dispose();
  const gaps = ticks.slice(1).map((tick, i) => tick - ticks[i]!);
  return Math.max(...gaps) / (ticks.at(-1)! - ticks[0]!);
}

test('timers keep firing while a worker computes; on the calling thread they wait for the engine', async () => {
  // A third, because other processes want the processor too; nearly all of it where the engine blocks the thread.
  expect(await longestGap(createNodeExecutor({ threads: 1, worker: true }))).toBeLessThan(1 / 3);
  expect(await longestGap(createNodeExecutor({ threads: 1, worker: false }))).toBeGreaterThan(2 / 3);
});

test('a program leaves its profile when it is disposed, with the names and times of its nodes', async () => {
  const profileDir = await mkdtemp(join(tmpdir(), 'kuosan-profile-'));
  const executor = createNodeExecutor({ threads: 1, worker: false, profileDir });
  const executable = await executor.compile(program({ outputs: { y: add(input('x', [2]), 1) } }));
  await executable.run(null, { x: float32([2], Float32Array.of(1, 2)) });
  await executable.dispose();
  const [file, ...others] = await readdir(profileDir);
  expect(others).toEqual([]);
  const events = JSON.parse(await readFile(join(profileDir, file!), 'utf8')) as { name: string; dur: number }[];
  expect(events.some(({ name }) => name === '/Add_0_kernel_time')).toBe(true);
  await executor.dispose();
  await rm(profileDir, { recursive: true });
});

describe('threads that do not spin', () => {
  test('are asked of the engine, and only where they are wanted', () => {
    const settings = (spin?: boolean) =>
      nodeEngine({ device: 'cpu', threads: 2, ...(spin !== undefined && { spin }) }).session.extra;
    expect(settings(false)).toEqual({ session: { intra_op: { allow_spinning: '0' } } });
    expect(settings(true)).toEqual(settings());
    expect(settings()).toEqual({ session: {} });
  });

  test('compute the same bits', async () => {
    const x = input('x', [256, 256]);
    const square = program({ outputs: { y: matmul(x, x) } });
    const values = float32(
      [256, 256],
      Array.from({ length: 256 * 256 }, (_, i) => Math.sin(i)),
    );
    const results = await Promise.all(
      [true, false].map(async (spin) => {
        const executor = createNodeExecutor({ threads: 2, spin });
        const run = await executor.compile(square);
        const { y } = await run.run(await executor.createStore({}, new Map()), { x: values });
        await executor.dispose();
        return numbers(y);
      }),
    );
    expect(results[0]!.some((value) => value !== 0)).toBe(true);
    expect(results[1]).toEqual(results[0]);
  });
});
