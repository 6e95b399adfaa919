/** Uniform numbers in [0, 1) that Python makes alike: the finalizer of MurmurHash3 over seed · 2²⁴ + i. */
export function hashed(count: number, seed: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let h = (i + seed * 2 ** 24) >>> 0;
    for (const [shift, factor] of [
      [16, 0x85ebca6b],
      [13, 0xc2b2ae35],
    ] as const) {
      h ^= h >>> shift;
      h = Math.imul(h, factor);
    }
    h ^= h >>> 16;
    return (h >>> 0) / 2 ** 32;
  });
}
