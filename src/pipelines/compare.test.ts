import { describe, expect, test } from 'vitest';
import { float32, RandomStream } from '../core/index.ts';
import { gaussianDenoiser, schedulerConfig } from '../diffusion/index.ts';
import { compareSamplers } from './compare.ts';
import { exactSampler } from './exact-sampler.ts';

const images = float32(
  [3, 1, 2, 2],
  new RandomStream(1, 'pictures').fillNormal(new Float32Array(12)).map((z) => Math.sign(z)),
);
const exact = exactSampler({ images, scheduler: schedulerConfig(), batchSize: 4 });
const gaussian = gaussianDenoiser(exact.process.schedule, { mean: 0, std: 0.5 });
const model = { ...exact, denoiser: () => gaussian, plainDenoiser: gaussian };

describe('comparing samplers', () => {
  test('on Gaussian data the errors fall with the steps, at the order of each method', async () => {
    const { cells, reference } = await compareSamplers(model, {
      samplers: ['ddim', 'heun', 'dpmpp-2m', 'ddpm'],
      steps: [25, 50],
      seed: 1,
      count: 8,
      referenceSteps: 1000,
    });
    expect(reference).toMatchObject({ sampler: 'dpmpp-2m', steps: 1000, evaluations: 1000 });
    const ratio = (name: string) => {
      const [few, many] = cells.filter(({ sampler }) => sampler === name);
      return few!.toReference! / many!.toReference!;
    };
    // ddim's leading times also come nearer to the last one as they become more, so its order is only about one.
    expect(ratio('ddim')).toBeGreaterThan(1.5);
    expect(ratio('heun')).toBeGreaterThan(3.5);
    expect(ratio('dpmpp-2m')).toBeGreaterThan(3.5);
    expect(cells.filter(({ sampler }) => sampler === 'ddpm').map(({ toReference }) => toReference)).toEqual([
      null,
      null,
    ]);
    expect(cells.map(({ evaluations }) => evaluations)).toEqual([25, 50, 49, 99, 25, 50, 25, 50]);
  });

  test('the exact denoiser of a data set comes to its images', async () => {
    const { cells, reference } = await compareSamplers(exact, {
      samplers: ['unipc'],
      steps: [40],
      seed: 1,
      count: 5,
      data: images,
    });
    expect(reference.toData).toBeLessThan(0.01);
    expect(cells[0]!.toData).toBeLessThan(0.02);
    expect(cells[0]!.toReference).toBeLessThan(0.02);
  });

  test('names what there is not before it draws', async () => {
    const asked: string[] = [];
    const options = { seed: 1, count: 1, onStep: (_: unknown, what: string) => asked.push(what) };
    await expect(
      compareSamplers(exact, { ...options, samplers: ['ddim', 'eulr' as 'euler'], steps: [5] }),
    ).rejects.toThrow('unknown sampler "eulr"; did you mean euler?');
    await expect(compareSamplers(exact, { ...options, samplers: ['ddim'], steps: [5, 1001] })).rejects.toThrow(
      'the number of steps must be an integer in 1 … 1000, got 1001',
    );
    expect(asked).toEqual([]);
  });
});
