import { describe, expect, test } from 'vitest';
import {
  cosineSchedule,
  linearSchedule,
  rescaleZeroTerminalSnr,
  scaledLinearSchedule,
  sigmoidAlphaBarSchedule,
  sigmoidSchedule,
} from './beta-schedules.ts';
import { edmSchedule } from './processes/edm.ts';
import { flowSchedule } from './processes/rectified-flow.ts';
import { scheduleFromBetas } from './schedule.ts';

/** Relative difference; the golden values carry nine digits. */
const off = (value: number, golden: number) => Math.abs(value / golden - 1);

describe('schedule', () => {
  // facts.md, appendix A.
  test.each([
    [0, 0.0001, 0.9999, 0.0100005],
    [1, 0.00011991992, 0.999780092, 0.01483092],
    [9, 0.000279279279, 0.998105205, 0.04357054],
    [99, 0.00207207207, 0.897018146, 0.3388283],
    [249, 0.00506006006, 0.524085374, 0.9529355],
    [499, 0.01004004, 0.0785872429, 3.424137],
    [749, 0.01502002, 0.00335055044, 17.24698],
    [999, 0.02, 4.03582977e-5, 157.4073],
  ])('the linear schedule at %d has the golden beta, alpha bar and noise level', (t, beta, alphaBar, level) => {
    const schedule = linearSchedule();
    expect(off(schedule.betas[t]!, beta)).toBeLessThan(1e-8);
    expect(off(schedule.alphaBar(t), alphaBar)).toBeLessThan(2e-9);
    expect(off(schedule.sigma(t) / schedule.alpha(t), level)).toBeLessThan(5e-7);
  });

  test.each([
    [0, 4.12842248e-5, 0.999958716],
    [99, 5.26904809e-4, 0.972092737],
    [249, 0.00132149664, 0.847012161],
    [499, 0.00314588623, 0.49384359],
    [749, 0.00754570774, 0.144272102],
    [999, 0.999, 2.42876691e-9],
  ])('the cosine schedule at %d has the golden beta and alpha bar', (t, beta, alphaBar) => {
    const schedule = cosineSchedule();
    expect(off(schedule.betas[t]!, beta)).toBeLessThan(5e-9);
    expect(off(schedule.alphaBar(t), alphaBar)).toBeLessThan(5e-9);
  });

  test('the cosine schedule of 1000 steps cuts exactly one beta and ends at noise level 20291.2', () => {
    const schedule = cosineSchedule();
    expect([...schedule.betas].filter((beta) => beta === 0.999)).toHaveLength(1);
    expect(schedule.sigma(999) / schedule.alpha(999)).toBeCloseTo(20291.2, 0);
  });

  // diffusers 0.42 (float32): DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012), (beta_schedule="sigmoid"),
  // (rescale_betas_zero_snr=True); the last from the formula.
  test.each([
    [
      'scaled linear',
      scaledLinearSchedule({ betaStart: 0.00085, betaEnd: 0.012 }),
      [0.99915, 0.8954625, 0.2776694, 0.004716696, 0.004660095],
    ],
    ['sigmoid', sigmoidSchedule(), [0.9998508, 0.9807495, 0.301931, 4.048962e-5, 3.968182e-5]],
    ['zero terminal SNR', rescaleZeroTerminalSnr(linearSchedule()), [0.9999, 0.8963782, 0.07602873, 4.213273e-9, 0]],
    ['sigmoid in alpha bar', sigmoidAlphaBarSchedule(), [0.99969972, 0.96050722, 0.5, 0.0003002792, 3.002792e-7]],
  ] as const)('the %s schedule has the golden alpha bars', (_, schedule, golden) => {
    for (const [i, t] of [0, 99, 499, 998, 999].entries()) {
      const expected = golden[i]!;
      // A product of a thousand float32 factors is good to 3e-5.
      if (expected === 0) expect(schedule.alphaBar(t)).toBe(0);
      else expect(off(schedule.alphaBar(t), expected), `t = ${t}`).toBeLessThan(3e-5);
    }
  });

  test('a schedule without signal at its end still has times and levels before it', () => {
    const schedule = rescaleZeroTerminalSnr(linearSchedule());
    expect([schedule.alpha(999), schedule.sigma(999), schedule.time(0, 1)]).toEqual([0, 1, 999]);
    expect(schedule.alpha(0)).toBeCloseTo(linearSchedule().alpha(0), 12);
    expect(schedule.time(schedule.alpha(998), schedule.sigma(998))).toBeCloseTo(998, 9);
  });

  test('between two steps the noise level is interpolated geometrically', () => {
    const schedule = linearSchedule();
    const level = (t: number) => schedule.sigma(t) / schedule.alpha(t);
    expect(level(10.25)).toBeCloseTo(level(10) ** 0.75 * level(11) ** 0.25, 12);
    expect(schedule.alpha(10.25) ** 2 + schedule.sigma(10.25) ** 2).toBeCloseTo(1, 14);
  });

  test('EDM and the rectified flow are what they say', () => {
    const edm = edmSchedule();
    expect([edm.alpha(3), edm.sigma(3), edm.time(0.5, 1.5), edm.last, edm.clean, edm.priorStd(80)]).toEqual([
      1, 3, 3, 80, 0, 80,
    ]);
    const flow = flowSchedule();
    expect([flow.alpha(0.25), flow.sigma(0.25), flow.time(0.75, 0.25), flow.time(0, 1), flow.last]).toEqual([
      0.75, 0.25, 0.25, 1, 1,
    ]);
    expect(() => flow.alpha(1.5)).toThrow('schedule: time must lie in 0 … 1, got 1.5');
    expect(() => edmSchedule({ sigmaMax: 0 })).toThrow('edmSchedule: sigmaMax must be a positive number, got 0');
  });

  test('before index 0 the image is clean', () => {
    const schedule = linearSchedule();
    expect([schedule.alphaBar(-1), schedule.alpha(-1), schedule.sigma(-1)]).toEqual([1, 1, 0]);
  });

  test.each([100, 250, 4000])('the linear schedule of %d steps ends near the alpha bar of 1000 steps', (T) => {
    // ln ᾱ_T = −Σβ − Σβ²/2 − …: the first sum is scaled to stay 10, the others are 0.07 at T = 1000 and go as 1000/T.
    const logEnd = (steps: number) => Math.log(linearSchedule({ T: steps }).alphaBar(steps - 1));
    expect(Math.abs(logEnd(T) - logEnd(1000))).toBeLessThan(0.08 * Math.abs(1000 / T - 1));
  });

  test('the time of a signal and noise scale inverts the schedule', () => {
    for (const schedule of [linearSchedule({ T: 100 }), cosineSchedule({ T: 100 })]) {
      for (const t of [0, 1, 37, 98, 99]) expect(schedule.time(schedule.alpha(t), schedule.sigma(t))).toBeCloseTo(t, 9);
      const between = schedule.time(
        1,
        Math.sqrt((schedule.sigma(40) / schedule.alpha(40)) * (schedule.sigma(41) / schedule.alpha(41))),
      );
      expect(between).toBeCloseTo(40.5, 9);
      expect(schedule.time(1, 0)).toBe(0);
      expect(schedule.time(0, 1)).toBe(99);
    }
  });

  test('what is outside a range is refused with its value', () => {
    expect(() => linearSchedule({ T: 0 })).toThrow('linearSchedule: T must be a positive integer, got 0');
    expect(() => linearSchedule({ T: 10 })).toThrow('linearSchedule: betaEnd must be below 1, got 2 (T is 10)');
    expect(() => cosineSchedule({ maxBeta: 1 })).toThrow('cosineSchedule: maxBeta must lie in (0, 1), got 1');
    expect(() => scheduleFromBetas(Float64Array.of(0.1, -0.2))).toThrow(
      'schedule: beta must lie in (0, 1), got -0.2 (at time 1 of 2)',
    );
    for (const t of [-2, -0.5, 999.5, 1000, NaN])
      expect(() => linearSchedule().alphaBar(t)).toThrow(`schedule: time must be -1 or lie in 0 … 999, got ${t}`);
  });
});
