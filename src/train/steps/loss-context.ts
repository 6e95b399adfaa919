/** What a loss is given to be built: the bound module, the other batches of the same update, and a place for what it measures. */
import { concat, gather, input, mul, straightThrough, type HostArray, type Tensor } from '../../core/index.ts';
import type { Binding } from '../../nn/index.ts';

/** A module's binding, for a loss. */
export interface LossContext extends Binding {
  /**
   * The rows that all batches of an update contribute, in their order, for a loss in which each sample meets those of the
   * other batches, as a contrastive one. The others' rows are those of the same weights, computed before and kept; the gradient goes
   * through the rows of this batch. The gradients of all batches together are exactly those of the loss of one large batch.
   *
   * Without accumulation it is x. The loss has to be a function of the rows and of parameters alone, a mean over all batches.
   *
   * @param x  [B, …] of this batch
   * @returns  [accumulation · B, …]
   * @see Gao, Zhang, Han & Callan 2021, section 3.2 — https://arxiv.org/abs/2101.06983
   */
  gradCache(x: Tensor): Tensor;
  /** Has every step report a scalar by name, next to its loss. */
  measure(name: string, value: Tensor): void;
}

/** A loss's context after the loss is built. */
export interface BuiltLossContext extends LossContext {
  /** The arguments of `gradCache`, by the name of the input that has all rows. */
  readonly shared: Readonly<Record<string, Tensor>>;
  /** By the name of the output. */
  readonly measures: Readonly<Record<string, Tensor>>;
}

/** Names of outputs that are measures begin so. */
export const measurePrefix = 'measure/';

/** @param accumulation  batches of one update */
export function lossContext(binding: Binding, accumulation: number): BuiltLossContext {
  const shared: Record<string, Tensor> = {};
  const measures: Record<string, Tensor> = {};
  return {
    ...binding,
    shared,
    measures,
    gradCache(x) {
      if (accumulation === 1) return x;
      const [rows, ...rest] = x.shape;
      if (rows === undefined) throw new Error('across: a scalar has no rows');
      const name = `across/${Object.keys(shared).length}`;
      shared[name] = x;
      // The gradients of the batches are averaged, and each is a part of the whole: they have to be summed.
      const own = straightThrough(x, mul(x, accumulation));
      return gather(
        concat([input(name, [accumulation * rows, ...rest], x.dtype), own], 0),
        input(rowsInput(rows), [accumulation * rows], 'i64'),
      );
    },
    measure(name, value) {
      if (value.shape.length > 0) throw new Error(`measure: ${name} is [${value.shape.join(', ')}], expected a scalar`);
      measures[`${measurePrefix}${name}`] = value;
    },
  };
}

/** The input that says where each row comes from: batches of one loss may contribute rows of several numbers. */
const rowsInput = (rows: number): string => `across/rows/${rows}`;

/**
 * The inputs of a loss across batches.
 *
 * @param contributions  the outputs of the program `represent` for each batch
 * @returns the inputs that are the same for all batches, and those of the batch at a place
 */
export function gradCacheInputs(contributions: readonly Readonly<Record<string, HostArray>>[]): {
  readonly all: Record<string, HostArray>;
  readonly own: (batch: number) => Record<string, HostArray>;
} {
  const all: Record<string, HostArray> = {};
  const counts = new Set<number>();
  for (const [
    name,
    {
      dtype,
      shape: [rows = 0, ...rest],
      data,
    },
  ] of Object.entries(contributions[0] ?? {})) {
    const joined = new Float32Array(data.length * contributions.length);
    contributions.forEach((each, batch) => joined.set(each[name]!.data as Float32Array, batch * data.length));
    all[name] = { dtype, shape: [rows * contributions.length, ...rest], data: joined };
    counts.add(rows);
  }
  const own = (batch: number) =>
    Object.fromEntries(
      [...counts].map((rows) => {
        const total = rows * contributions.length;
        // The batch's own rows follow all others in the rows that `gradCache` gathers from.
        const places = BigInt64Array.from({ length: total }, (_, row) =>
          BigInt(Math.floor(row / rows) === batch ? total + (row % rows) : row),
        );
        return [rowsInput(rows), { dtype: 'i64' as const, shape: [total], data: places }];
      }),
    );
  return { all, own };
}
