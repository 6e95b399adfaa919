import { describe, expect, test } from 'vitest';
import { float32, type FloatArray } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import { cosineSchedule, linearSchedule } from '../beta-schedules.ts';
import { gaussianDenoiser } from '../exact/gaussian.ts';
import { datasetDenoiser } from '../exact/mixture.ts';
import { edmSchedule } from '../processes/edm.ts';
import { flowSchedule } from '../processes/rectified-flow.ts';
import { qSample } from '../process.ts';
import { drainSampler, initialNoise, type SamplerName, samplers, samplerTimesteps } from '../samplers.ts';
import { ddim } from '../samplers/ddim.ts';
import { ddimInversion } from '../samplers/ddim-inversion.ts';
import { heun } from '../samplers/heun.ts';
import type { SamplerState } from '../samplers/sampler.ts';
import { timesteps } from '../timesteps.ts';
import { imageToImage, timesFromStrength } from './image-to-image.ts';
import { repaint, repaintPath } from './repaint.ts';
import { slerp } from './slerp.ts';

const schedule = linearSchedule();
const streamsOf = (count: number, seed = 3) =>
  Array.from({ length: count }, (_, i) => new RandomStream(seed, 'sample', i));
const times = timesteps(schedule.T, 50);
const row = ({ data }: FloatArray, b: number, size: number) => [...data.subarray(b * size, (b + 1) * size)];

/** Three images [1, 2, 3], of which the last two have the same left column. */
const images = float32([3, 1, 2, 3], [1, -1, 0.5, 1, 0.5, -1, -1, 1, 1, -1, -0.5, 0, -1, -0.5, -1, -1, 1, -1]);
const denoise = datasetDenoiser(schedule, images);
const nearest = (x: readonly number[]) => {
  const distances = [0, 1, 2].map((k) => Math.hypot(...row(images, k, 6).map((v, i) => v - x[i]!)));
  const distance = Math.min(...distances);
  return { index: distances.indexOf(distance), distance };
};

describe('image to image', () => {
  const x0 = float32([2, 1, 2, 3], [...row(images, 0, 6), ...row(images, 2, 6)]);

  test('at strength 0 returns the image, and asks nobody', async () => {
    const states: SamplerState[] = [];
    for await (const state of imageToImage(ddim, () => Promise.reject(new Error('asked')), x0, {
      schedule,
      timesteps: times,
      streams: streamsOf(2),
      strength: 0,
    }))
      states.push(state);
    expect(states).toEqual([{ step: 0, t: -1, xt: x0, x0 }]);
  });

  test.each(Object.keys(samplers) as SamplerName[])('at strength 1 is a plain sample of %s', async (name) => {
    const definition = samplers[name];
    const list = samplerTimesteps(definition, schedule, { steps: 10 });
    const edited = await drainSampler(
      imageToImage(definition.run, denoise, x0, { schedule, timesteps: list, streams: streamsOf(2), strength: 1 }),
    );
    const streams = streamsOf(2);
    const plain = await drainSampler(
      definition.run(denoise, initialNoise(x0.shape, streams), { schedule, timesteps: list, streams }),
    );
    expect(edited).toEqual(plain);
  });

  test('begins with q(x_t | x_0) at that share of the time and follows the flow from there', async () => {
    const data = { mean: 0.2, std: 0.5 };
    for (const [noise, list, t] of [
      [schedule, timesteps(1000, 1000), 599],
      [flowSchedule(), Array.from({ length: 399 }, (_, i) => 0.9975 - i / 400), 0.6],
    ] as const) {
      const start = initialNoise(x0.shape, streamsOf(2));
      const [alpha, sigma] = [noise.alpha(t), noise.sigma(t)];
      const end = await drainSampler(
        imageToImage(heun, gaussianDenoiser(noise, data), x0, {
          schedule: noise,
          timesteps: list,
          streams: streamsOf(2),
          strength: 0.6,
        }),
      );
      end.data.forEach((x, i) => {
        const level = (alpha * x0.data[i]! + sigma * start.data[i]!) / alpha - data.mean;
        // What a second-order method misses in hundreds of steps.
        expect(Math.abs(x - (data.mean + (level * data.std) / Math.hypot(data.std, sigma / alpha)))).toBeLessThan(1e-3);
      });
    }
  });

  test('of little strength comes back to the image, where the data is a few images', async () => {
    const streams = streamsOf(40);
    const many = float32([40, 1, 2, 3], Array.from({ length: 40 }, () => row(images, 1, 6)).flat());
    const end = await drainSampler(
      imageToImage(ddim, denoise, many, { schedule, timesteps: times, streams, strength: 0.2 }),
    );
    for (let b = 0; b < 40; b++)
      expect(nearest(row(end, b, 6))).toMatchObject({ index: 1, distance: expect.closeTo(0, 2) });
  });

  test('takes the list of times from the strength', () => {
    expect(timesFromStrength(schedule, times, 1)).toBe(times);
    expect(timesFromStrength(schedule, times, 0)).toEqual([]);
    expect(timesFromStrength(schedule, [999, 499, 99], 0.5)).toEqual([499, 99]);
    expect(timesFromStrength(schedule, [999, 499, 99], 0.6)).toEqual([599, 499, 99]);
    expect(timesFromStrength(schedule, [999, 499, 99], 0.001)).toEqual([0]);
    // Where EDM's levels are a share of the way: half of it in σ^{1/7}. In σ itself it would be 40, where next to nothing is left of an image.
    const half = ((0.002 ** (1 / 7) + 80 ** (1 / 7)) / 2) ** 7;
    expect(timesFromStrength(edmSchedule(), [80, 10, 1], 0.5)).toEqual([expect.closeTo(half, 12), 1]);
    expect(timesFromStrength(edmSchedule(), [80, 10, 1], 0)).toEqual([]);
    // A shifted flow is walked nearer to the noise.
    expect(timesFromStrength(flowSchedule({ shift: 3 }), [1, 0.5], 0.5)).toEqual([0.75, 0.5]);
    for (const strength of [-0.1, 1.1, Number.NaN])
      expect(() => timesFromStrength(schedule, times, strength)).toThrow(
        `strength: expected a number from 0 to 1, got ${strength}`,
      );
  });
});

describe('the way of RePaint', () => {
  test('goes back j steps after every j, r − 1 times', () => {
    expect(repaintPath(4, { jumpLength: 1, resamples: 1 })).toEqual([0, 1, 2, 3, 4]);
    expect(repaintPath(3, { jumpLength: 1, resamples: 2 })).toEqual([0, 1, 0, 1, 2, 1, 2, 3]);
    expect(repaintPath(5, { jumpLength: 2, resamples: 3 })).toEqual([
      0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 2, 3, 4, 2, 3, 4, 5,
    ]);
    // Fewer steps than a jump is long: nothing to go back to.
    expect(repaintPath(3, { jumpLength: 5, resamples: 9 })).toEqual([0, 1, 2, 3]);
  });

  test("has as many steps as the paper's: 250 times, 24 places to jump from, 9 jumps of 10 at each", () => {
    const path = repaintPath(250);
    const down = path.slice(1).filter((place, i) => place > path[i]!).length;
    expect(down).toBe(250 + 24 * 9 * 10);
    expect(path.length - 1 - down).toBe(24 * 9);
  });

  test('takes positive integers', () => {
    expect(() => repaintPath(0)).toThrow('repaint: N must be a positive integer, got 0');
    expect(() => repaintPath(5, { jumpLength: 0 })).toThrow('repaint: jumpLength must be a positive integer, got 0');
    expect(() => repaintPath(5, { resamples: 1.5 })).toThrow('repaint: resamples must be a positive integer, got 1.5');
  });
});

describe('RePaint', () => {
  const count = 60;
  const leftColumn = float32([count, 1, 2, 3], Array.from({ length: count }, () => [0, 1, 1, 0, 1, 1]).flat());
  const run = (known: FloatArray, mask: FloatArray, jumps: object) => {
    const streams = streamsOf(count);
    return drainSampler(
      repaint(denoise, initialNoise(known.shape, streams), {
        schedule,
        timesteps: timesteps(schedule.T, 40),
        streams,
        known,
        mask,
        ...jumps,
      }),
    );
  };
  const repeat = (k: number) =>
    float32([count, 1, 2, 3], Array.from({ length: count }, () => row(images, k, 6)).flat());

  test('completes what is known of an image to an image of the data set, and keeps the known values bit for bit', async () => {
    const end = await run(repeat(0), leftColumn, { jumpLength: 5, resamples: 5 });
    for (let b = 0; b < count; b++) {
      expect(nearest(row(end, b, 6))).toMatchObject({ index: 0, distance: expect.closeTo(0, 2) });
      for (const i of [0, 3]) expect(end.data[b * 6 + i]).toBe(images.data[i]);
    }
  });

  test('draws each of two images that have what is known', async () => {
    const end = await run(repeat(1), leftColumn, { jumpLength: 5, resamples: 5 });
    const counts = [0, 0, 0];
    for (let b = 0; b < count; b++) {
      const { index, distance } = nearest(row(end, b, 6));
      expect(distance).toBeLessThan(0.02);
      counts[index]!++;
    }
    expect(counts[0]).toBe(0);
    // Each with probability ½: 30 ± 3.9.
    expect(Math.abs(counts[1]! - 30)).toBeLessThan(4 * 3.9);
  });

  test('without going back fits worse: some parts do not belong to what is known', async () => {
    // Only the last pixel is known, and it is that of image 0.
    const lastOnly = float32([count, 1, 2, 3], Array.from({ length: count }, () => [1, 1, 1, 1, 1, 0]).flat());
    const misfits = async (jumps: object) => {
      const end = await run(repeat(0), lastOnly, jumps);
      return Array.from({ length: count }, (_, b) => nearest(row(end, b, 6)).distance).filter(
        (distance) => distance > 0.1,
      ).length;
    };
    const [once, often] = [await misfits({ resamples: 1 }), await misfits({ jumpLength: 5, resamples: 10 })];
    expect(once).toBeGreaterThan(often);
  });

  test('takes one mask for all channels, and says what does not fit', async () => {
    const known = float32([1, 2, 1, 2], [0.1, 0.2, 0.3, 0.4]);
    const exact = datasetDenoiser(schedule, float32([1, 2, 1, 2], [0.9, 0.9, -0.9, -0.9]));
    const start = (mask: FloatArray, given = known) =>
      drainSampler(
        repaint(exact, initialNoise(known.shape, streamsOf(1)), {
          schedule,
          timesteps: times,
          streams: streamsOf(1),
          known: given,
          mask,
          jumpLength: 10,
          resamples: 2,
        }),
      );
    const end = await start(float32([1, 1, 1, 2], [0, 1]));
    expect([end.data[0], end.data[2]]).toEqual([known.data[0], known.data[2]]);
    expect(end.data[1]).toBeCloseTo(0.9, 3);
    expect(end.data[3]).toBeCloseTo(-0.9, 3);
    await expect(start(float32([1, 1, 2, 1], [0, 1]))).rejects.toThrow(
      'repaint: the mask is f32[1, 1, 2, 1], expected [1, 2, 1, 2] or [1, 1, 1, 2]',
    );
    await expect(start(float32([1, 1, 1, 2], [0, 2]))).rejects.toThrow('repaint: the mask must lie in 0 … 1, got 2');
    await expect(start(float32([1, 1, 1, 2], [0, 1]), float32([1, 2, 2, 1], [0, 0, 0, 0]))).rejects.toThrow(
      'repaint: the known image is f32[1, 2, 2, 1], expected f32[1, 2, 1, 2]',
    );
  });
});

describe('slerp', () => {
  const [a, b] = [initialNoise([2, 3000], streamsOf(2, 1)), initialNoise([2, 3000], streamsOf(2, 2))];

  test('has its ends bit for bit, and keeps the length of noise between them', () => {
    expect(slerp(a, b, 0)).toEqual(a);
    expect(slerp(a, b, 1)).toEqual(b);
    for (const n of [0, 1]) {
      const length = Math.hypot(...row(slerp(a, b, 0.5), n, 3000));
      const ends = [a, b].map((end) => Math.hypot(...row(end, n, 3000)));
      expect(length).toBeGreaterThan(Math.min(...ends) * 0.98);
      expect(length).toBeLessThan(Math.max(...ends) * 1.02);
    }
  });

  test('of two directions of a plane turns at an even pace', () => {
    const turned = slerp(float32([1, 2], [1, 0]), float32([1, 2], [0, 1]), 1 / 3);
    expect(turned.data[0]).toBeCloseTo(Math.cos(Math.PI / 6), 6);
    expect(turned.data[1]).toBeCloseTo(Math.sin(Math.PI / 6), 6);
    expect(slerp(float32([1, 2], [1, 1]), float32([1, 2], [2, 2]), 0.25).data[0]).toBeCloseTo(1.25, 6);
  });

  test('refuses what has no way between', () => {
    expect(() => slerp(a, b, 1.5)).toThrow('slerp: u must lie in 0 … 1, got 1.5');
    expect(() => slerp(a, float32([1, 2], [0, 0]), 0.5)).toThrow(
      'slerp: the second end is f32[1, 2], expected f32[2, 3000]',
    );
    expect(() => slerp(float32([1, 2], [1, 0]), float32([1, 2], [-1, 0]), 0.5)).toThrow(
      'the ends of sample 0 are opposite',
    );
  });
});

test('the noise that DDIM finds for an image draws the image', async () => {
  const dense = timesteps(schedule.T, 500);
  const options = { schedule, timesteps: dense, streams: streamsOf(1) };
  const gaussian = gaussianDenoiser(schedule, { mean: 0.1, std: 0.5 });
  const x0 = qSample(
    schedule,
    float32([1, 1, 2, 3], row(images, 0, 6)),
    [20],
    initialNoise([1, 1, 2, 3], streamsOf(1)),
  );
  const noise = await drainSampler(ddimInversion(gaussian, x0, options));
  const back = await drainSampler(ddim(gaussian, noise, options));
  // The inverse is of first order in the steps.
  back.data.forEach((x, i) => expect(Math.abs(x - x0.data[i]!)).toBeLessThan(0.02));
});

test('the first steps do not multiply the error of a network that predicts x_0', async () => {
  const cosine = cosineSchedule();
  const few = timesteps(cosine.T, 25, { spacing: 'linspace' });
  const options = { schedule: cosine, timesteps: few, streams: streamsOf(1) };
  // Whatever it is shown, it is sure of gray; the image is a tenth lighter.
  const offByATenth = async (xt: FloatArray, t: readonly number[]) => ({
    x0: float32(xt.shape, new Float32Array(xt.data.length)),
    eps: float32(
      xt.shape,
      xt.data.map((x) => x / cosine.sigma(t[0]!)),
    ),
  });
  const x0 = float32([1, 1, 2, 3], new Float32Array(6).fill(0.1));
  const { data } = await drainSampler(ddimInversion(offByATenth, x0, options));
  // With x̂_0 = 0 a step from s to t multiplies by σ_t/σ_s where ε̂ is that of s, and where it is that of t by
  // 1 + (α_t/α_s)(1 − σ_s/σ_t); the first leaves the clean image.
  let factor = 1;
  let before = { alpha: 1, sigma: 0 };
  for (const t of few.toReversed()) {
    const [alpha, sigma] = [cosine.alpha(t), cosine.sigma(t)];
    const doubles = sigma / alpha > (2 * before.sigma) / before.alpha;
    factor *= doubles
      ? alpha / before.alpha + 1 - ((alpha / before.alpha) * before.sigma) / sigma
      : sigma / before.sigma;
    before = { alpha, sigma };
  }
  for (const value of data) expect(value / (0.1 * factor)).toBeCloseTo(1, 4);
  // Evaluated at the lowest time in every step, the network would have its error divided by the noise there.
  expect(factor).toBeLessThan(1 / cosine.sigma(few.at(-1)!) / 3);
});
