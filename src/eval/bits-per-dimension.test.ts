import { describe, expect, test } from 'vitest';
import golden from '../../test/golden/variational-bound.json' with { type: 'json' };
import { float32, RandomStream } from '../core/index.ts';
import { gaussianDenoiser, linearSchedule, posterior } from '../diffusion/index.ts';
import { bitsPerDimension, likelihoodTerm } from './bits-per-dimension.ts';

const schedule = linearSchedule();

test('a term with a learned variance is that of torch.distributions', () => {
  const { shape, times } = golden;
  const size = golden.x0.length / times.length;
  const x0Hat = golden.x0.map((x, i) => {
    const t = times[Math.floor(i / size)]!;
    return x + (schedule.sigma(t) / schedule.alpha(t)) * (golden.eps[i]! - golden.epsHat[i]!);
  });
  // An error of float32 in x̂_0 at t = 0 is multiplied by √1/β̃: some thousands.
  const denoised = {
    x0: float32(shape, x0Hat),
    eps: float32(shape, golden.epsHat),
    varianceFraction: float32(
      shape,
      golden.v.map((v) => (v + 1) / 2),
    ),
  };
  times.forEach((t, b) => {
    const bits = likelihoodTerm(
      { schedule, varianceType: 'learned_range', seed: 0 },
      float32(shape, golden.x0),
      denoised,
      t,
      b,
    );
    expect(Math.abs(bits / golden.bits[b]! - 1), `t = ${t}`).toBeLessThan(2e-5);
  });
});

describe('the bound of Gaussian data with the exact denoiser', () => {
  const std = 0.5;
  const size = 64;
  function* gaussianImages(count: number) {
    for (let first = 0; first < count; first += 8) {
      const data = new Float32Array(8 * size);
      for (let b = 0; b < 8; b++)
        new RandomStream(1, 'gaussian picture', first + b).fillNormal(data.subarray(b * size, (b + 1) * size));
      yield {
        images: float32(
          [8, 1, 8, 8],
          data.map((z) => std * z),
        ),
        count: Math.min(8, count - first),
      };
    }
  }
  /** The errors of x̂_0 have the variance s²σ²/(α²s² + σ²) whatever x_t is, so every term's mean is known. */
  const rate = (varianceType: 'fixed_small' | 'fixed_large') =>
    Array.from({ length: schedule.T - 1 }, (_, i) => i + 1).reduce((sum, t) => {
      const { x0: scale, variance: small } = posterior(schedule, t, t - 1);
      const variance = varianceType === 'fixed_large' ? schedule.betas[t]! : small;
      const [a, s] = [schedule.alpha(t) ** 2 * std ** 2, schedule.sigma(t) ** 2];
      const error = (std ** 2 * s) / (a + s);
      return sum + 0.5 * (Math.log(variance / small) - 1 + small / variance + (scale ** 2 * error) / variance);
    }, 0) / Math.LN2;

  test.each([
    ['fixed_small', 999],
    ['fixed_large', 999],
    ['fixed_large', 40],
    ['fixed_small', 7],
  ] as const)('%s, %i times', async (varianceType, times) => {
    const found = await bitsPerDimension(
      gaussianDenoiser(schedule, { mean: 0, std }),
      gaussianImages(times === 999 ? 48 : 96),
      { schedule, varianceType, seed: 3, times },
    );
    const alphaBar = schedule.alphaBar(999);
    expect(found.prior).toBeCloseTo((0.5 * (-alphaBar - Math.log(1 - alphaBar) + alphaBar * std ** 2)) / Math.LN2, 6);
    expect(Math.abs(found.rate - rate(varianceType))).toBeLessThan(4 * found.standardError);
    // Tight enough to tell the two variances apart, whose rates are 0.66 bits apart.
    if (times === 999) expect(found.standardError * 8).toBeLessThan(rate('fixed_small') - rate('fixed_large'));
    expect(found.total).toBeCloseTo(found.prior + found.rate + found.distortion, 9);
    expect(found).toMatchObject({ count: times === 999 ? 48 : 96, times: times + 1 });
  });

  test('an image has the same bits in any batch', async () => {
    const denoise = gaussianDenoiser(schedule, { mean: 0, std });
    const options = { schedule, varianceType: 'fixed_small', seed: 3, times: 5 } as const;
    const { images } = gaussianImages(8).next().value!;
    const halves = [0, 4].map((from) => ({
      images: float32([4, 1, 8, 8], images.data.slice(from * size, (from + 4) * size)),
      count: 4,
    }));
    const whole = await bitsPerDimension(denoise, [{ images, count: 8 }], options);
    expect((await bitsPerDimension(denoise, halves, options)).total).toBeCloseTo(whole.total, 10);
  });
});

test('a learned variance needs a network that says it, and an error needs two images', async () => {
  const denoise = gaussianDenoiser(schedule, { mean: 0, std: 1 });
  const one = [{ images: float32([1, 1, 1, 1], [0.5]), count: 1 }];
  await expect(
    bitsPerDimension(denoise, one, { schedule, varianceType: 'learned_range', seed: 0, times: 2 }),
  ).rejects.toThrow('bitsPerDimension: the variance is learned, but the network has no channels for it');
  await expect(
    bitsPerDimension(denoise, one, { schedule, varianceType: 'fixed_small', seed: 0, times: 2 }),
  ).rejects.toThrow('bitsPerDimension: a standard error needs at least two images, got 1');
  await expect(
    bitsPerDimension(denoise, one, { schedule, varianceType: 'fixed_small', seed: 0, times: 0 }),
  ).rejects.toThrow('times must be a positive integer, got 0');
});
