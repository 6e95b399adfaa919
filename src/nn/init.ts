import { sizeOf, type RandomStream, type Shape } from '../core/index.ts';

/** Draws the initial values of a parameter. */
export type Initializer = (shape: Shape, random: RandomStream) => Float32Array;

/** All zeros. */
export const zeros: Initializer = (shape) => new Float32Array(sizeOf(shape));
/** All ones. */
export const ones: Initializer = (shape) => new Float32Array(sizeOf(shape)).fill(1);

/** All one number. */
export function filled(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** N(0, std²). */
export function normal(std: number): Initializer {
  return (shape, random) => random.fillNormal(new Float32Array(sizeOf(shape))).map((z) => z * std);
}

/**
 * Uniform with variance scale / mean(fan in, fan out), the initialization of DDPM's network.
 *
 * @param scale  1 for ordinary layers; DDPM's "zero" layers use 1e-10
 * @see Ho et al. 2020, released code (`default_init`); Glorot & Bengio 2010, eq. 16
 */
export function uniformFanAvg(scale = 1): Initializer {
  return (shape, random) => {
    const receptive = sizeOf(shape.slice(2));
    const fanAverage = ((shape[0]! + shape[1]!) / 2) * receptive;
    const bound = Math.sqrt((3 * scale) / fanAverage);
    return Float32Array.from({ length: sizeOf(shape) }, () => (2 * random.uniform() - 1) * bound);
  };
}
