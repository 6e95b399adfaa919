/** One op case on an executor, held against the reference. */
import { expect } from 'vitest';
import {
  constant,
  evaluate,
  float32,
  grad,
  input,
  mul,
  program,
  RandomStream,
  sizeOf,
  sum,
  type Executor,
  type HostArray,
  type Program,
  type Shape,
  type Tensor,
  type Values,
} from '../src/core/index.ts';
import type { OpCase } from './op-cases/op-case.ts';

/** Operands of a case, always the same. */
export function draw({ shapes, range: [low, high] = [-2, 2] }: OpCase): Values[] {
  return shapes.map((shape, i) => {
    const random = new RandomStream(1, 'op case', i);
    return {
      shape,
      dtype: 'f32',
      data: Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(low + (high - low) * random.uniform())),
    };
  });
}

/** The case's operands as inputs `x0`, `x1`, … of a program. */
export const operandsOf = ({ shapes }: OpCase) => shapes.map((shape, i) => input(`x${i}`, shape));

/** Σ y · r with fixed random r: a loss whose gradient sees every output. */
export function weightedSum(y: Tensor, purpose = 'weights'): Tensor {
  return sum(
    mul(y, constant(float32(y.shape, new RandomStream(2, purpose).fillNormal(new Float32Array(sizeOf(y.shape)))))),
  );
}

/** Runs the float64 loops. */
export const runReference = (p: Program, xs: readonly Values[]) =>
  evaluate(p, (_, name) => xs[Number(name.slice(1))]!).outputs;
const hostInputs = (p: Program, xs: readonly Values[]): Record<string, HostArray> =>
  Object.fromEntries(
    Object.keys(p.inputs).map((name) => [
      name,
      float32(xs[Number(name.slice(1))]!.shape as Shape, Float32Array.from(xs[Number(name.slice(1))]!.data)),
    ]),
  );

/** |a − b| relative to the larger of 1 and |b|. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < b.length; i++)
    largest = Math.max(largest, Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(b[i]!)));
  return a.length === b.length ? largest : Infinity;
}

/** Compiles the case and the gradients of all operands, runs them and compares. */
export async function expectReference(executor: Executor, opCase: OpCase, differentiable: boolean): Promise<void> {
  const xs = operandsOf(opCase);
  const y = opCase.build(...xs);
  const values = draw(opCase);
  const outputs: Record<string, Tensor> = { y };
  if (differentiable)
    grad(weightedSum(y), xs).forEach((g, i) => {
      outputs[`g${i}`] = g;
    });
  const p = program({ outputs });
  const executable = await executor.compile(p);
  const got = await executable.run(null, hostInputs(p, values));
  const expected = runReference(p, values);
  // Float32 sums of at most a few hundred terms of order 1.
  for (const [name, { data }] of expected)
    expect(largestDifference(got[name]!.data as Float32Array, data), name).toBeLessThan(1e-5);
  await executable.dispose();
}
