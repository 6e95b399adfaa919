import { describe, expect, test } from 'vitest';
import { float32, type FloatArray } from '../core/dtype.ts';
import { classConditions } from './conditions.ts';
import { fromPrediction } from './denoiser.ts';
import { gaussianDenoiser } from './exact/gaussian.ts';
import type { PredictionType } from './parameterization.ts';
import { qSample } from './process.ts';
import { linearSchedule } from './beta-schedules.ts';

const schedule = linearSchedule();
const x0 = float32([2, 2], [0.5, -0.25, 1, 0]);
const noise = float32([2, 2], [1, -0.5, 0.25, 2]);
const t = [200, 400];
const xt = qSample(schedule, x0, t, noise);

/** float32 inputs amplified by σ/α ≤ 2 at these times. */
const close = (a: FloatArray, b: FloatArray) => a.data.forEach((v, i) => expect(v).toBeCloseTo(b.data[i]!, 6));

describe('denoiser of a prediction', () => {
  test('the true noise gives back the clean image, each sample at its own time', async () => {
    const denoised = await fromPrediction(async () => noise, schedule, 'epsilon')(xt, t, {});
    close(denoised.x0, x0);
    expect(denoised.eps).toEqual(noise);
  });

  test('clipping holds x_0 to the range and by default derives eps from it again', async () => {
    const clipped = await fromPrediction(async () => noise, schedule, 'epsilon', { clip: 0.4 })(xt, t, {});
    close(clipped.x0, float32([2, 2], [0.4, -0.25, 0.4, 0]));
    close(qSample(schedule, clipped.x0, t, clipped.eps), xt);
    expect(clipped.eps.data[1]).toBe(noise.data[1]);
  });

  test("on request the network's own eps is kept, as diffusers does", async () => {
    const clipped = await fromPrediction(async () => noise, schedule, 'epsilon', { clip: 0.4, rederiveEps: false })(
      xt,
      t,
      {},
    );
    close(clipped.x0, float32([2, 2], [0.4, -0.25, 0.4, 0]));
    expect(clipped.eps).toEqual(noise);
  });

  test('a network that diverged stays visible', async () => {
    const denoised = await fromPrediction(async () => float32([1], [NaN]), schedule, 'epsilon', { clip: 1 })(
      float32([1], [0]),
      [5],
      {},
    );
    expect(denoised.x0.data[0]).toBeNaN();
  });

  test('the network is conditioned on the times, the conditioning and the signal', async () => {
    const conditions = classConditions([3, 4]);
    const { signal } = new AbortController();
    let told: unknown[] = [];
    await fromPrediction(
      async (...given) => {
        told = given;
        return noise;
      },
      schedule,
      'epsilon',
    )(xt, t, { conditions, signal });
    expect(told).toEqual([xt, t, conditions, signal]);
  });

  test('wrong outputs, types and ranges are refused', async () => {
    await expect(fromPrediction(async () => float32([2, 4]), schedule, 'epsilon')(xt, t, {})).rejects.toThrow(
      'fromPrediction: the prediction is f32[2, 4], expected f32[2, 2]',
    );
    await expect(fromPrediction(async () => noise, schedule, 'epsilon')(xt, [1], {})).rejects.toThrow(
      'fromPrediction: 1 times for a batch of 2 samples',
    );
    expect(() => fromPrediction(async () => noise, schedule, 'flow' as PredictionType)).toThrow(
      'unknown predictionType "flow"; one of epsilon',
    );
    expect(() => fromPrediction(async () => noise, schedule, 'epsilon', { clip: -1 })).toThrow(
      'fromPrediction: clip must be positive, got -1',
    );
  });
});

describe('denoiser of a Gaussian', () => {
  test('its two estimates make up x_t', async () => {
    const denoised = await gaussianDenoiser(schedule, { mean: 0.3, std: 0.5 })(xt, t, {});
    close(qSample(schedule, denoised.x0, t, denoised.eps), xt);
  });

  test('it is the posterior mean found by integrating over x_0', async () => {
    const data = { mean: 0.3, std: 0.5 };
    const time = 300;
    const [alpha, sigma] = [schedule.alpha(time), schedule.sigma(time)];
    const x = 0.9;
    let mass = 0;
    let moment = 0;
    // Both densities are smooth and vanish at the ends, where the trapezoid rule is exact to rounding.
    for (let i = -4000; i <= 4000; i++) {
      const clean = data.mean + i * 0.001;
      const weight = Math.exp(-0.5 * ((clean - data.mean) / data.std) ** 2 - 0.5 * ((x - alpha * clean) / sigma) ** 2);
      mass += weight;
      moment += weight * clean;
    }
    const denoised = await gaussianDenoiser(schedule, data)(float32([1], [x]), [time], {});
    expect(denoised.x0.data[0]).toBeCloseTo(moment / mass, 6);
  });

  test('data that is one point is known whatever is seen', async () => {
    const denoised = await gaussianDenoiser(schedule, { mean: 0.25, std: 0 })(xt, t, {});
    expect([...denoised.x0.data]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });
});
