/** Conditions on the way from one to the next: what images between two texts are made of. */
import { float32, type FloatArray } from '../core/index.ts';
import { rowsOf, slerp, type Conditions } from '../diffusion/index.ts';
import { textConditionNames } from '../models/index.ts';

/**
 * Conditions between ends: frames from each end to the next, where two stretches meet once. Pooled embeddings, which have a length,
 * go along the arc between them; a token that one of the ends has is there on the whole way; all else goes straight.
 *
 * @param ends    [K, …] each, K ≥ 2
 * @param frames  from one end to the next, both included
 * @returns       [(K − 1)(frames − 1) + 1, …] each
 * @throws if there is one end, fewer than two frames, or a condition that is no number to interpolate, such as a class
 * @see Ramesh et al. 2022 (DALL·E 2), section 3.2, for the arc — https://arxiv.org/abs/2204.06125
 */
export function interpolateConditions(ends: Conditions, frames: number): Conditions {
  const count = Object.values(ends)[0]?.shape[0] ?? 0;
  if (count < 2) throw new Error(`interpolateConditions: there are two ends or more, got ${count}`);
  if (!Number.isSafeInteger(frames) || frames < 2)
    throw new Error(`interpolateConditions: frames is an integer of 2 or more, got ${frames}`);
  const total = (count - 1) * (frames - 1) + 1;
  return Object.fromEntries(
    Object.entries(ends).map(([name, { dtype, shape }]) => {
      if (dtype !== 'f32')
        throw new Error(`interpolateConditions: ${name} is ${dtype}, and only values of f32 have others between them`);
      const rows = Array.from({ length: count }, (_, end) => rowsOf(ends, [end])[name] as FloatArray);
      const size = rows[0]!.data.length;
      const data = new Float32Array(total * size);
      for (let i = 0; i < total; i++) {
        const stretch = Math.min(Math.floor(i / (frames - 1)), count - 2);
        const u = (i - stretch * (frames - 1)) / (frames - 1);
        data.set(between(name, rows[stretch]!, rows[stretch + 1]!, u), i * size);
      }
      return [name, float32([total, ...shape.slice(1)], data)];
    }),
  );
}

function between(name: string, a: FloatArray, b: FloatArray, u: number): Float32Array {
  switch (name) {
    case textConditionNames.pooled:
      return slerp(a, b, u).data as Float32Array;
    case textConditionNames.mask:
      return Float32Array.from(a.data, (value, i) => Math.max(value, b.data[i]!));
    default:
      return Float32Array.from(a.data, (value, i) => (1 - u) * value + u * b.data[i]!);
  }
}
