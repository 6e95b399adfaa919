import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bfloatToFloats, floatsToBfloat, floatsToHalf, halfToFloats } from './half.ts';

const allPatterns = Uint16Array.from({ length: 65536 }, (_, pattern) => pattern);

/** The value a float16 pattern stands for, by the definition in IEEE 754 §3.4. */
function halfByDefinition(pattern: number): number {
  const sign = pattern >> 15 ? -1 : 1;
  const exponent = (pattern >> 10) & 31;
  const fraction = pattern & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bfloat16 value, the same way. */
function bfloatByDefinition(pattern: number): number {
  const sign = pattern >> 15 ? -1 : 1;
  const exponent = (pattern >> 7) & 255;
  const fraction = pattern & 127;
  if (exponent === 255) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -133 : sign * (1 + fraction / 128) * 2 ** (exponent - 127);
}

const formats = [
  {
    name: 'float16',
    narrow: floatsToHalf,
    widen: halfToFloats,
    byDefinition: halfByDefinition,
    infinity: 0x7c00,
    quiet: 0x0200,
  },
  {
    name: 'bfloat16',
    narrow: floatsToBfloat,
    widen: bfloatToFloats,
    byDefinition: bfloatByDefinition,
    infinity: 0x7f80,
    quiet: 0x0040,
  },
];

describe.each(formats)('$name', ({ narrow, widen, byDefinition, infinity, quiet }) => {
  const one = (value: number) => narrow(Float32Array.of(value))[0]!;

  test('every one of the 65,536 patterns widens to the value of its definition', () => {
    const values = widen(allPatterns);
    const wrong = [...allPatterns].filter((pattern) => !Object.is(values[pattern], byDefinition(pattern)));
    expect(wrong).toEqual([]);
  });

  test('every pattern comes back after widening and narrowing; a NaN comes back quiet', () => {
    const back = narrow(widen(allPatterns));
    const expected = allPatterns.map((pattern) => ((pattern & 0x7fff) > infinity ? pattern | quiet : pattern));
    expect(back).toEqual(expected);
  });

  test('between every two neighbors, the midpoint goes to the even one and a float32 step off it goes to the nearer one', () => {
    const wrong: number[] = [];
    for (let pattern = 0; pattern + 1 < infinity; pattern++) {
      const middle = (byDefinition(pattern) + byDefinition(pattern + 1)) / 2; // exact in float32: one bit more than either
      const [below, above] = neighbors(middle);
      const even = pattern & 1 ? pattern + 1 : pattern;
      const rounded = narrow(Float32Array.of(below, middle, above, -below, -middle, -above));
      const right = [pattern, even, pattern + 1];
      const expected = [...right, ...right.map((bits) => bits | 0x8000)];
      if (expected.some((bits, i) => bits !== rounded[i])) wrong.push(pattern);
    }
    expect(wrong).toEqual([]);
  });

  test('a float32 rounds to a pattern that no neighbor beats', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const pattern = one(value);
        const distance = Math.abs(byDefinition(pattern) - value);
        if ((pattern & 0x7fff) === infinity) return;
        for (const neighbor of [pattern - 1, pattern + 1]) {
          const other = byDefinition(neighbor & 0xffff);
          if (Number.isFinite(other)) expect(distance).toBeLessThanOrEqual(Math.abs(other - value));
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test('signed zeros, infinities and NaN keep what they are', () => {
    expect(one(0)).toBe(0);
    expect(one(-0)).toBe(0x8000);
    expect(one(Infinity)).toBe(infinity);
    expect(one(-Infinity)).toBe(infinity | 0x8000);
    expect(byDefinition(one(NaN))).toBeNaN();
    // A NaN whose payload lies wholly in the bits that are dropped must not become infinity.
    expect(byDefinition(narrow(new Float32Array(Uint32Array.of(0x7f800001).buffer))[0]!)).toBeNaN();
  });

  test('a view into a larger buffer is read at its own place', () => {
    const values = Float32Array.of(9, 1, -2, 9).subarray(1, 3);
    expect(widen(narrow(values))).toEqual(Float32Array.of(1, -2));
  });
});

test('float16 overflows from 65520 on: the midpoint after the largest value', () => {
  expect(halfToFloats(floatsToHalf(Float32Array.of(65504, 65519.996, 65520, 1e30)))).toEqual(
    Float32Array.of(65504, 65504, Infinity, Infinity),
  );
});

test('float16 underflows to zero at 2⁻²⁵ and below', () => {
  expect(halfToFloats(floatsToHalf(Float32Array.of(2 ** -25, 1.0001 * 2 ** -25, 2 ** -26, 2 ** -149)))).toEqual(
    Float32Array.of(0, 2 ** -24, 0, 0),
  );
});

test('bfloat16 overflows to infinity at the midpoint after its largest value', () => {
  const largest = bfloatByDefinition(0x7f7f);
  const middle = largest + 2 ** 119;
  expect(floatsToBfloat(Float32Array.of(neighbors(middle)[0], middle))).toEqual(Uint16Array.of(0x7f7f, 0x7f80));
});

/** The float32 values next to a positive float32. */
function neighbors(value: number): [number, number] {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const near = new Float32Array(Uint32Array.of(bits - 1, bits + 1).buffer);
  return [near[0]!, near[1]!];
}
