import { describeType, sizeOf, type Type } from '../dtype.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';
import { broadcastShapes, broadcastStrides, sumTo, walk } from './structure.ts';

/** How the operands of a matrix product are read. */
export interface MatmulAttrs {
  /** Read the last two axes of `a` the other way round. */
  readonly transA: boolean;
  readonly transB: boolean;
}

function dimensions([a, b]: readonly Type[], { transA, transB }: MatmulAttrs) {
  if (a!.shape.length < 2 || b!.shape.length < 2)
    throw new Error(`matmul: needs matrices, got ${describeType(a!)} and ${describeType(b!)}`);
  const [a0, a1] = a!.shape.slice(-2) as [number, number];
  const [b0, b1] = b!.shape.slice(-2) as [number, number];
  return { rows: transA ? a1 : a0, inner: transA ? a0 : a1, innerB: transB ? b1 : b0, columns: transB ? b0 : b1 };
}

export const matmulOp = defineOp<'matmul', MatmulAttrs>({
  name: 'matmul',
  infer(inputs, attrs) {
    const [a, b] = inputs as readonly [Type, Type];
    const { rows, inner, innerB, columns } = dimensions(inputs, attrs);
    if (a.dtype !== b.dtype) throw new Error(`matmul: ${describeType(a)} and ${describeType(b)} differ in type`);
    if (inner !== innerB)
      throw new Error(`matmul: inner extents ${inner} and ${innerB} differ (${describeType(a)} by ${describeType(b)})`);
    return [
      {
        shape: [...broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns],
        dtype: a.dtype,
      },
    ];
  },
  evaluate(inputs, attrs, [out]) {
    const [a, b] = inputs;
    const { rows, inner, columns } = dimensions(inputs, attrs);
    const [aRow, aInner] = attrs.transA ? [1, rows] : [inner, 1];
    const [bInner, bColumn] = attrs.transB ? [1, inner] : [columns, 1];
    const batch = out!.shape.slice(0, -2);
    const product = new Float64Array(sizeOf(out!.shape));
    const matrixStrides = (x: Type) => broadcastStrides(x.shape.slice(0, -2), batch);
    const bStarts: number[] = [];
    walk(batch, matrixStrides(b!), (_, offset) => bStarts.push(offset * inner * columns));
    walk(batch, matrixStrides(a!), (i, offset) => {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          let total = 0;
          for (let k = 0; k < inner; k++) {
            total +=
              a!.data[offset * rows * inner + row * aRow! + k * aInner!]! *
              b!.data[bStarts[i]! + k * bInner! + column * bColumn!]!;
          }
          product[(i * rows + row) * columns + column] = total;
        }
      }
    });
    return [product];
  },
  vjp([g], { inputs: [a, b], attrs: { transA, transB } }) {
    if (!g) return [];
    const da = transA ? matmul(b!, g, { transA: transB, transB: true }) : matmul(g, b!, { transB: !transB });
    const db = transB ? matmul(g, a!, { transA: true, transB: transA }) : matmul(a!, g, { transA: !transA });
    return [sumTo(da, a!.shape), sumTo(db, b!.shape)];
  },
});

/**
 * Matrix product over the last two axes; leading axes broadcast.
 *
 * @param a  [..., M, K], or [..., K, M] with `transA`
 * @param b  [..., K, N], or [..., N, K] with `transB`
 * @returns  [..., M, N]
 */
export function matmul(a: Tensor, b: Tensor, { transA = false, transB = false }: Partial<MatmulAttrs> = {}): Tensor {
  return apply(matmulOp, [a, b], { transA, transB });
}
