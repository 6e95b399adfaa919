/** The forward process, one step after the other, on a worker. */
import type { FloatArray } from '../../core/index.ts';
import type { Schedule } from '../../diffusion/index.ts';
import type { WalkRequest } from './walk-worker.ts';

/** States kept on the way: enough to look smooth, few enough for a phone. */
const mostKept = 100;

/** The states of an iterated forward process that are kept. */
export interface Iterated {
  /** The kept state next to time t, in the papers' counting: 0 is the clean image. Of times to come, the newest. */
  at(t: number): FloatArray;
}

/**
 * Walks from x_0 to x_T with fresh noise at every step (DDPM, eq. 2), until the signal.
 *
 * @param onStates   called whenever there are more
 * @param onProblem  called with why the worker has not started, or has failed
 */
export function iterateForward(
  schedule: Schedule,
  x0: FloatArray,
  seed: number,
  signal: AbortSignal,
  onStates: (iterated: Iterated) => void,
  onProblem: (error: Error) => void,
): void {
  const every = Math.max(1, Math.ceil(schedule.T / mostKept));
  const worker = new Worker(new URL('./walk-worker.ts', import.meta.url), { type: 'module' });
  signal.addEventListener('abort', () => worker.terminate(), { once: true });
  const kept = [x0];
  worker.addEventListener('message', ({ data }: MessageEvent<readonly FloatArray[]>) => {
    kept.push(...data);
    const states = [...kept];
    onStates({
      at: (time) => states[Math.min(states.length - 1, time >= schedule.T ? Infinity : Math.round(time / every))]!,
    });
    if (states.length > Math.ceil(schedule.T / every)) worker.terminate();
  });
  worker.addEventListener('error', ({ message }) => onProblem(new Error(message || 'the worker has not started')));
  worker.postMessage({ betas: schedule.betas, x0, seed, every } satisfies WalkRequest);
}
