/** Any number of rows through a program that was compiled for one. */
import { float32, sizeOf, type FloatArray } from '../core/index.ts';
// Not the layer's index: an answer about one image waits for nothing else to be loaded.
import { padRows } from '../diffusion/conditions.ts';

/**
 * Rows computed in batches of one size, of which the last may be filled in part.
 *
 * @param rows  [batchSize, dim] of which the first `count` are wanted
 * @returns     [count, dim]
 */
export async function inBatches(
  count: number,
  batchSize: number,
  dim: number,
  rows: (first: number, count: number) => Promise<FloatArray>,
): Promise<FloatArray> {
  const all = new Float32Array(count * dim);
  for (let first = 0; first < count; first += batchSize) {
    const here = Math.min(batchSize, count - first);
    all.set((await rows(first, here)).data.subarray(0, here * dim), first * dim);
  }
  return float32([count, dim], all);
}

/**
 * Rows that depend on rows, in batches of one size, the last padded with zeros.
 *
 * @param input  [N, ...]
 * @param run    [batchSize, ...] → [batchSize, dim]
 * @returns      [N, dim]
 */
export async function mapInBatches(
  { shape: [count = 0, ...rest], data }: FloatArray,
  batchSize: number,
  dim: number,
  run: (batch: FloatArray) => Promise<FloatArray>,
): Promise<FloatArray> {
  const size = sizeOf(rest);
  return inBatches(count, batchSize, dim, (first, here) => {
    const rows = (data as Float32Array).subarray(first * size, (first + here) * size);
    return run(padRows(float32([here, ...rest], rows), batchSize));
  });
}
