import { describe, expect, test } from 'vitest';
import { float32, type FloatArray } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import { linearSchedule } from '../beta-schedules.ts';
import { classConditions, classLabelsOf } from '../conditions.ts';
import type { Denoised, Denoiser } from '../denoiser.ts';
import { gaussianDenoiser } from '../exact/gaussian.ts';
import { posterior } from '../process.ts';
import { drainSampler } from '../samplers.ts';
import { ddim } from '../samplers/ddim.ts';
import { ddpm } from '../samplers/ddpm.ts';
import { timesteps } from '../timesteps.ts';
import { classifierFreeGuidance } from './classifier-free.ts';
import { classifierGuidance } from './classifier.ts';
import { clipping, dynamicThresholding } from './thresholding.ts';

const schedule = linearSchedule();
const t = [300, 600];
const xt = float32([2, 3], [-1, 0.1, 2, 0.4, 1.2, -0.7]);
const wide = gaussianDenoiser(schedule, { mean: 0, std: 1 });
const narrow = gaussianDenoiser(schedule, { mean: 0.5, std: 0.3 });
/** Class 1 is the narrow Gaussian, class 0, which stands for any, the wide one. */
const network: Denoiser = async (x, times, options) => ({
  ...(await (classLabelsOf(options.conditions)?.[0] === 1 ? narrow : wide)(x, times, options)),
  varianceFraction: float32(
    x.shape,
    x.data.map(() => classLabelsOf(options.conditions)?.[0] ?? 9),
  ),
});
const conditions = classConditions([1, 1]);
const nothing = classConditions([0]);

function consistent({ x0, eps }: Denoised, noisy: FloatArray = xt): void {
  noisy.data.forEach((x, i) => {
    const time = t[Math.floor(i / 3)]!;
    expect(schedule.alpha(time) * x0.data[i]! + schedule.sigma(time) * eps.data[i]!).toBeCloseTo(x, 5);
  });
}

describe('classifier-free guidance', () => {
  test('of scale 1 is the conditional denoiser and of 0 the unconditional one', async () => {
    const one = await classifierFreeGuidance(network, { schedule, scale: 1, nothing })(xt, t, { conditions });
    expect(one.eps.data).toEqual((await narrow(xt, t, {})).eps.data);
    const none = await classifierFreeGuidance(network, { schedule, scale: 0, nothing })(xt, t, { conditions });
    expect(none.x0.data).toEqual((await wide(xt, t, {})).x0.data);
  });

  test('goes from the one through the other, keeps x_t, and leaves the conditional variance', async () => {
    const guided = await classifierFreeGuidance(network, { schedule, scale: 3, nothing })(xt, t, { conditions });
    const [c, u] = [await narrow(xt, t, {}), await wide(xt, t, {})];
    guided.eps.data.forEach((x, i) => expect(x).toBeCloseTo(u.eps.data[i]! + 3 * (c.eps.data[i]! - u.eps.data[i]!), 5));
    consistent(guided);
    expect([...guided.varianceFraction!.data]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('rescaled, each sample has the spread of the conditional prediction', async () => {
    for (const predictionType of ['epsilon', 'v_prediction'] as const) {
      const guided = await classifierFreeGuidance(network, {
        schedule,
        scale: 4,
        nothing,
        rescale: 1,
        asked: predictionType,
      })(xt, t, { conditions });
      consistent(guided);
      if (predictionType !== 'epsilon') continue;
      const c = await narrow(xt, t, {});
      const spread = (values: FloatArray, b: number) => {
        const own = values.data.subarray(3 * b, 3 * b + 3);
        const mean = own.reduce((sum, x) => sum + x, 0) / 3;
        return Math.sqrt(own.reduce((sum, x) => sum + (x - mean) ** 2, 0));
      };
      for (const b of [0, 1]) expect(spread(guided.eps, b)).toBeCloseTo(spread(c.eps, b), 5);
    }
  });

  test('acts within its interval of noise levels, sample by sample, and asks once where it does not act', async () => {
    let calls = 0;
    const counting: Denoiser = (...args) => (calls++, network(...args));
    const level = schedule.sigma(300) / schedule.alpha(300);
    const low = classifierFreeGuidance(counting, { schedule, scale: 3, nothing, interval: [0, level] });
    const mixed = await low(xt, t, { conditions });
    const c = await narrow(xt, t, {});
    expect([...mixed.eps.data.subarray(3)]).toEqual([...c.eps.data.subarray(3)]);
    expect(mixed.eps.data[0]).not.toBe(c.eps.data[0]);
    expect(calls).toBe(2);
    await low(xt, [900, 900], { conditions });
    expect(calls).toBe(3);
  });

  test('refuses settings outside their range', () => {
    expect(() => classifierFreeGuidance(network, { schedule, scale: NaN, nothing })).toThrow(
      'guidanceScale: expected a number, got NaN',
    );
    expect(() => classifierFreeGuidance(network, { schedule, scale: 2, nothing, rescale: 1.5 })).toThrow(
      'guidanceRescale: expected a number from 0 to 1, got 1.5',
    );
    expect(() => classifierFreeGuidance(network, { schedule, scale: 2, nothing, interval: [3, 1] })).toThrow(
      'guidanceInterval: expected two rising noise levels, got 3 and 1',
    );
  });
});

describe('classifier guidance', () => {
  /** By Bayes, the gradient of log p(y | x_t) is the difference of the two scores −ε̂/σ. */
  const gradient = async (x: FloatArray, times: readonly number[]) => {
    const [c, u] = [await narrow(x, times, {}), await wide(x, times, {})];
    return float32(
      x.shape,
      x.data.map((_, i) => (u.eps.data[i]! - c.eps.data[i]!) / schedule.sigma(times[Math.floor(i / 3)]!)),
    );
  };

  test.each([1, 2.5])(
    'by an exact classifier with scale %d is classifier-free guidance of the same scale',
    async (scale) => {
      const one = await classifierGuidance(wide, schedule, gradient, scale)(xt, t, {});
      const other = await classifierFreeGuidance(network, { schedule, scale, nothing })(xt, t, { conditions });
      one.eps.data.forEach((x, i) => expect(x).toBeCloseTo(other.eps.data[i]!, 5));
      consistent(one);
    },
  );

  test('moves the mean of a step, and leaves a learned variance alone', async () => {
    const fraction = float32(xt.shape, [0, 0.2, 1, -0.1, 0.5, 1.1]);
    const learned: Denoiser = async (...asked) => ({ ...(await wide(...asked)), varianceFraction: fraction });
    const slope = float32(xt.shape, [1, -2, 0.5, 3, 0, -1]);
    const guided = classifierGuidance(learned, schedule, async () => slope, 2.5);
    expect((await guided(xt, t, {})).varianceFraction).toBe(fraction);
    // One step from t = 500 to 400: with the same noise, guided and not differ by the shift of the mean alone, however large Σ is.
    const step = async (denoise: Denoiser) => {
      const streams = [1, 2].map((index) => new RandomStream(0, 'step', index));
      for await (const { xt: next } of ddpm(denoise, xt, {
        schedule,
        timesteps: [500, 400],
        streams,
        varianceType: 'learned_range',
      }))
        return next;
      throw new Error('no step');
    };
    const [own, other] = [await step(learned), await step(guided)];
    const shift = posterior(schedule, 500, 400).x0 * 2.5 * (schedule.sigma(500) ** 2 / schedule.alpha(500));
    own.data.forEach((x, i) => expect(other.data[i]! - x).toBeCloseTo(shift * slope.data[i]!, 4));
    expect(Math.abs(shift)).toBeGreaterThan(0.1);
  });

  test('with scale 1 samples the class', async () => {
    const denoise = classifierGuidance(wide, schedule, gradient, 1);
    const options = {
      schedule,
      timesteps: timesteps(1000, 250),
      streams: [{ fillNormal: <A extends Float32Array | Float64Array>(out: A) => out }],
    };
    const end = await drainSampler(ddim(denoise, float32([1, 3], [-1, 0, 1]), options));
    const expected = await drainSampler(ddim(narrow, float32([1, 3], [-1, 0, 1]), options));
    end.data.forEach((x, i) => expect(x).toBeCloseTo(expected.data[i]!, 4));
  });
});

describe('thresholding', () => {
  const saturated: Denoiser = async (x, times) => {
    const x0 = [0.5, -4, 2, 0.1, 0.2, 0.9];
    return {
      x0: float32(x.shape, x0),
      eps: float32(
        x.shape,
        x0.map(
          (value, i) =>
            (x.data[i]! - schedule.alpha(times[Math.floor(i / 3)]!) * value) /
            schedule.sigma(times[Math.floor(i / 3)]!),
        ),
      ),
    };
  };

  test('dynamic: a sample is divided by its own quantile where that is above 1, and left alone where not', async () => {
    const out = await dynamicThresholding(saturated, schedule, { ratio: 0.75 })(xt, t, {});
    // |x̂_0| sorted is 0.5, 2, 4; three quarters of the way is 3.
    [0.5 / 3, -1, 2 / 3, 0.1, 0.2, 0.9].forEach((x, i) => expect(out.x0.data[i]!).toBeCloseTo(x, 6));
    consistent(out);
  });

  test('dynamic with a largest threshold of 1 is plain clipping', async () => {
    const a = await dynamicThresholding(saturated, schedule, { sampleMaxValue: 1 })(xt, t, {});
    const b = await clipping(saturated, schedule)(xt, t, {});
    expect(a).toEqual(b);
    [0.5, -1, 1, 0.1, 0.2, 0.9].forEach((x, i) => expect(b.x0.data[i]!).toBeCloseTo(x, 6));
    consistent(b);
  });

  test('refuses settings outside their range', () => {
    expect(() => dynamicThresholding(saturated, schedule, { ratio: 2 })).toThrow(
      'dynamicThresholding: ratio must lie in 0 … 1, got 2',
    );
    expect(() => dynamicThresholding(saturated, schedule, { sampleMaxValue: 0.5 })).toThrow(
      'dynamicThresholding: sampleMaxValue must be at least 1, got 0.5',
    );
    expect(() => clipping(saturated, schedule, 0)).toThrow('clipping: range must be positive, got 0');
  });
});
