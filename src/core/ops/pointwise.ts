/** What ops that act on each element alone have in common; two operands broadcast by numpy's rule. */
import { describeType, sizeOf, type Shape, type Type } from '../dtype.ts';
import { apply, reapply, defineOp, Tensor, type Node, type Op, type TensorLike } from '../tensor.ts';
import { broadcastShapes, broadcastStrides, isFloat, isInteger, scalar, sumTo, walk } from './structure.ts';

/** The attributes of an op that has none. */
export type NoAttrs = Record<string, never>;
type UnaryVjp = (g: Tensor, x: Tensor, y: Tensor) => Tensor | undefined;
type BinaryVjp = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor, Tensor];

/** The types of numbers: of all but bool, or of floats alone. */
export function requireNumbers(name: string, x: Type, floatsOnly: boolean): void {
  if (!isFloat(x) && (floatsOnly || !isInteger(x)))
    throw new Error(`${name}: needs ${floatsOnly ? 'floats' : 'numbers'}, got ${describeType(x)}; cast it first`);
}

/** An op of one operand; integers only where `integers` says so. */
export function unary<const Name extends string>(
  name: Name,
  f: (x: number) => number,
  vjp: UnaryVjp,
  { integers = false } = {},
): Op<Name, NoAttrs> {
  return defineOp<Name, NoAttrs>({
    name,
    elementwise: true,
    infer([x]) {
      requireNumbers(name, x!, !integers);
      return [{ shape: x!.shape, dtype: x!.dtype }];
    },
    evaluate: ([x]) => [x!.data.map(f)],
    vjp: ([g], { inputs, outputs }) => [g && vjp(g, inputs[0]!, outputs[0]!)],
    recompute: reapply,
  });
}

/** The type of two operands together. */
export function inferBinary(name: string, [a, b]: readonly Type[]): Type {
  if (a!.dtype !== b!.dtype) throw new Error(`${name}: ${describeType(a!)} and ${describeType(b!)} differ in type`);
  return { shape: broadcastShapes(name, a!.shape, b!.shape), dtype: a!.dtype };
}

interface Operand {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** f of two operands broadcast to `shape`. */
export function zip(a: Operand, b: Operand, shape: Shape, f: (a: number, b: number) => number): Float64Array {
  const out = new Float64Array(sizeOf(shape));
  walk(shape, broadcastStrides(a.shape, shape), (i, offset) => {
    out[i] = a.data[offset]!;
  });
  walk(shape, broadcastStrides(b.shape, shape), (i, offset) => {
    out[i] = f(out[i]!, b.data[offset]!);
  });
  return out;
}

/**
 * An op of two operands, floats or integers of one type. Results of integers are cut off at the point, as engines
 * divide them. `vjp` may return gradients of the broadcast shape; they are added up to each operand's own.
 *
 * @param options.kept  the result is kept for the backward pass even where values are computed again
 */
export function binary<const Name extends string>(
  name: Name,
  f: (a: number, b: number) => number,
  vjp: BinaryVjp,
  { kept = false } = {},
): Op<Name, NoAttrs> {
  return defineOp<Name, NoAttrs>({
    name,
    elementwise: true,
    infer(inputs) {
      for (const x of inputs) requireNumbers(name, x, false);
      return [inferBinary(name, inputs)];
    },
    evaluate: ([a, b], _, [out]) => [zip(a!, b!, out!.shape, isFloat(out!) ? f : (x, y) => Math.trunc(f(x, y)))],
    vjp([g], { inputs, outputs }: Node<NoAttrs>) {
      if (!g) return [];
      const [a, b] = inputs as readonly [Tensor, Tensor];
      const [da, db] = vjp(g, a, b, outputs[0]!);
      return [sumTo(da, a.shape), sumTo(db, b.shape)];
    },
    ...(kept ? {} : { recompute: reapply }),
  });
}

/** Both operands as tensors: a number takes the other's type. */
export function operands(a: TensorLike, b: TensorLike): readonly [Tensor, Tensor] {
  const { dtype } = a instanceof Tensor ? a : b instanceof Tensor ? b : scalar(0);
  const [x, y] = [a, b].map((value) => (value instanceof Tensor ? value : scalar(value, dtype)));
  return [x!, y!];
}

/** Applies an op of two operands. */
export function applyBinary(op: Op<string, NoAttrs>, a: TensorLike, b: TensorLike): Tensor {
  return apply(op, operands(a, b), {});
}
