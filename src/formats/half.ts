/**
 * 16-bit floats as arrays of their bits.
 *
 *     float16   1 sign, 5 exponent (bias 15),  10 fraction bits   largest 65504, smallest 2⁻²⁴
 *     bfloat16  1 sign, 8 exponent (bias 127),  7 fraction bits   the upper half of a float32
 *
 * Narrowing rounds to nearest, ties to even, as IEEE 754 and every processor do; what is too large becomes infinity. A NaN stays a NaN,
 * made quiet. Widening is exact.
 */

/**
 * Rounds 32-bit floats to float16.
 *
 * @returns the bits, one 16-bit pattern a value
 */
export function floatsToHalf(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = roundToHalf(bits[i]!);
  return halves;
}

/** Widens float16 bits to 32-bit floats; exact. */
export function halfToFloats(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const bits = bitsOf(values);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) bits[i] = sign | 0x7f800000 | ((magnitude & 0x03ff) << 13);
    // The exponent's bias moves from 15 to 127: + 112 = 0x1c000 >> 10.
    else if (magnitude >= 0x0400) bits[i] = sign | ((magnitude + 0x1c000) << 13);
    // Subnormal: a whole number of 2⁻²⁴, which is a normal float32; the sign is set apart so that −0 survives.
    else {
      values[i] = magnitude * 2 ** -24;
      bits[i]! |= sign;
    }
  }
  return values;
}

/**
 * Rounds 32-bit floats to bfloat16.
 *
 * @returns the bits, one 16-bit pattern a value
 */
export function floatsToBfloat(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const bfloats = new Uint16Array(values.length);
  for (let i = 0; i < bfloats.length; i++) {
    const word = bits[i]!;
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    // Adding just under half, plus the last kept bit, carries exactly when rounding to even goes up. A carry into the exponent is right too.
    bfloats[i] = isNaN ? (word >>> 16) | 0x0040 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bfloats;
}

/** Widens bfloat16 bits to 32-bit floats; exact. */
export function bfloatToFloats(bfloats: Uint16Array): Float32Array {
  const values = new Float32Array(bfloats.length);
  const bits = bitsOf(values);
  for (let i = 0; i < bfloats.length; i++) bits[i] = bfloats[i]! << 16;
  return values;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** float32 bits to float16 bits. */
function roundToHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x03ff);
  // 65520 lies halfway between 65504 and 2¹⁶ and ties to the even one, which is infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // 2⁻¹⁴ and above: normal. The exponent's bias moves from 127 to 15: − 112 << 23.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0x0fff + ((magnitude >>> 13) & 1)) >>> 13);
  // Subnormal: the significand, with its hidden bit, as a whole number of 2⁻²⁴.
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  const significand = (magnitude & 0x007fffff) | 0x00800000;
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}
