import { describe, expect, test } from 'vitest';
import { RandomStream } from '../core/random.ts';
import { gaussianDenoiser } from './exact/gaussian.ts';
import { drainSampler, initialNoise, samplerNamed, samplers, samplerTimesteps } from './sample.ts';
import { linearSchedule } from './beta-schedules.ts';

const streams = (first: number, count: number) => Array.from({ length: count }, (_, i) => new RandomStream(3, 'sample', first + i));

describe('sample', () => {
  test('a sampler of no known name is refused with the names there are', () => {
    expect(() => samplerNamed('eulr')).toThrow('unknown sampler "eulr"; one of ddpm, ddim');
    expect(() => samplerNamed('toString')).toThrow('unknown sampler "toString"; one of ddpm, ddim');
    expect(samplerNamed('ddim')).toBe(samplers.ddim);
  });

  test('ddpm takes every step unless told otherwise, ddim fifty', () => {
    expect(samplerTimesteps(samplers.ddpm, 1000)).toHaveLength(1000);
    expect(samplerTimesteps(samplers.ddpm, 1000, 10).slice(-2)).toEqual([111, 0]);
    expect(samplerTimesteps(samplers.ddim, 1000)).toHaveLength(50);
    // Leading: it never starts at T − 1, where an ε-prediction says nothing of the picture.
    expect(samplerTimesteps(samplers.ddim, 1000)[0]).toBe(980);
    expect(samplerTimesteps(samplers.ddim, 20)).toHaveLength(20);
  });

  test.each(['ddpm', 'ddim'] as const)('picture i of %s has the same bytes at any count', async (name) => {
    const schedule = linearSchedule({ T: 100 });
    const draw = (first: number, count: number) => {
      const own = streams(first, count);
      const options = { schedule, timesteps: samplerTimesteps(samplers[name], 100, 10), streams: own, eta: 0.5 };
      return drainSampler(samplerNamed(name).run(gaussianDenoiser(schedule, { mean: 0, std: 0.5 }), initialNoise([count, 1, 2, 3], own), options));
    };
    const five = (await draw(0, 5)).data;
    expect([...(await draw(3, 1)).data]).toEqual([...five.subarray(18, 24)]);
    expect([...(await draw(1, 3)).data]).toEqual([...five.subarray(6, 24)]);
    expect([...(await draw(0, 5)).data]).toEqual([...five]);
    expect([...five.subarray(0, 6)]).not.toEqual([...five.subarray(6, 12)]);
  });

  test('noise for more samples than there are streams is refused', () => {
    expect(() => initialNoise([3, 4], streams(0, 2))).toThrow('initialNoise: 2 random streams for a batch of 3 samples (x is f32[3, 4])');
  });
});
