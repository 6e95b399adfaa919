/**
 * Random numbers inside a graph, the same bits on every engine.
 *
 * Everything is whole numbers carried in float32 and kept below 2²⁴, where sums, products and floors are exact in any
 * order of summation, so nothing depends on how an engine fuses or splits the work.
 */
import { describeType, float32, sizeOf, type FloatArray, type Shape } from '../dtype.ts';
import { RandomStream } from '../random.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';

/** Positions are laid out in rows of so many columns. */
export const uniformColumns = 512;
/** Words of a row and of a column; their inner product is the random number. */
export const uniformWords = 12;
/** Numbers in a key, one for each round of the cipher that makes the words. */
export const randomKeyWords = 6;
/** Blocks of the cipher are two halves of 12 bits: a square of 12 bits is exact in float32. */
const half = 4096;
/** Each block makes two words. */
const blocksPerLine = uniformWords / 2;
/** Counters are exact in float32. */
const maxRows = Math.floor(2 ** 24 / blocksPerLine) - uniformColumns;

function keyOf(stream: RandomStream): FloatArray {
  return float32(
    [randomKeyWords],
    Float32Array.from({ length: randomKeyWords }, () => (stream.uint32() >>> 20) / half),
  );
}

/**
 * The key of `uniform` for one step of a run: six multiples of 2⁻¹² in [0, 1), from the stream of (seed, step).
 *
 * @param step  the number of the batch, so that batches of one update differ
 */
export function randomKey(seed: number, step: number): FloatArray {
  return keyOf(new RandomStream(seed, 'random key', step));
}

/** What a site adds to the key, so that no two sites draw the same numbers. */
export function siteKey(site: string): FloatArray {
  return keyOf(new RandomStream(0, `random site ${site}`));
}

const frac = (x: number) => x - Math.floor(x);

/**
 * A Feistel cipher of 24 bits in two halves (l, r), multiples of 2⁻¹² in [0, 1):
 *
 *     (l, r) ← (r, frac(l + ⌊2¹⁸ frac(r + kᵢ)²⌋ 2⁻¹²)),   i = 1 … 6
 */
function encipher(counter: number, key: ArrayLike<number>): readonly [number, number] {
  let l = Math.floor(counter / half) / half;
  let r = frac(counter / half);
  for (let i = 0; i < randomKeyWords; i++) {
    const mixed = Math.floor(frac(r + key[i]!) ** 2 * 2 ** 18) / half;
    [l, r] = [r, frac(l + mixed)];
  }
  return [l, r];
}

/** 11 bits of a half as a signed whole number times 2⁻⁸, in [−4, 4). */
const toWord = (x: number) => Math.floor(x * 2048) / 256 - 4;

export const uniformOp = defineOp<'uniform', { shape: Shape; site: string }>({
  name: 'uniform',
  infer([key], { shape }) {
    if (key!.dtype !== 'f32' || key!.shape.length !== 1 || key!.shape[0] !== randomKeyWords)
      throw new Error(`uniform: the key must be f32[${randomKeyWords}] (see randomKey), got ${describeType(key!)}`);
    if (sizeOf(shape) > maxRows * uniformColumns)
      throw new Error(`uniform: [${shape.join(', ')}] has more than ${maxRows * uniformColumns} values`);
    return [{ shape, dtype: 'f32' }];
  },
  evaluate([key], { site }, [out]) {
    const own = siteKey(site).data.map((k, i) => frac(k + key!.data[i]!));
    const line = (index: number) => {
      const blocks = Array.from({ length: blocksPerLine }, (_, k) => encipher(index * blocksPerLine + k, own));
      return [...blocks.map(([l]) => toWord(l)), ...blocks.map(([, r]) => toWord(r))];
    };
    // Columns come first, so that a number does not depend on how many rows there are.
    const columns = Array.from({ length: uniformColumns }, (_, j) => line(j));
    const values = new Float64Array(sizeOf(out!.shape));
    for (let i = 0; i < values.length; i += uniformColumns) {
      const row = line(uniformColumns + i / uniformColumns);
      for (let j = 0; j < uniformColumns && i + j < values.length; j++) {
        values[i + j] = frac(columns[j]!.reduce((total, word, k) => total + word * row[k]!, 0));
      }
    }
    return [values];
  },
  vjp: () => [],
});

/**
 * Uniform random numbers, multiples of 2⁻¹⁶ in [0, 1): a function of the key, the site and the position alone.
 *
 *     u[512 i + j] = frac(2⁻¹⁶ Σ_k a_ik b_jk)
 *
 * with twelve words of 11 bits for each row and each column, made from the key by a cipher: an inner product is a
 * universal hash, so numbers at different positions are independent where the words are.
 *
 * @param key   [6] of `randomKey`: an input of the program, because it changes from step to step
 * @param site  names the place that draws; different sites draw independent numbers
 * @returns     `shape`; carries no gradient
 * @throws      if the key has another type
 * @see Carter & Wegman 1979, "Universal classes of hash functions"; Luby & Rackoff 1988 for the rounds of the cipher
 */
export function uniform(key: Tensor, site: string, shape: Shape): Tensor {
  return apply(uniformOp, [key], { shape, site });
}
