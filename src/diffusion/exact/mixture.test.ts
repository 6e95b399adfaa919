import { describe, expect, test } from 'vitest';
import { float32 } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import { linearSchedule } from '../beta-schedules.ts';
import { edmSchedule } from '../processes/edm.ts';
import { flowSchedule } from '../processes/rectified-flow.ts';
import { drainSampler, initialNoise, type SamplerName, samplers, samplerTimesteps } from '../samplers.ts';
import { gaussianDenoiser } from './gaussian.ts';
import { datasetDenoiser, mixtureDenoiser } from './mixture.ts';

const schedule = linearSchedule();

describe('the denoiser of a mixture', () => {
  test('of one component is that of a Gaussian', async () => {
    for (const [noise, t] of [
      [schedule, 400],
      [edmSchedule(), 3],
      [flowSchedule(), 0.6],
    ] as const) {
      const xt = float32([2, 3], [-1, 0.1, 2, 0, 0.4, -3]);
      const expected = await gaussianDenoiser(noise, { mean: 0.2, std: 0.5 })(xt, [t, t], {});
      const got = await mixtureDenoiser(noise, [{ mean: [0.2, 0.2, 0.2], std: 0.5 }])(xt, [t, t], {});
      for (const key of ['x0', 'eps'] as const)
        got[key].data.forEach((x, i) => expect(x).toBeCloseTo(expected[key].data[i]!, 6));
    }
  });

  test('is the conditional mean: its error is orthogonal to every function of x_t', async () => {
    const components = [
      { mean: [-1], std: 0.1, weight: 1 },
      { mean: [0.5], std: 0.3, weight: 3 },
    ];
    const denoise = mixtureDenoiser(schedule, components);
    const n = 40_000;
    const random = new RandomStream(1, 'mixture');
    const t = 300;
    const x0 = Float32Array.from({ length: n }, () =>
      random.uniform() < 0.25 ? -1 + 0.1 * random.normal() : 0.5 + 0.3 * random.normal(),
    );
    const xt = x0.map((x) => schedule.alpha(t) * x + schedule.sigma(t) * random.normal());
    const { x0: estimate } = await denoise(float32([n, 1], xt), Array<number>(n).fill(t), {});
    for (const f of [() => 1, (x: number) => x, (x: number) => Math.sin(3 * x), (x: number) => Math.exp(-x * x)]) {
      const products = x0.map((x, i) => (x - estimate.data[i]!) * f(xt[i]!));
      const mean = products.reduce((sum, v) => sum + v, 0) / n;
      const std = Math.sqrt(products.reduce((sum, v) => sum + v * v, 0) / n);
      expect(Math.abs(mean)).toBeLessThan((4 * std) / Math.sqrt(n));
    }
  });

  test('refuses what is no mixture', async () => {
    expect(() => mixtureDenoiser(schedule, [])).toThrow('mixtureDenoiser: there is no component');
    expect(() =>
      mixtureDenoiser(schedule, [
        { mean: [0], std: 1 },
        { mean: [0, 1], std: 1 },
      ]),
    ).toThrow('component 1 has 2 values, the first has 1');
    expect(() => mixtureDenoiser(schedule, [{ mean: [0], std: -1 }])).toThrow('std must not be negative, got -1');
    await expect(mixtureDenoiser(schedule, [{ mean: [0], std: 1 }])(float32([1, 2]), [3], {})).rejects.toThrow(
      'samples have 2 values, the components 1',
    );
  });
});

describe('the denoiser of a data set', () => {
  const images = float32([3, 4], [1, 1, -1, -1, -1, 1, -1, 1, 0.5, 0.5, 0.5, 0.5]);
  const denoise = datasetDenoiser(schedule, images);

  test('is the mean of the data where all is noise, and the nearest image where almost none is', async () => {
    const { x0 } = await denoise(float32([1, 4], [0.1, -0.2, 0.3, 0]), [999], {});
    [1 / 6, 2.5 / 3, -0.5, 1 / 6].forEach((mean, i) => expect(x0.data[i]!).toBeCloseTo(mean, 1));
    const near = await denoise(float32([1, 4], [0.9, 1, -1, -0.9]), [0], {});
    expect([...near.x0.data]).toEqual([1, 1, -1, -1]);
  });

  test.each(Object.keys(samplers) as SamplerName[])('%s returns images of the data set', async (name) => {
    const streams = Array.from({ length: 60 }, (_, i) => new RandomStream(7, 'sample', i));
    const definition = samplers[name];
    const end = await drainSampler(
      definition.run(denoise, initialNoise([60, 4], streams), {
        schedule,
        timesteps: samplerTimesteps(definition, schedule, { steps: 60 }),
        streams,
      }),
    );
    const counts = [0, 0, 0];
    for (let b = 0; b < 60; b++) {
      const distances = [0, 1, 2].map((k) =>
        Math.hypot(...[0, 1, 2, 3].map((i) => end.data[b * 4 + i]! - images.data[k * 4 + i]!)),
      );
      const nearest = distances.indexOf(Math.min(...distances));
      expect(distances[nearest]!).toBeLessThan(0.02);
      counts[nearest]!++;
    }
    // Each of the three with probability ⅓: 20 ± 3.7.
    for (const count of counts) expect(Math.abs(count - 20)).toBeLessThan(4 * 3.7);
  });
});
