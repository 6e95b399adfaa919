import { describe, expect, test } from 'vitest';
import { RandomStream } from '../core/random.ts';
import { gaussianDenoiser } from './exact/gaussian.ts';
import { linearSchedule, rescaleZeroTerminalSnr } from './beta-schedules.ts';
import { edmDefaults } from './processes/edm.ts';
import { drainSampler, initialNoise, type SamplerName, samplerNamed, samplers, samplerTimesteps } from './samplers.ts';
import { exponentialSigmas, karrasSigmas, sigmaRange } from './sigmas.ts';

const streams = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => new RandomStream(3, 'sample', first + i));

describe('sample', () => {
  test('a sampler of no known name is refused with the names there are', () => {
    expect(() => samplerNamed('eulr')).toThrow('unknown sampler "eulr"; did you mean euler?');
    expect(() => samplerNamed('toString')).toThrow('unknown sampler "toString"; one of ddpm, ddim');
    expect(samplerNamed('ddim')).toEqual({ ...samplers.ddim, name: 'ddim' });
  });

  test('ddpm takes a hundred steps unless told otherwise, ddim fifty', () => {
    const thousand = linearSchedule();
    expect(samplerTimesteps(samplers.ddpm, thousand)).toHaveLength(100);
    expect(samplerTimesteps(samplers.ddpm, thousand, { steps: 10 }).slice(-2)).toEqual([111, 0]);
    expect(samplerTimesteps(samplers.ddim, thousand)).toHaveLength(50);
    // Leading: it never starts at T − 1, where an ε-prediction says nothing of the image.
    expect(samplerTimesteps(samplers.ddim, thousand)[0]).toBe(980);
    expect(samplerTimesteps(samplers.ddim, linearSchedule({ T: 40 }))).toHaveLength(40);
  });

  test.each(['karras', 'exponential'] as const)(
    "%s times run from the schedule's last to its first, between them where the noise levels lie",
    (spacing) => {
      const schedule = linearSchedule();
      const times = samplerTimesteps(samplers.heun, schedule, { steps: 9, spacing });
      expect([times.length, times[0]]).toEqual([9, 999]);
      expect(times.at(-1)).toBeCloseTo(0, 9);
      const { sigmaMin, sigmaMax } = sigmaRange(schedule);
      const levels = times.map((t) => schedule.sigma(t) / schedule.alpha(t));
      (spacing === 'karras' ? karrasSigmas : exponentialSigmas)(9, { sigmaMin, sigmaMax }).forEach((level, i) =>
        expect(levels[i]! / level).toBeCloseTo(1, 9),
      );
      expect(() => samplerTimesteps(samplers.heun, schedule, { steps: 0, spacing })).toThrow(
        'timesteps: the number of steps must be an integer in 1 … 1000, got 0',
      );
      expect(() => samplerTimesteps(samplers.heun, rescaleZeroTerminalSnr(schedule), { spacing })).toThrow(
        'its noise level is infinite',
      );
    },
  );

  test('the eighteen noise levels of EDM are those of the paper', () => {
    const golden = [
      80, 57.586, 40.7856, 28.3746, 19.3525, 12.9101, 8.40094, 5.31519, 3.25682, 1.92334, 1.08817, 0.585348, 0.296442,
      0.139516, 0.0599473, 0.0229345, 0.00752802, 0.002,
    ];
    karrasSigmas(18, edmDefaults).forEach((sigma, i) => expect(Math.abs(sigma / golden[i]! - 1)).toBeLessThan(5e-6));
  });

  test.each(Object.keys(samplers) as SamplerName[])('image i of %s has the same bytes at any count', async (name) => {
    const schedule = linearSchedule({ T: 100 });
    const draw = (first: number, count: number) => {
      const own = streams(first, count);
      const options = {
        schedule,
        timesteps: samplerTimesteps(samplers[name], schedule, { steps: 10 }),
        streams: own,
        eta: 0.5,
        churn: 5,
      };
      return drainSampler(
        samplerNamed(name).run(
          gaussianDenoiser(schedule, { mean: 0, std: 0.5 }),
          initialNoise([count, 1, 2, 3], own),
          options,
        ),
      );
    };
    const five = (await draw(0, 5)).data;
    expect([...(await draw(3, 1)).data]).toEqual([...five.subarray(18, 24)]);
    expect([...(await draw(1, 3)).data]).toEqual([...five.subarray(6, 24)]);
    expect([...(await draw(0, 5)).data]).toEqual([...five]);
    expect([...five.subarray(0, 6)]).not.toEqual([...five.subarray(6, 12)]);
  });

  test('noise for more samples than there are streams is refused', () => {
    expect(() => initialNoise([3, 4], streams(0, 2))).toThrow(
      'initialNoise: 2 random streams for a batch of 3 samples (x is f32[3, 4])',
    );
  });
});
