import { describeType, float32, type FloatArray, sameShape, type Shape, sizeOf } from '../core/dtype.ts';

/** A stream of standard normals: a `RandomStream`, or noise recorded earlier. */
export interface NoiseStream {
  fillNormal<A extends Float32Array | Float64Array>(out: A, start?: number, end?: number): A;
}

/**
 * The number of values of one sample of a batch [B, ...].
 *
 * @throws unless the first axis has `count` entries
 */
export function sampleSize(name: string, batch: FloatArray, count: number, what: string): number {
  if (batch.shape.length === 0 || batch.shape[0] !== count) {
    throw new Error(
      `${name}: ${count} ${what} for a batch of ${batch.shape[0] ?? 'no'} samples (x is ${describeType(batch)})`,
    );
  }
  return count === 0 ? 0 : batch.data.length / count;
}

/** @throws unless both arrays have one shape */
export function checkSameShape(name: string, what: string, array: FloatArray, like: FloatArray): void {
  if (!sameShape(array.shape, like.shape))
    throw new Error(`${name}: ${what} is ${describeType(array)}, expected ${describeType(like)}`);
}

/**
 * a_b x_b + c_b y_b for each sample b of two batches, in float64 and rounded once.
 *
 * @param x  [B, ...]
 * @param y  [B, ...] the shape of x
 * @param coefficients  [B] the pairs (a_b, c_b)
 */
export function combine(
  name: string,
  x: FloatArray,
  y: FloatArray,
  coefficients: readonly (readonly [number, number])[],
): FloatArray {
  const size = sampleSize(name, x, coefficients.length, 'times');
  checkSameShape(name, 'the second array', y, x);
  const out = new Float32Array(x.data.length);
  for (const [b, [a, c]] of coefficients.entries()) {
    for (let i = b * size; i < (b + 1) * size; i++) out[i] = a * x.data[i]! + c * y.data[i]!;
  }
  return float32(x.shape, out);
}

/** A factor and the values it stands before. */
export type Term = readonly [factor: number, values: Float32Array];

/**
 * c₁x₁ + … + c₄x₄, value by value, in float64 and rounded once: what a sampler makes its next state of.
 *
 * @param shape  of the sum and of everything in it; the sum is a new array
 * @throws if the values of a term do not fill the shape, which only a denoiser's can fail to do
 */
export function weightedSum(
  shape: Shape,
  first: Term,
  second: Term,
  third: Term = [0, first[1]],
  fourth: Term = [0, first[1]],
): FloatArray {
  const size = sizeOf(shape);
  for (const [, values] of [first, second, third, fourth])
    if (values.length !== size)
      throw new Error(
        `denoiser: it gave ${values.length} values for x_t of [${shape.join(', ')}]; x0 and eps have the shape of x_t`,
      );
  return float32(shape, sumOfFour(new Float32Array(size), first, second, third, fourth));
}

// One loop for all sums, over nothing but typed arrays: a callback for each value takes ten times as long as its arithmetic.
function sumOfFour(out: Float32Array, [a, x]: Term, [b, y]: Term, [c, z]: Term, [d, w]: Term): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = a * x[i]! + b * y[i]! + c * z[i]! + d * w[i]!;
  return out;
}

/**
 * Refills z with standard normals, sample b from stream b, so that what a sample receives does not depend on the batch around it.
 *
 * @param z  [B, ...] flat
 */
export function drawNoise(z: Float32Array, streams: readonly NoiseStream[]): Float32Array {
  const size = z.length / streams.length;
  for (const [b, stream] of streams.entries()) stream.fillNormal(z, b * size, (b + 1) * size);
  return z;
}
