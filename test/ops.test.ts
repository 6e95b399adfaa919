import { afterAll, describe, expect, test } from 'vitest';
import { constant, grad, mul, ops, program, sum, type Tensor, type Values } from '../src/core/index.ts';
import { standardLowerings } from '../src/onnx/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { createSessionExecutor } from '../src/runtime/session-executor.ts';
import { SessionHost } from '../src/runtime/session-host.ts';
import { webEngine } from '../src/runtime/web/web-engine.ts';
import { opCases } from './op-cases.ts';
import { blockedCases } from './op-cases/blocked.ts';
import {
  draw,
  expectReference,
  expectReferenceFarFromZero,
  largestDifference,
  operandsOf,
  runReference,
  weightedSum,
} from './op-check.ts';

/** Both lowerings, because most machines run the blocked one and the others must not be the first to try the standard; and a browser's kernels. */
const executors = {
  'standard operators': createNodeExecutor({ threads: 2, spin: false, worker: false, cpuKernels: 'standard' }),
  'blocked kernels': createNodeExecutor({ threads: 2, spin: false, worker: false, cpuKernels: 'auto' }),
  WebAssembly: createSessionExecutor(new SessionHost(await webEngine({ provider: 'wasm', threads: 1 })), {
    device: 'wasm',
  }),
};
afterAll(() => Promise.all(Object.values(executors).map((executor) => executor.dispose())));

/** Central differences in float64 against the graph's own gradient. */
function gradientError(loss: Tensor, xs: readonly Tensor[], values: readonly Values[]): number {
  const lossOnly = program({ outputs: { loss } });
  const gradients = program({ outputs: Object.fromEntries(grad(loss, xs).map((g, i) => [`g${i}`, g])) });
  const analytic = runReference(gradients, values);
  const lossAt = (moved: readonly Values[]) => runReference(lossOnly, moved).get('loss')!.data[0]!;
  // Truncation h² against rounding 1e-16 / h: both near 1e-10 for h = 1e-5.
  const h = 1e-5;
  let worst = 0;
  values.forEach((x, i) => {
    const numeric = x.data.map((_, k) => {
      const shifted = (by: number) =>
        lossAt(values.map((v, j) => (j === i ? { ...v, data: v.data.with(k, v.data[k]! + by) } : v)));
      return (shifted(h) - shifted(-h)) / (2 * h);
    });
    worst = Math.max(worst, largestDifference(analytic.get(`g${i}`)!.data, numeric));
  });
  return worst;
}

describe.each(opCases)('$op $title', (opCase) => {
  const xs = operandsOf(opCase);
  const y = opCase.build(...xs);
  const values = draw(opCase);
  const differentiable = opCase.differentiable ?? true;

  if (opCase.golden) {
    test('reference gives the known answer', () => {
      const { inputs, output } = opCase.golden!;
      const known = opCase.shapes.map((shape, i): Values => ({
        shape,
        dtype: 'f32',
        data: Float64Array.from(inputs[i]!),
      }));
      // Only constants are rounded to float32 on the way.
      expect(largestDifference(runReference(program({ outputs: { y } }), known).get('y')!.data, output)).toBeLessThan(
        1e-7,
      );
    });
  }

  if (differentiable) {
    test('gradient agrees with central differences', () => {
      expect(gradientError(weightedSum(y), xs, values)).toBeLessThan(1e-7);
    });

    test('gradient of the gradient agrees with central differences', () => {
      const first = grad(weightedSum(y), xs);
      const loss = first.map((g, i) => weightedSum(g, `second ${i}`)).reduce((a, b) => sum(mul(a, b)), constant(1));
      expect(gradientError(loss, xs, values)).toBeLessThan(1e-6);
    });
  }

  test.each(Object.entries(executors))(
    "onnxruntime gives the reference's numbers with %s, gradients too",
    (_, executor) => expectReference(executor, opCase, differentiable),
  );

  test.skipIf(opCase.far === false).each(Object.entries(executors))('and far from zero with %s', (_, executor) =>
    expectReferenceFarFromZero(executor, opCase, differentiable),
  );
});

describe.each(blockedCases)('blocked size: $op $title', (opCase) => {
  test.each(Object.entries(executors))(
    "onnxruntime gives the reference's numbers with %s, gradients too",
    (_, executor) => expectReference(executor, opCase, true),
  );

  test.skipIf(opCase.far === false).each(Object.entries(executors))('and far from zero with %s', (_, executor) =>
    expectReferenceFarFromZero(executor, opCase, true),
  );
});

describe('the list of ops', () => {
  test('has a case for every op that computes', () => {
    const covered = new Set<string>(opCases.map(({ op }) => op));
    const missing = Object.values(ops)
      .filter((op) => op.source === undefined && !covered.has(op.name))
      .map(({ name }) => name);
    expect(missing).toEqual([]);
  });

  test('names every op as it is listed, and lowers each that is computed', () => {
    for (const [key, op] of Object.entries(ops)) expect(op.name).toBe(key);
    expect(Object.keys(standardLowerings).sort()).toEqual(
      Object.keys(ops)
        .filter((name) => name !== 'input' && name !== 'state')
        .sort(),
    );
  });
});
