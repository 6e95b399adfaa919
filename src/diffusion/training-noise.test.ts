import { describe, expect, test } from 'vitest';
import { RandomStream } from '../core/random.ts';
import { gaussianDenoiser } from './exact/gaussian.ts';
import { drawTrainingNoise, gaussianIrreducibleLoss } from './training-noise.ts';
import { qSample } from './process.ts';
import { linearSchedule } from './beta-schedules.ts';
import { float32 } from '../core/dtype.ts';

const schedule = linearSchedule();
const stream = (step: number) => new RandomStream(1, 'training', step);
const meanSquare = (values: Float32Array) => values.reduce((sum, v) => sum + v * v, 0) / values.length;

describe('algorithm 1', () => {
  test('a network that outputs 0 has a loss of 1', () => {
    const { noise } = drawTrainingNoise(schedule, [16, 1, 32, 32], stream(0));
    // Standard error of a mean of n squared normals: √(2/n); four of them.
    expect(Math.abs(meanSquare(noise.data) - 1)).toBeLessThan(4 * Math.sqrt(2 / noise.data.length));
  });

  test('the scales are those of the drawn times', () => {
    const { t, signalScale, noiseScale } = drawTrainingNoise(schedule, [8, 3], stream(0));
    t.forEach((time, b) => {
      expect(signalScale.data[b]).toBe(Math.fround(schedule.alpha(time)));
      expect(noiseScale.data[b]).toBe(Math.fround(schedule.sigma(time)));
    });
    expect([signalScale.shape, noiseScale.shape]).toEqual([[8], [8]]);
  });

  test('times are uniform over the whole schedule', () => {
    const counts = new Uint32Array(10);
    const draws = 20_000;
    for (const time of drawTrainingNoise(linearSchedule({ T: 100 }), [draws, 0], stream(0)).t)
      counts[Math.floor(time / 10)]!++;
    // A bin of probability 1/10 holds 2000 with deviation √(n p (1 − p)) = 42; four of them.
    for (const count of counts) expect(Math.abs(count - draws / 10)).toBeLessThan(4 * Math.sqrt(draws * 0.09));
    expect(new Set(drawTrainingNoise(linearSchedule({ T: 50 }), [2000, 0], stream(0)).t).size).toBe(50);
  });

  test('a training step draws the same numbers again, another step others', () => {
    const shape = [4, 2];
    expect(drawTrainingNoise(schedule, shape, stream(7))).toEqual(drawTrainingNoise(schedule, shape, stream(7)));
    expect(drawTrainingNoise(schedule, shape, stream(7))).not.toEqual(drawTrainingNoise(schedule, shape, stream(8)));
  });

  test('a shape without a batch axis is refused', () => {
    expect(() => drawTrainingNoise(schedule, [], stream(0))).toThrow('drawTrainingNoise: the shape has no batch axis');
  });
});

describe('floor of the eps loss on Gaussian data', () => {
  test.each([10, 250, 600])('the exact denoiser reaches it at time %d', async (t) => {
    const n = 20_000;
    const [mean, std] = [0.2, 0.5];
    const normals = (index: number) =>
      float32([1, n], new RandomStream(2, 'floor', index).fillNormal(new Float32Array(n)));
    const x0 = normals(0);
    x0.data.forEach((z, i) => {
      x0.data[i] = mean + std * z;
    });
    const noise = normals(1);
    const { eps } = await gaussianDenoiser(schedule, { mean, std })(qSample(schedule, x0, [t], noise), [t], {});
    const loss = meanSquare(noise.data.map((e, i) => e - eps.data[i]!));
    const floor = gaussianIrreducibleLoss(schedule, t, std);
    expect(Math.abs(loss / floor - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  });

  test('nothing can be learned about the noise of an image without noise, and all of it where only noise is left', () => {
    expect(gaussianIrreducibleLoss(schedule, -1, 0.5)).toBe(1);
    expect(gaussianIrreducibleLoss(schedule, 999, 0.5)).toBeLessThan(2e-5);
  });
});
