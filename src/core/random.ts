/**
 * Counter-based random numbers: a value is a pure function of (seed, purpose, index, position),
 * so nothing has to be saved to resume, and streams never depend on the order in which they are drawn.
 *
 * Every operation is a 32-bit integer operation or one of + − × ÷ √ on float64, all of which IEEE 754 and
 * ECMAScript define exactly: the same numbers come out of every engine on every machine.
 */

// As 32-bit integers: the engine then multiplies and adds integers, not float64.
const multiplier0 = 0xd2511f53 | 0;
const multiplier1 = 0xcd9e8d57 | 0;
const weyl0 = 0x9e3779b9 | 0;
const weyl1 = 0xbb67ae85 | 0;

/** High 32 bits of a 32 × 32-bit product of unsigned integers, from the products of their halves. */
function multiplyHigh(a: number, b: number): number {
  const a1 = a >>> 16;
  const a0 = a & 0xffff;
  const b1 = b >>> 16;
  const b0 = b & 0xffff;
  const upper = Math.imul(a1, b0);
  const lower = Math.imul(a0, b1);
  const middle = (Math.imul(a0, b0) >>> 16) + (upper & 0xffff) + (lower & 0xffff);
  return (Math.imul(a1, b1) + (upper >>> 16) + (lower >>> 16) + (middle >>> 16)) | 0;
}

/**
 * Four 32-bit words from a 128-bit counter and a 64-bit key, written to `out` from place `at` on.
 *
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox4x32-10)
 */
export function philox4x32(
  out: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  key0: number,
  key1: number,
  at = 0,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2);
    c0 = high1 ^ c1 ^ key0;
    c1 = low1;
    c2 = high0 ^ c3 ^ key1;
    c3 = low0;
    key0 = (key0 + weyl0) | 0;
    key1 = (key1 + weyl1) | 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}

/**
 * The standard normal quantile function Φ⁻¹(p), relative error about 1e-16.
 *
 * @param p  a probability in (0, 1)
 * @see Wichura 1988, "Algorithm AS 241: The percentage points of the normal distribution" (PPND16)
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  return q <= 0.425 && q >= -0.425 ? centralQuantile(q) : tailQuantile(p);
}

// Two functions, so that the one for 85 % of all numbers is small enough to be inlined where they are drawn.
function centralQuantile(q: number): number {
  const r = 0.180625 - q * q;
  const numerator =
    ((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r + 45921.953931549871457) *
      r +
      13731.693765509461125) *
      r +
      1971.5909503065514427) *
      r +
      133.14166789178437745) *
      r +
    3.387132872796366608;
  const denominator =
    ((((((5226.495278852854561 * r + 28729.085735721942674) * r + 39307.89580009271061) * r + 21213.794301586595867) *
      r +
      5394.1960214247511077) *
      r +
      687.1870074920579083) *
      r +
      42.313330701600911252) *
      r +
    1;
  return (q * numerator) / denominator;
}

function tailQuantile(p: number): number {
  const tail = Math.sqrt(-exactLog(p < 0.5 ? p : 1 - p));
  let numerator: number;
  let denominator: number;
  if (tail <= 5) {
    const r = tail - 1.6;
    numerator =
      ((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r +
        1.27045825245236838258) *
        r +
        3.64784832476320460504) *
        r +
        5.7694972214606914055) *
        r +
        4.6303378461565452959) *
        r +
      1.42343711074968357734;
    denominator =
      ((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r +
        0.14810397642748007459) *
        r +
        0.68976733498510000455) *
        r +
        1.6763848301838038494) *
        r +
        2.05319162663775882187) *
        r +
      1;
  } else {
    const r = tail - 5;
    numerator =
      ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r +
        0.026532189526576123093) *
        r +
        0.29656057182850489123) *
        r +
        1.7848265399172913358) *
        r +
        5.4637849111641143699) *
        r +
      6.6579046435011037772;
    denominator =
      ((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r +
        7.868691311456132591e-4) *
        r +
        0.0148753612908506148525) *
        r +
        0.13692988092273580531) *
        r +
        0.59983220655588793769) *
        r +
      1;
  }
  const z = numerator / denominator;
  return p < 0.5 ? -z : z;
}

/**
 * Natural logarithm from + − × ÷ alone, because `Math.log` may differ by an ulp between engines.
 * ln x = e ln 2 + 2 artanh((m − 1)/(m + 1)) with x = m · 2^e, m in [√½, √2): the series needs eleven terms.
 *
 * @param x  positive, from 2^−1022 on
 */
export function exactLog(x: number): number {
  // Taken apart by its bits: loops that halve and double are mispredicted for most numbers.
  float[0] = x;
  let exponent = (bits[1]! >>> 20) - 1023;
  bits[1] = (bits[1]! & 0xfffff) | 0x3ff00000;
  let mantissa = float[0]!;
  if (mantissa >= 1.4142135623730951) {
    mantissa /= 2;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const s2 = s * s;
  // Written out, so that the quotients are constants.
  const series =
    (((((((((((1 / 23) * s2 + 1 / 21) * s2 + 1 / 19) * s2 + 1 / 17) * s2 + 1 / 15) * s2 + 1 / 13) * s2 + 1 / 11) * s2 +
      1 / 9) *
      s2 +
      1 / 7) *
      s2 +
      1 / 5) *
      s2 +
      1 / 3) *
      s2 +
    1;
  return exponent * 0.6931471805599453 + 2 * s * series;
}

/** A float64 and its halves, the higher one second: every machine that runs JavaScript stores them so. */
const float = new Float64Array(1);
const bits = new Uint32Array(float.buffer);

/** FNV-1a, so that a purpose can be written as a word. */
function hashWord(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * The stream of random numbers named by a seed, a purpose and an index.
 *
 * Streams of different purposes or indices are independent; drawing from one never moves another.
 * Samplers give every image its own stream, `new RandomStream(seed, 'sample', i)`, so that image i
 * is the same however many are drawn next to it.
 *
 * @throws if seed or index is not an integer in 0 … 2^53 − 1
 * @example
 * import { RandomStream } from 'kuosan/core';
 *
 * const [first, again] = [0, 1].map(() => new RandomStream(7, 'noise', 3).normal());
 * console.log(first === again); // true
 */
export class RandomStream {
  readonly #key0: number;
  readonly #key1: number;
  readonly #index0: number;
  readonly #index1: number;
  readonly #purpose: number;
  readonly #words = new Uint32Array(4);
  #block = 0;
  #used = 4;

  constructor(seed: number, purpose: string, index = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new Error(`seed: expected an integer from 0 to 2^53 − 1, got ${seed}`);
    if (!Number.isSafeInteger(index) || index < 0)
      throw new Error(`random stream index: expected an integer from 0 to 2^53 − 1, got ${index}`);
    this.#key0 = seed >>> 0;
    this.#key1 = Math.floor(seed / 2 ** 32);
    this.#index0 = index >>> 0;
    this.#index1 = Math.floor(index / 2 ** 32);
    this.#purpose = hashWord(purpose);
  }

  /** 32 uniformly random bits. */
  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#words, this.#block++, this.#index0, this.#index1, this.#purpose, this.#key0, this.#key1);
      this.#used = 0;
    }
    return this.#words[this.#used++]!;
  }

  /** A float64 uniform on [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A uniform integer in 0 … bound − 1, without bias. */
  integer(bound: number): number {
    // Rejecting the last incomplete run of length `bound` makes every residue equally likely.
    const limit = 4294967296 - (4294967296 % bound);
    let word = this.uint32();
    while (word >= limit) word = this.uint32();
    return word % bound;
  }

  /** A standard normal, one 32-bit word each: z = Φ⁻¹((word + ½) / 2³²), so |z| < 6.4. */
  normal(): number {
    return normalQuantile((this.uint32() + 0.5) / 4294967296);
  }

  /** Fills an array (or a part of one) with standard normals and returns it. */
  fillNormal<T extends Float32Array | Float64Array>(out: T, start = 0, end = out.length): T {
    // Words first, then numbers: two short loops are compiled better than one long one.
    const words = new Uint32Array(Math.min(end - start, 1024));
    for (let at = start; at < end; at += words.length) {
      const count = Math.min(words.length, end - at);
      this.#fillWords(words, count);
      for (let i = 0; i < count; i++) out[at + i] = normalQuantile((words[i]! + 0.5) / 4294967296);
    }
    return out;
  }

  /** The next `count` words: what is left of the last block, whole blocks, and the beginning of another. */
  #fillWords(out: Uint32Array, count: number): void {
    let i = 0;
    while (i < count && this.#used < 4) out[i++] = this.uint32();
    for (; i + 4 <= count; i += 4)
      philox4x32(out, this.#block++, this.#index0, this.#index1, this.#purpose, this.#key0, this.#key1, i);
    while (i < count) out[i++] = this.uint32();
  }

  /** A random permutation of 0 … length − 1 (Fisher–Yates). */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = order[i]!;
      order[i] = order[j]!;
      order[j] = kept;
    }
    return order;
  }
}
