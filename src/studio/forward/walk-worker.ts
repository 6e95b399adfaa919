/** The worker that walks: a thousand steps would keep the page from answering. */
import type { FloatArray } from '../../core/index.ts';
import { scheduleFromBetas } from '../../diffusion/index.ts';
import { walkForward } from './walk.ts';

/** What the page asks. */
export interface WalkRequest {
  readonly betas: Float64Array;
  readonly x0: FloatArray;
  readonly seed: number;
  readonly every: number;
}

/** How long states are gathered before they are sent, in milliseconds: each message has the page draw anew. */
const gatherMs = 40;

addEventListener('message', ({ data }: MessageEvent<WalkRequest>) => {
  const { betas, x0, seed, every } = data;
  let states: FloatArray[] = [];
  let began = performance.now();
  for (const state of walkForward(scheduleFromBetas(betas), x0, seed, every)) {
    states.push(state);
    if (performance.now() - began < gatherMs) continue;
    postMessage(states);
    states = [];
    began = performance.now();
  }
  postMessage(states);
});
