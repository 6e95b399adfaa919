/** Weights that Python (named_weights.py) and TypeScript make alike from the names of parameters. */
import { float32, sizeOf, type HostArray, type Shape } from '../../src/core/index.ts';

/** `count` numbers in [−1, 1): the bits of (hash of the name) + i, mixed as MurmurHash3 finishes. */
export function uniform(name: string, count: number): Float64Array {
  let seed = 2166136261;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 16777619);
  return Float64Array.from({ length: count }, (_, i) => {
    let h = (seed + i) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    return (h >>> 0) / 2 ** 31 - 1;
  });
}

/** Gains about 1, other vectors about 0, matrices and kernels of variance 1 / fan-in. */
export function weightValues(name: string, shape: Shape): HostArray {
  const u = uniform(name, sizeOf(shape));
  const isVector = shape.length === 1;
  if (isVector && name === 'time_proj.weight')
    return float32(
      shape,
      Float32Array.from(u, (v) => 16 * v),
    );
  if (isVector)
    return float32(
      shape,
      Float32Array.from(u, (v) => (name.endsWith('weight') ? 1 : 0) + 0.3 * v),
    );
  const bound = Math.sqrt(3 / sizeOf(shape.slice(1)));
  return float32(
    shape,
    Float32Array.from(u, (v) => v * bound),
  );
}
