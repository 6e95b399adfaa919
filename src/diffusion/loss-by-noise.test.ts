import { describe, expect, test } from 'vitest';
import { float32 } from '../core/dtype.ts';
import { RandomStream } from '../core/random.ts';
import { linearSchedule } from './beta-schedules.ts';
import { classConditions, classLabelsOf } from './conditions.ts';
import type { Denoiser } from './denoiser.ts';
import { gaussianDenoiser } from './exact/gaussian.ts';
import { datasetDenoiser } from './exact/mixture.ts';
import { gaussianIrreducibleLoss } from './training-noise.ts';
import { denoisingLossByNoise } from './loss-by-noise.ts';

const schedule = linearSchedule();
const times = [0, 100, 400, 999];
const silent: Denoiser = async (xt) => ({ x0: xt, eps: float32(xt.shape, new Float32Array(xt.data.length)) });

describe('the loss by noise', () => {
  // Four thousand images of eight pixels are N(0.3, ½²) as far as these losses tell.
  const gaussian = float32(
    [4000, 8],
    new RandomStream(1, 'data').fillNormal(new Float32Array(32_000)).map((z) => 0.3 + 0.5 * z),
  );

  test('of the exact denoiser of a Gaussian is the floor in closed form, within its standard error', async () => {
    const found = await denoisingLossByNoise(gaussianDenoiser(schedule, { mean: 0.3, std: 0.5 }), gaussian, schedule, {
      times,
      draws: 4000,
      seed: 2,
    });
    for (const { t, loss, standardError } of found) {
      const irreducibleLoss = gaussianIrreducibleLoss(schedule, t, 0.5);
      expect(Math.abs(loss - irreducibleLoss)).toBeLessThan(4 * standardError + 0.02 * irreducibleLoss);
      expect(standardError).toBeLessThan(0.02 * irreducibleLoss + 1e-12);
    }
  });

  test('of a network that says 0 is 1', async () => {
    for (const { loss, standardError } of await denoisingLossByNoise(silent, gaussian, schedule, {
      times,
      draws: 1000,
      seed: 2,
    }))
      expect(Math.abs(loss - 1)).toBeLessThan(4 * standardError);
  });

  test('of the exact denoiser of a data set is less than that of any other, on the same draws', async () => {
    const few = float32([5, 8], gaussian.data.slice(0, 40));
    const options = { times, draws: 200, seed: 3 };
    const irreducibleLoss = await denoisingLossByNoise(datasetDenoiser(schedule, few), few, schedule, options);
    for (const other of [silent, gaussianDenoiser(schedule, { mean: 0.3, std: 0.5 })]) {
      const losses = await denoisingLossByNoise(other, few, schedule, options);
      losses.forEach(({ loss }, i) => expect(loss).toBeGreaterThan(irreducibleLoss[i]!.loss));
    }
    // Where hardly any noise is, the nearest image is the image.
    expect(irreducibleLoss[0]!.loss).toBeLessThan(1e-6);
  });

  test('draws the same whatever is drawn next to it', async () => {
    const denoise = gaussianDenoiser(schedule, { mean: 0, std: 1 });
    const whole = await denoisingLossByNoise(denoise, gaussian, schedule, { times, draws: 50, batchSize: 50, seed: 4 });
    const alone = await denoisingLossByNoise(denoise, gaussian, schedule, {
      times: [400],
      draws: 50,
      batchSize: 7,
      seed: 4,
    });
    expect(alone[0]).toEqual(whole[2]);
  });

  test('conditions each image on its own, tells how far it is, and stops', async () => {
    const asked: number[] = [];
    const labelled: Denoiser = async (xt, t, { conditions }) => (
      asked.push(...classLabelsOf(conditions)!),
      silent(xt, t, {})
    );
    const progress: number[] = [];
    await denoisingLossByNoise(labelled, float32([3, 1], [0, 1, 2]), schedule, {
      times: [5],
      draws: 40,
      seed: 1,
      conditions: (places) => classConditions(places.map((place) => place + 10)),
      onProgress: (done) => progress.push(done),
    });
    expect(asked).toHaveLength(40);
    expect(new Set(asked)).toEqual(new Set([10, 11, 12]));
    expect(progress).toEqual([16, 32, 40]);
    const reason = new Error('stop');
    await expect(
      denoisingLossByNoise(silent, gaussian, schedule, { times, seed: 1, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });

  test('refuses what has no mean', async () => {
    await expect(denoisingLossByNoise(silent, float32([0, 4], []), schedule, { times, seed: 1 })).rejects.toThrow(
      'denoisingLossByNoise: there are no images',
    );
    await expect(denoisingLossByNoise(silent, gaussian, schedule, { times, draws: 1, seed: 1 })).rejects.toThrow(
      'an integer of 2 or more draws, got 1',
    );
  });
});
