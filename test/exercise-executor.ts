/** A short life of an executor, the same in Node and in a browser: state that is trained, exchanged, read, and kept when a run fails. */
import {
  add,
  concat,
  float32,
  gather,
  grad,
  input,
  matmul,
  mul,
  program,
  RandomStream,
  silu,
  state,
  storeSpec,
  sub,
  sum,
  type Executor,
  type HostArray,
  type Tensor,
} from '../src/core/index.ts';

/** What an executor came to. */
export interface Exercised {
  readonly losses: readonly number[];
  readonly weights: readonly number[];
  readonly swapped: readonly number[];
  readonly failure: string;
  readonly afterFailure: readonly number[];
}

const numbers = (array: HostArray | undefined) => Array.from(array!.data, Number);

/** @param steps  of gradient descent on a network of one hidden layer */
export async function exercise(executor: Executor, steps: number): Promise<Exercised> {
  const [first, second] = [state('first', [3, 8]), state('second', [8, 1])];
  const x = input('x', [16, 3]);
  const difference = sub(matmul(silu(matmul(x, first)), second), input('y', [16, 1]));
  const loss = mul(sum(mul(difference, difference)), 1 / 16);
  const [dFirst, dSecond] = grad(loss, [first, second]) as [Tensor, Tensor];
  const descend = program({
    outputs: { loss },
    writes: { first: sub(first, mul(dFirst, 0.05)), second: sub(second, mul(dSecond, 0.05)) },
  });
  const [a, b] = [state('a', [2]), state('b', [2])];
  const swap = program({ writes: { a: b, b: a } });
  // The row is beyond the table: the engine finds out as it runs, if it looks.
  const pick = program({
    outputs: { picked: gather(concat([a, b], 0), input('row', [1], 'i64')) },
    writes: { a: add(a, 100) },
  });

  const draw = (name: string, shape: readonly number[]) =>
    float32(shape, new RandomStream(0, name).fillNormal(new Float32Array(shape.reduce((size, n) => size * n, 1))));
  const store = await executor.createStore(
    storeSpec([descend, swap]),
    new Map<string, HostArray>([
      ['first', draw('first', [3, 8])],
      ['second', draw('second', [8, 1])],
      ['a', float32([2], [1, 2])],
      ['b', float32([2], [3, 4])],
    ]),
  );
  const step = await executor.compile(descend);
  const inputs = { x: draw('x', [16, 3]), y: draw('y', [16, 1]) };
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push(...numbers((await step.run(store, inputs))['loss']));
  const weights = numbers((await store.read(['first'])).get('first'));
  await (await executor.compile(swap)).run(store, {});
  const swapped = numbers((await store.read(['a'])).get('a'));
  const failure = await (
    await executor.compile(pick)
  )
    .run(store, { row: { dtype: 'i64', shape: [1], data: BigInt64Array.of(9n) } })
    .then(
      () => 'none',
      (error: unknown) => (error as Error).message,
    );
  const afterFailure = numbers((await store.read(['a'])).get('a'));
  await step.dispose();
  await store.dispose();
  return { losses, weights, swapped, failure, afterFailure };
}
