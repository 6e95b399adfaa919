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

/** The case and the gradients of all operands, as a program. */
function caseProgram(opCase: OpCase, differentiable: boolean): Program {
  const xs = operandsOf(opCase);
  const y = opCase.build(...xs);
  const outputs: Record<string, Tensor> = { y };
  if (differentiable)
    grad(weightedSum(y), xs).forEach((g, i) => {
      outputs[`g${i}`] = g;
    });
  return program({ outputs });
}

async function runOn(
  executor: Executor,
  p: Program,
  values: readonly Values[],
): Promise<Readonly<Record<string, HostArray>>> {
  const executable = await executor.compile(p);
  try {
    return await executable.run(null, hostInputs(p, values));
  } finally {
    await executable.dispose();
  }
}

/** Compiles the case and the gradients of all operands, runs them and compares. */
export async function expectReference(executor: Executor, opCase: OpCase, differentiable: boolean): Promise<void> {
  const p = caseProgram(opCase, differentiable);
  const values = draw(opCase);
  const got = await runOn(executor, p, values);
  // Float32 sums of at most a few hundred terms of order 1.
  for (const [name, { data }] of runReference(p, values))
    expect(largestDifference(got[name]!.data as Float32Array, data), name).toBeLessThan(1e-5);
}

/** Operands as float32 might have rounded them: each up to one unit in the last place off. */
function rounded(values: readonly Values[], purpose: string): Values[] {
  return values.map((x, i) => {
    const random = new RandomStream(4, purpose, i);
    return { ...x, data: x.data.map((v) => v * (1 + 2 ** -23 * (2 * random.uniform() - 1))) };
  });
}

/**
 * The same with operands far from zero.
 *
 * Float32 can do no better than to be right for operands that are a few roundings off: what those change in the reference
 * is allowed on top, and an algorithm that loses digits which the operands have is found out.
 */
export async function expectReferenceFarFromZero(
  executor: Executor,
  opCase: OpCase,
  differentiable: boolean,
): Promise<void> {
  const p = caseProgram(opCase, differentiable);
  const values = draw({ ...opCase, range: opCase.far || [98, 102] });
  const [got, expected] = [await runOn(executor, p, values), runReference(p, values)];
  const others = Array.from({ length: 16 }, (_, i) => runReference(p, rounded(values, `rounding ${i}`)));
  for (const [name, { data }] of expected) {
    const unavoidable = Math.max(...others.map((other) => largestDifference(other.get(name)!.data, data)));
    expect(largestDifference(got[name]!.data as Float32Array, data), name).toBeLessThan(1e-5 + 8 * unavoidable);
  }
}
