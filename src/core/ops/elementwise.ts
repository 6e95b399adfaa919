/** Arithmetic and elementary functions of each element alone; two operands broadcast by numpy's rule. */
import { describeType } from '../dtype.ts';
import { apply, defineOp, Tensor, type TensorLike } from '../tensor.ts';
import { equal, less, lessEqual, where } from './compare.ts';
import { applyBinary, binary, inferBinary, requireNumbers, unary, zip, type NoAttrs } from './pointwise.ts';
import { cast, full, isFloat, isInteger, scalar, sumTo } from './structure.ts';

// Kept: a sum's operands are two values to keep, and a residual network's sums would lead back to its first.
export const addOp = binary(
  'add',
  (a, b) => a + b,
  (g) => [g, g],
  { kept: true },
);
export const subOp = binary(
  'sub',
  (a, b) => a - b,
  (g) => [g, neg(g)],
);
export const mulOp = binary(
  'mul',
  (a, b) => a * b,
  (g, a, b) => [mul(g, b), mul(g, a)],
);
export const divOp = binary(
  'div',
  (a, b) => a / b,
  (g, _, b, y) => {
    const da = div(g, b);
    return [da, neg(mul(da, y))];
  },
);
// Where the operands are equal the gradient goes to the first.
export const minimumOp = binary('minimum', Math.min, (g, a, b) => [
  where(lessEqual(a, b), g, 0),
  where(lessEqual(a, b), 0, g),
]);
export const maximumOp = binary('maximum', Math.max, (g, a, b) => [
  where(lessEqual(b, a), g, 0),
  where(lessEqual(b, a), 0, g),
]);

export const negOp = unary(
  'neg',
  (x) => -x,
  (g) => neg(g),
  { integers: true },
);
export const absOp = unary('abs', Math.abs, (g, x) => mul(g, sign(x)), { integers: true });
export const floorOp = unary('floor', Math.floor, () => undefined);
export const expOp = unary('exp', Math.exp, (g, _, y) => mul(g, y));
export const logOp = unary('log', Math.log, (g, x) => div(g, x));
export const sqrtOp = unary('sqrt', Math.sqrt, (g, _, y) => div(mul(g, 0.5), y));
export const sinOp = unary('sin', Math.sin, (g, x) => mul(g, cos(x)));
export const cosOp = unary('cos', Math.cos, (g, x) => neg(mul(g, sin(x))));
export const tanhOp = unary('tanh', Math.tanh, (g, _, y) => mul(g, sub(1, mul(y, y))));

export const powOp = defineOp<'pow', { exponent?: number }>({
  name: 'pow',
  elementwise: true,
  infer([x, exponent]) {
    for (const operand of exponent ? [x!, exponent] : [x!]) requireNumbers('pow', operand, true);
    return [exponent ? inferBinary('pow', [x!, exponent]) : { shape: x!.shape, dtype: x!.dtype }];
  },
  evaluate: ([x, y], { exponent }, [out]) => [
    y ? zip(x!, y, out!.shape, Math.pow) : x!.data.map((v) => v ** exponent!),
  ],
  /**
   * y·x^(y−1) and x^y·ln x. At x = 0 two values are put in for those that would be infinite times zero: then the
   * gradients, and theirs, are finite wherever the derivative is.
   */
  vjp([g], { inputs: [x, y], outputs: [power], attrs: { exponent } }) {
    if (!g) return [];
    if (!y) return [mul(g, mul(exponent!, pow(x!, exponent! - 1)))];
    const zero = equal(x!, 0);
    const lowered = where(zero, where(equal(y, 0), 1, sub(y, 1)), sub(y, 1));
    return [
      sumTo(mul(g, mul(y, pow(x!, lowered))), x!.shape),
      sumTo(mul(g, mul(power!, log(where(zero, 1, x!)))), y.shape),
    ];
  },
});

export const clipOp = defineOp<'clip', NoAttrs>({
  name: 'clip',
  elementwise: true,
  infer([x, low, high]) {
    for (const operand of [x!, low!, high!]) requireNumbers('clip', operand, false);
    for (const bound of [low!, high!])
      if (bound.shape.length > 0 || bound.dtype !== x!.dtype)
        throw new Error(`clip: the bounds of ${describeType(x!)} must be ${x!.dtype}[], got ${describeType(bound)}`);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  evaluate: ([x, low, high]) => [x!.data.map((v) => Math.min(Math.max(v, low!.data[0]!), high!.data[0]!))],
  // What clipping has left as it was lay inside.
  vjp: ([g], { inputs: [x], outputs: [y] }) => [g && where(equal(x!, y!), g, 0)],
});

/** a + b. */
export const add = (a: TensorLike, b: TensorLike): Tensor => applyBinary(addOp, a, b);
/** a − b. */
export const sub = (a: TensorLike, b: TensorLike): Tensor => applyBinary(subOp, a, b);
/** a · b, element by element. */
export const mul = (a: TensorLike, b: TensorLike): Tensor => applyBinary(mulOp, a, b);
/** a / b; of integers cut off toward zero, and undefined by 0: an engine may end the process. */
export const div = (a: TensorLike, b: TensorLike): Tensor => applyBinary(divOp, a, b);
/** The smaller of a and b; the gradient goes to `a` where they are equal. */
export const minimum = (a: TensorLike, b: TensorLike): Tensor => applyBinary(minimumOp, a, b);
/** The larger of a and b; the gradient goes to `a` where they are equal. */
export const maximum = (a: TensorLike, b: TensorLike): Tensor => applyBinary(maximumOp, a, b);
/** −x. */
export const neg = (x: Tensor): Tensor => apply(negOp, [x], {});
/** |x|; the gradient at 0 is 0. */
export const abs = (x: Tensor): Tensor => apply(absOp, [x], {});
/** −1, 0 or 1 by the sign of x; the gradient is 0. */
export const sign = (x: Tensor): Tensor => sub(cast(less(0, x), x.dtype), cast(less(x, 0), x.dtype));
/** The largest whole number ≤ x; the gradient is 0. */
export const floor = (x: Tensor): Tensor => apply(floorOp, [x], {});
/** e^x. */
export const exp = (x: Tensor): Tensor => apply(expOp, [x], {});
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => apply(logOp, [x], {});
/** √x. */
export const sqrt = (x: Tensor): Tensor => apply(sqrtOp, [x], {});
/** Sine of radians. */
export const sin = (x: Tensor): Tensor => apply(sinOp, [x], {});
/** Cosine of radians. */
export const cos = (x: Tensor): Tensor => apply(cosOp, [x], {});
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => apply(tanhOp, [x], {});
/** x². */
export const square = (x: Tensor): Tensor => mul(x, x);

/**
 * x^y of floats. NaN where x < 0 and y is no whole number.
 *
 * The gradient by x is finite at 0 wherever the derivative is, that by y is 0 where x = 0.
 *
 * @param y  a number (0, 1, 2, 3, ½ and −1 become products, a root and a quotient), or a tensor
 */
export function pow(x: Tensor, y: TensorLike): Tensor {
  if (y instanceof Tensor) return apply(powOp, [x, y], {});
  switch (y) {
    case 0:
      return full(x.shape, 1, x.dtype);
    case 1:
      return x;
    case 2:
      return square(x);
    case 3:
      return mul(square(x), x);
    case 0.5:
      return sqrt(x);
    case -1:
      return div(1, x);
    default:
      return apply(powOp, [x], { exponent: y });
  }
}

/**
 * x held between two numbers. The gradient passes where min ≤ x ≤ max and is 0 outside.
 *
 * @param min  may be −∞
 * @param max  may be ∞
 * @throws     if min > max
 */
export function clip(x: Tensor, min: number, max: number): Tensor {
  if (!(min <= max)) throw new Error(`clip: ${min} … ${max} is no interval`);
  if (!isFloat(x) && isInteger(x) && !(Number.isInteger(min) && Number.isInteger(max)))
    throw new Error(`clip: ${describeType(x)} needs whole numbers as bounds, got ${min} … ${max}`);
  return apply(clipOp, [x, scalar(min, x.dtype), scalar(max, x.dtype)], {});
}
