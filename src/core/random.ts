/**
 * Counter-based random numbers: a value is a pure function of (seed, purpose, index, position),
 * so nothing has to be saved to resume, and streams never depend on the order in which they are drawn.
 *
 * Every operation is a 32-bit integer operation or one of + − × ÷ √ on float64, all of which IEEE 754 and
 * ECMAScript define exactly: the same numbers come out of every engine on every machine.
 */

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** High 32 bits of a 32 × 32-bit product; every partial product stays below 2^53 and is therefore exact. */
function multiplyHigh(a: number, b: number): number {
  const upper = (a >>> 16) * b + Math.floor(((a & 0xffff) * b) / 65536);
  return Math.floor(upper / 65536) >>> 0;
}

/**
 * Four 32-bit words from a 128-bit counter and a 64-bit key, written to `out`.
 *
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox4x32-10)
 */
export function philox4x32(out: Uint32Array, c0: number, c1: number, c2: number, c3: number, key0: number, key1: number): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ key0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ key1) >>> 0;
    c3 = low0;
    key0 = (key0 + weyl0) >>> 0;
    key1 = (key1 + weyl1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * The standard normal quantile function Φ⁻¹(p), relative error about 1e-16.
 *
 * @param p  a probability in (0, 1)
 * @see Wichura 1988, "Algorithm AS 241: The percentage points of the normal distribution" (PPND16)
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (q <= 0.425 && q >= -0.425) {
    const r = 0.180625 - q * q;
    const numerator = ((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
      + 45921.953931549871457) * r + 13731.693765509461125) * r + 1971.5909503065514427) * r + 133.14166789178437745) * r
      + 3.387132872796366608;
    const denominator = ((((((5226.495278852854561 * r + 28729.085735721942674) * r + 39307.89580009271061) * r
      + 21213.794301586595867) * r + 5394.1960214247511077) * r + 687.1870074920579083) * r + 42.313330701600911252) * r + 1;
    return (q * numerator) / denominator;
  }
  const tail = Math.sqrt(-exactLog(q < 0 ? p : 1 - p));
  let numerator: number;
  let denominator: number;
  if (tail <= 5) {
    const r = tail - 1.6;
    numerator = ((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
      + 1.27045825245236838258) * r + 3.64784832476320460504) * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r
      + 1.42343711074968357734;
    denominator = ((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r
      + 0.14810397642748007459) * r + 0.68976733498510000455) * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1;
  } else {
    const r = tail - 5;
    numerator = ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r
      + 0.026532189526576123093) * r + 0.29656057182850489123) * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r
      + 6.6579046435011037772;
    denominator = ((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r
      + 7.868691311456132591e-4) * r + 0.0148753612908506148525) * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1;
  }
  const z = numerator / denominator;
  return q < 0 ? -z : z;
}

/**
 * Natural logarithm from + − × ÷ alone, because `Math.log` may differ by an ulp between engines.
 * ln x = e ln 2 + 2 artanh((m − 1)/(m + 1)) with x = m · 2^e, m in [√½, √2): the series needs eleven terms.
 */
export function exactLog(x: number): number {
  let exponent = 0;
  let mantissa = x;
  while (mantissa < 0.7071067811865476) { mantissa *= 2; exponent--; }
  while (mantissa >= 1.4142135623730951) { mantissa /= 2; exponent++; }
  const s = (mantissa - 1) / (mantissa + 1);
  const s2 = s * s;
  let series = 0;
  for (let k = 23; k >= 1; k -= 2) series = series * s2 + 1 / k;
  return exponent * 0.6931471805599453 + 2 * s * series;
}

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
 * Samplers give every picture its own stream, `new RandomStream(seed, 'sample', i)`, so that picture i
 * is the same however many are drawn beside it.
 *
 * @throws if seed or index is not an integer in 0 … 2^53 − 1
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
    if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`seed: expected an integer from 0 to 2^53 − 1, got ${seed}`);
    if (!Number.isSafeInteger(index) || index < 0) throw new Error(`random stream index: expected an integer from 0 to 2^53 − 1, got ${index}`);
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
    for (let i = start; i < end; i++) out[i] = this.normal();
    return out;
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
