import { describe, expect, test } from 'vitest';
import { exactLog, normalQuantile, philox4x32, RandomStream } from './random.ts';

describe('random', () => {
  // Known-answer vectors published with the Random123 library (kat_vectors, philox4x32 10).
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('philox of counter %j and key %j is the published vector', (counter, key, expected) => {
    const out = new Uint32Array(4);
    philox4x32(out, counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!);
    expect([...out]).toEqual(expected);
  });

  // Python: statistics.NormalDist().inv_cdf(p)
  test.each([
    [0.5, 0],
    [0.975, 1.9599639845400536],
    [0.001, -3.090232306167813],
    [1e-9, -5.997807015007686],
    [1e-14, -7.650628092935268],
  ])('the quantile of %d is %d', (p, z) => {
    expect(Math.abs(normalQuantile(p) - z)).toBeLessThan(2e-14);
  });

  test("the logarithm agrees with the engine's to a few ulps", () => {
    for (const x of [1e-300, 1e-9, 0.1, 0.5, 0.7071, 1, Math.SQRT2, 1.4143, 2, 3, 1e9])
      expect(exactLog(x)).toBeCloseTo(Math.log(x), 12);
  });

  test('a stream is a function of seed, purpose and index', () => {
    const draw = (seed: number, purpose: string, index: number) => new RandomStream(seed, purpose, index).uint32();
    expect(draw(7, 'sample', 3)).toBe(draw(7, 'sample', 3));
    expect(
      new Set([
        draw(7, 'sample', 3),
        draw(8, 'sample', 3),
        draw(7, 'noise', 3),
        draw(7, 'sample', 4),
        draw(7 + 2 ** 40, 'sample', 3),
        draw(7, 'sample', 3 + 2 ** 40),
      ]).size,
    ).toBe(6);
  });

  test('normals have mean 0, variance 1 and the kurtosis of a Gaussian', () => {
    const n = 200_000;
    const z = new RandomStream(1, 'moments').fillNormal(new Float64Array(n));
    const moment = (k: number) => z.reduce((sum, v) => sum + v ** k, 0) / n;
    // Standard errors of the k-th sample moment: √(E z^{2k} − (E z^k)²) / √n; four of them.
    expect(Math.abs(moment(1))).toBeLessThan(4 * Math.sqrt(1 / n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
  });

  test('normals are the same drawn one by one or many at once, wherever one begins', () => {
    const one = new RandomStream(3, 'pieces');
    const many = new RandomStream(3, 'pieces');
    const expected = Float64Array.from({ length: 3 + 2050 + 1 + 1024 }, () => one.normal());
    const drawn = new Float64Array(expected.length);
    for (const [start, end] of [
      [0, 3],
      [3, 3],
      [3, 2053],
      [2053, 2054],
      [2054, 3078],
    ] as const)
      many.fillNormal(drawn, start, end);
    expect(drawn).toEqual(expected);
    expect(many.uint32()).toBe(one.uint32());
  });

  test('integers are unbiased and permutations are permutations', () => {
    const stream = new RandomStream(2, 'integers');
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 60_000; i++) counts[stream.integer(6)]!++;
    for (const count of counts)
      expect(Math.abs(count - 10_000)).toBeLessThan(4 * Math.sqrt(60_000 * (1 / 6) * (5 / 6)));
    expect([...stream.permutation(50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test('a bad seed is named', () => {
    expect(() => new RandomStream(-1, 'x')).toThrow('seed: expected an integer');
    expect(() => new RandomStream(1.5, 'x')).toThrow('seed: expected an integer');
  });
});
