/** Comparisons and logic, which have no gradient, and the choice by a condition, which has. */
import { describeType, type Type } from '../dtype.ts';
import { apply, defineOp, type Op, type Tensor, type TensorLike } from '../tensor.ts';
import { applyBinary, inferBinary, operands, zip, type NoAttrs } from './pointwise.ts';
import { broadcastShapes, sumTo } from './structure.ts';

function comparison<const Name extends string>(
  name: Name,
  holds: (a: number, b: number) => boolean,
): Op<Name, NoAttrs> {
  return defineOp<Name, NoAttrs>({
    name,
    elementwise: true,
    infer: (inputs) => [{ ...inferBinary(name, inputs), dtype: 'bool' }],
    evaluate: ([a, b], _, [out]) => [zip(a!, b!, out!.shape, (x, y) => Number(holds(x, y)))],
    vjp: () => [],
  });
}

function requireBools(name: string, inputs: readonly Type[]): void {
  for (const x of inputs)
    if (x.dtype !== 'bool') throw new Error(`${name}: needs bool, got ${describeType(x)}; compare it first`);
}

function connective<const Name extends string>(name: Name, f: (a: number, b: number) => number): Op<Name, NoAttrs> {
  const op = comparison(name, (a, b) => f(a, b) !== 0);
  return {
    ...op,
    infer(inputs, attrs) {
      requireBools(name, inputs);
      return op.infer(inputs, attrs);
    },
  };
}

export const lessOp = comparison('less', (a, b) => a < b);
export const lessEqualOp = comparison('lessEqual', (a, b) => a <= b);
export const equalOp = comparison('equal', (a, b) => a === b);
export const andOp = connective('and', Math.min);
export const orOp = connective('or', Math.max);
export const notOp = defineOp<'not', NoAttrs>({
  name: 'not',
  elementwise: true,
  infer(inputs) {
    requireBools('not', inputs);
    return [{ shape: inputs[0]!.shape, dtype: 'bool' }];
  },
  evaluate: ([x]) => [x!.data.map((v) => 1 - v)],
  vjp: () => [],
});

export const whereOp = defineOp<'where', NoAttrs>({
  name: 'where',
  elementwise: true,
  infer([condition, a, b]) {
    requireBools('where', [condition!]);
    const branch = inferBinary('where', [a!, b!]);
    return [{ shape: broadcastShapes('where', condition!.shape, branch.shape), dtype: branch.dtype }];
  },
  evaluate([condition, a, b], _, [out]) {
    const chosen = zip(condition!, a!, out!.shape, (c, x) => (c ? x : NaN));
    const other = zip(condition!, b!, out!.shape, (c, x) => (c ? NaN : x));
    const mask = zip(condition!, condition!, out!.shape, (c) => c);
    return [chosen.map((x, i) => (mask[i] ? x : other[i]!))];
  },
  vjp([g], { inputs: [condition, a, b] }) {
    if (!g) return [];
    return [undefined, sumTo(where(condition!, g, 0), a!.shape), sumTo(where(condition!, 0, g), b!.shape)];
  },
});

/** a < b, as bool. */
export const less = (a: TensorLike, b: TensorLike): Tensor => applyBinary(lessOp, a, b);
/** a ≤ b, as bool. */
export const lessEqual = (a: TensorLike, b: TensorLike): Tensor => applyBinary(lessEqualOp, a, b);
/** a = b, as bool. */
export const equal = (a: TensorLike, b: TensorLike): Tensor => applyBinary(equalOp, a, b);
/** True where both are. */
export const and = (a: Tensor, b: Tensor): Tensor => apply(andOp, [a, b], {});
/** True where one is, or both. */
export const or = (a: Tensor, b: Tensor): Tensor => apply(orOp, [a, b], {});
/** True where `x` is false. */
export const not = (x: Tensor): Tensor => apply(notOp, [x], {});
/** `a` where the condition holds, else `b`. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  const [chosen, other] = operands(a, b);
  // Engines choose among numbers only.
  if (chosen.dtype === 'bool' && other.dtype === 'bool') return or(and(condition, chosen), and(not(condition), other));
  return apply(whereOp, [condition, chosen, other], {});
}
