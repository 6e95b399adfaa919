import { expect, test } from 'vitest';
import { float32, type FloatArray } from '../core/index.ts';
import { Reel } from './reel.ts';

/** Gray images of one value. */
const gray = (count: number, side: number, value: number): FloatArray =>
  float32([count, 1, side, side], new Float32Array(count * side * side).fill(value));
const state = (step: number, steps: number, count: number, side: number) => ({
  places: Array.from({ length: count }, (_, i) => i),
  step,
  t: steps - step - 2,
  xt: gray(count, side, step / steps),
  preview: gray(count, side, -1),
});

test('a reel gives the noise before the first step, then the state after each', () => {
  const reel = new Reel(gray(2, 4, -1), 3);
  expect(reel.furthest).toBe(0);
  for (let step = 0; step < 3; step++) reel.add(state(step, 3, 2, 4));
  expect(reel.furthest).toBe(3);
  expect([reel.xt(1, 0)[0], reel.x0(1, 0)]).toEqual([0, undefined]);
  // 127.5 · (1 + step / 3), rounded.
  expect([1, 2, 3].map((step) => reel.xt(1, step)[0])).toEqual([128, 170, 213]);
  expect(Array.from(reel.x0(0, 2)!.subarray(0, 4))).toEqual([0, 0, 0, 255]);
  expect(reel.frame(0, 3)?.t).toBe(-1);
});

test('a long reel of large images leaves steps out, never the newest', () => {
  const [count, side, steps] = [4, 128, 4000];
  const reel = new Reel(gray(count, side, 0), steps);
  for (let step = 0; step < 60; step++) {
    reel.add(state(step, steps, count, side));
    expect(reel.frame(0, steps)!.step).toBe(step + 1);
  }
  const kept = new Set(Array.from({ length: 60 }, (_, i) => reel.frame(0, i + 1)));
  // Twice 4 images of 128 × 128 with 4 bytes a pixel are 0.5 MB a step: one in fourteen of 4000 fits 160 MB.
  expect(kept.size).toBeLessThanOrEqual(6);
});
