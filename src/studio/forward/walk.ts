/** The forward process, one step after the other: what the worker computes. */
import { RandomStream, type FloatArray } from '../../core/index.ts';
import { qStep, type Schedule } from '../../diffusion/index.ts';
import { normalsLike } from './normals-like.ts';

/**
 * Walks from x_0 to x_T with fresh noise at every step (DDPM, eq. 2).
 *
 * @param every  how many steps lie between two states that are given out; the last is given out in any case
 */
export function* walkForward(
  schedule: Schedule,
  x0: FloatArray,
  seed: number,
  every: number,
): Generator<FloatArray, void, undefined> {
  const random = new RandomStream(seed, 'iterated');
  let x = x0;
  for (let t = 1; t <= schedule.T; t++) {
    x = qStep(schedule, x, [t - 1], normalsLike(x, random));
    if (t % every === 0 || t === schedule.T) yield x;
  }
}
