import type { OpName, Shape, Tensor } from '../../src/core/index.ts';

/** One application of an op, with operands and where possible a known answer. */
export interface OpCase {
  readonly op: OpName;
  readonly title: string;
  /** Shapes of the float operands. */
  readonly shapes: readonly Shape[];
  readonly build: (...xs: Tensor[]) => Tensor;
  /** Operands are drawn from this interval; default (−2, 2). */
  readonly range?: readonly [number, number];
  /**
   * Operands far from zero, where differences of large numbers lose digits; default (98, 102). `false` where the op has no
   * values there, as powers have none in float32.
   */
  readonly far?: readonly [number, number] | false;
  /** A known answer: operands and result, written out. */
  readonly golden?: { readonly inputs: readonly (readonly number[])[]; readonly output: readonly number[] };
  /** False for ops through which no gradient passes; default true. */
  readonly differentiable?: false;
}
