/** Ops that act on each element alone; two operands broadcast by numpy's rule. */
import { describeType, sizeOf, type Type } from '../dtype.ts';
import { apply, asTensor, defineOp, type Node, type Op, type Tensor, type TensorLike } from '../tensor.ts';
import { broadcastShapes, broadcastStrides, sumTo, walk } from './structure.ts';

type NoAttrs = Record<string, never>;
type UnaryVjp = (g: Tensor, x: Tensor, y: Tensor) => Tensor;
type BinaryVjp = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor, Tensor];

function unary<const Name extends string>(name: Name, f: (x: number) => number, vjp: UnaryVjp): Op<Name, NoAttrs> {
  return defineOp<Name, NoAttrs>({
    name,
    infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
    evaluate: ([x]) => [x!.data.map(f)],
    vjp: ([g], { inputs, outputs }) => [g && vjp(g, inputs[0]!, outputs[0]!)],
  });
}

function inferBinary(name: string, [a, b]: readonly Type[]): Type {
  if (a!.dtype !== b!.dtype) throw new Error(`${name}: ${describeType(a!)} and ${describeType(b!)} differ in type`);
  return { shape: broadcastShapes(name, a!.shape, b!.shape), dtype: a!.dtype };
}

function zip(a: { shape: readonly number[]; data: Float64Array }, b: { shape: readonly number[]; data: Float64Array }, shape: readonly number[], f: (a: number, b: number) => number): Float64Array {
  const out = new Float64Array(sizeOf(shape));
  walk(shape, broadcastStrides(a.shape, shape), (i, offset) => { out[i] = a.data[offset]!; });
  walk(shape, broadcastStrides(b.shape, shape), (i, offset) => { out[i] = f(out[i]!, b.data[offset]!); });
  return out;
}

/** `vjp` may return gradients of the broadcast shape; they are added up to each operand's own. */
function binary<const Name extends string>(name: Name, f: (a: number, b: number) => number, vjp: BinaryVjp): Op<Name, NoAttrs> {
  return defineOp<Name, NoAttrs>({
    name,
    infer: (inputs) => [inferBinary(name, inputs)],
    evaluate: ([a, b], _, [out]) => [zip(a!, b!, out!.shape, f)],
    vjp([g], { inputs, outputs }: Node<NoAttrs>) {
      if (!g) return [];
      const [a, b] = inputs as readonly [Tensor, Tensor];
      const [da, db] = vjp(g, a, b, outputs[0]!);
      return [sumTo(da, a.shape), sumTo(db, b.shape)];
    },
  });
}

export const addOp = binary('add', (a, b) => a + b, (g) => [g, g]);
export const subOp = binary('sub', (a, b) => a - b, (g) => [g, neg(g)]);
export const mulOp = binary('mul', (a, b) => a * b, (g, a, b) => [mul(g, b), mul(g, a)]);
export const divOp = binary('div', (a, b) => a / b, (g, _, b, y) => {
  const da = div(g, b);
  return [da, neg(mul(da, y))];
});
// Where the operands are equal the gradient goes to the first.
export const minimumOp = binary('minimum', Math.min, (g, a, b) => [where(lessEqual(a, b), g, 0), where(lessEqual(a, b), 0, g)]);
export const maximumOp = binary('maximum', Math.max, (g, a, b) => [where(lessEqual(b, a), g, 0), where(lessEqual(b, a), 0, g)]);

export const negOp = unary('neg', (x) => -x, (g) => neg(g));
export const expOp = unary('exp', Math.exp, (g, _, y) => mul(g, y));
export const logOp = unary('log', Math.log, (g, x) => div(g, x));
export const sqrtOp = unary('sqrt', Math.sqrt, (g, _, y) => div(mul(g, 0.5), y));
export const sinOp = unary('sin', Math.sin, (g, x) => mul(g, cos(x)));
export const cosOp = unary('cos', Math.cos, (g, x) => neg(mul(g, sin(x))));
export const tanhOp = unary('tanh', Math.tanh, (g, _, y) => mul(g, sub(1, mul(y, y))));
export const sigmoidOp = unary('sigmoid', logistic, (g, _, y) => mul(g, mul(y, sub(1, y))));
// silu′ = s + y(1 − s) with s = σ(x): the forward pass has computed s and y already.
export const siluOp = unary('silu', (x) => x * logistic(x), (g, x, y) => {
  const s = sigmoid(x);
  return mul(g, add(s, mul(y, sub(1, s))));
});

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export const lessEqualOp = defineOp<'lessEqual', NoAttrs>({
  name: 'lessEqual',
  infer: (inputs) => [{ ...inferBinary('lessEqual', inputs), dtype: 'bool' }],
  evaluate: ([a, b], _, [out]) => [zip(a!, b!, out!.shape, (x, y) => Number(x <= y))],
  vjp: () => [],
});

export const whereOp = defineOp<'where', NoAttrs>({
  name: 'where',
  infer([condition, a, b]) {
    if (condition!.dtype !== 'bool') throw new Error(`where: the condition must be bool, got ${describeType(condition!)}`);
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

/** a + b. */
export const add = (a: TensorLike, b: TensorLike): Tensor => apply(addOp, [asTensor(a), asTensor(b)], {});
/** a − b. */
export const sub = (a: TensorLike, b: TensorLike): Tensor => apply(subOp, [asTensor(a), asTensor(b)], {});
/** a · b, element by element. */
export const mul = (a: TensorLike, b: TensorLike): Tensor => apply(mulOp, [asTensor(a), asTensor(b)], {});
/** a / b. */
export const div = (a: TensorLike, b: TensorLike): Tensor => apply(divOp, [asTensor(a), asTensor(b)], {});
/** The smaller of a and b; the gradient goes to `a` where they are equal. */
export const minimum = (a: TensorLike, b: TensorLike): Tensor => apply(minimumOp, [asTensor(a), asTensor(b)], {});
/** The larger of a and b; the gradient goes to `a` where they are equal. */
export const maximum = (a: TensorLike, b: TensorLike): Tensor => apply(maximumOp, [asTensor(a), asTensor(b)], {});
/** −x. */
export const neg = (x: Tensor): Tensor => apply(negOp, [x], {});
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
/** σ(x) = 1 / (1 + e^{−x}). */
export const sigmoid = (x: Tensor): Tensor => apply(sigmoidOp, [x], {});
/** x · σ(x), also called swish. */
export const silu = (x: Tensor): Tensor => apply(siluOp, [x], {});
/** a ≤ b, as bool. */
export const lessEqual = (a: TensorLike, b: TensorLike): Tensor => apply(lessEqualOp, [asTensor(a), asTensor(b)], {});
/** `a` where the condition holds, else `b`. */
export const where = (condition: Tensor, a: TensorLike, b: TensorLike): Tensor => apply(whereOp, [condition, asTensor(a), asTensor(b)], {});
/** x². */
export const square = (x: Tensor): Tensor => mul(x, x);
