/** The forward process, one step after the other, in pieces that leave the page alive. */
import { float32, RandomStream, type FloatArray } from '../../core/index.ts';
import { qStep, type Schedule } from '../../diffusion/index.ts';

/** States kept on the way: enough to look smooth, few enough for a phone. */
const mostKept = 100;
/** How long the page may wait for a piece, in milliseconds. */
const pieceMs = 12;

/** The states of an iterated forward process that are kept. */
export interface Iterated {
  /** The kept state next to time t, in the papers' counting: 0 is the clean image. */
  at(t: number): FloatArray;
  /** Up to which t it has come. */
  readonly reached: number;
}

/** Standard normals in the shape of an image. */
export function normalsLike({ shape, data }: FloatArray, random: RandomStream): FloatArray {
  return float32(shape, random.fillNormal(new Float32Array(data.length)));
}

/**
 * Walks from x_0 to x_T with fresh noise at every step (DDPM, eq. 2).
 *
 * @param onPiece  called after each piece
 */
export async function iterateForward(
  schedule: Schedule,
  x0: FloatArray,
  seed: number,
  signal: AbortSignal,
  onPiece: (iterated: Iterated) => void,
): Promise<void> {
  const every = Math.max(1, Math.ceil(schedule.T / mostKept));
  const kept = [x0];
  const random = new RandomStream(seed, 'iterated');
  let x = x0;
  let began = performance.now();
  for (let t = 1; t <= schedule.T; t++) {
    x = qStep(schedule, x, [t - 1], normalsLike(x, random));
    if (t % every === 0 || t === schedule.T) kept.push(x);
    if (t < schedule.T && performance.now() - began < pieceMs) continue;
    const reached = t;
    const states = [...kept];
    onPiece({
      reached,
      at: (time) => states[Math.min(states.length - 1, time >= schedule.T ? Infinity : Math.round(time / every))]!,
    });
    await new Promise((resolve) => {
      setTimeout(resolve);
    });
    if (signal.aborted) return;
    began = performance.now();
  }
}
