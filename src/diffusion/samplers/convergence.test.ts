import { describe, expect, test } from 'vitest';
import { float32, type FloatArray } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import type { Denoiser } from '../denoiser.ts';
import { gaussianDenoiser } from '../exact/gaussian.ts';
import { edmSchedule } from '../processes/edm.ts';
import { flowSchedule } from '../processes/rectified-flow.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';
import { cosineSchedule, linearSchedule } from '../beta-schedules.ts';
import { posterior, stepVariance, type VarianceType } from '../process.ts';
import { drainSampler, initialNoise } from '../samplers.ts';
import { flowTimes, karrasSigmas, sigmaRange, timesOfSigmas } from '../sigmas.ts';
import { ddimInversion } from './ddim-inversion.ts';
import { ddpm } from './ddpm.ts';
import { dpm2 } from './dpm2.ts';
import { dpmpp2m } from './dpmpp-2m.ts';
import { dpmpp2mSde } from './dpmpp-2m-sde.ts';
import { euler } from './euler.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { heun } from './heun.ts';
import type { Sampler } from './sampler.ts';
import { unipc } from './unipc.ts';

const std = 0.5;

/** The exact end of the probability-flow ODE on N(0, s²): x/α shrinks as √(s² + (σ/α)²). */
function exactEnd(schedule: NoiseSchedule, t: number, x: number): number {
  return (x * std) / Math.hypot(schedule.alpha(t) * std, schedule.sigma(t));
}

/** A batch without randomness. */
const silent = [{ fillNormal: <A extends Float32Array | Float64Array>(out: A) => out }];

async function endOf(
  sampler: Sampler,
  schedule: NoiseSchedule,
  timesteps: readonly number[],
  x: number,
  denoise: Denoiser = gaussianDenoiser(schedule, { mean: 0, std }),
): Promise<number> {
  const end: FloatArray = await drainSampler(
    sampler(denoise, float32([1, 1], [x]), { schedule, timesteps, streams: silent }),
  );
  return end.data[0]!;
}

describe('samplers on N(0, ½²) from x = 80 at σ = 80, Karras levels 0.002 to 80', () => {
  const schedule = edmSchedule();
  // Relative errors computed from the formulas of the methods in float64.
  test.each([
    ['euler', euler, [0.334, 0.173, 0.0876, 0.0441, 0.0221]],
    ['heun', heun, [0.394, 0.0722, 0.0157, 0.00366, 0.00088]],
    ['dpm2', dpm2, [0.212, 0.0412, 0.00907, 0.00212, 0.000509]],
    ['dpmpp2m', dpmpp2m, [0.151, 0.0801, 0.017, 0.0038, 0.000896]],
  ] as const)('%s has the errors of its method with 8, 16, … 128 steps', async (_, sampler, errors) => {
    expect(exactEnd(schedule, 80, 80)).toBeCloseTo(0.4999902, 7);
    for (const [i, expected] of errors.entries()) {
      const end = await endOf(sampler, schedule, karrasSigmas(8 * 2 ** i, { sigmaMin: 0.002, sigmaMax: 80 }), 80);
      // Three digits are given, and the states are kept in float32.
      expect(Math.abs(Math.abs(end / exactEnd(schedule, 80, 80) - 1) - expected)).toBeLessThan(0.006 * expected + 2e-6);
    }
  });
});

describe('order of convergence on Gaussian data', () => {
  const linear = linearSchedule({ T: 8192 });
  const cosine = cosineSchedule({ T: 8192 });
  const flow = flowSchedule();
  const karras = (schedule: NoiseSchedule) => (N: number) =>
    timesOfSigmas(schedule, karrasSigmas(N, sigmaRange(schedule)));
  const lists = [
    ['linear', linear, karras(linear)],
    ['cosine', cosine, karras(cosine)],
    ['flow', flow, (N: number) => flowTimes(N)],
    ['edm', edmSchedule(), karras(edmSchedule())],
  ] as const;
  // The slope of the last doubling. Multistep methods have a first-order step at each end: where the list ends in steps
  // as long as the others, as a flow's does, that is a second-order error of the whole, and 2M has it from both ends.
  const methods = [
    ['euler', euler, { karras: [0.93, 1.05], flow: [0.95, 1.05] }],
    ['heun', heun, { karras: [1.95, 2.2], flow: [1.9, 2.2] }],
    ['dpm2', dpm2, { karras: [1.95, 2.2], flow: null }],
    ['dpmpp2m', dpmpp2m, { karras: [1.95, 2.25], flow: [1.6, 2.1] }],
    ['unipc', unipc, { karras: [2.9, 3.4], flow: [1.9, 2.2] }],
  ] as const;
  for (const [name, sampler, orders] of methods) {
    for (const [scheduleName, schedule, timesOf] of lists) {
      const order = scheduleName === 'flow' ? orders.flow : orders.karras;
      if (order === null) continue; // In noise levels the flow begins at infinity, where these have no step.
      test(`${name} on the ${scheduleName} schedule is of order ${order[0]} to ${order[1]}`, async () => {
        const errors: number[] = [];
        for (const N of [64, 128]) {
          const times = timesOf(N);
          const x = 1.5 * schedule.priorStd(times[0]!);
          errors.push(Math.abs((await endOf(sampler, schedule, times, x)) - exactEnd(schedule, times[0]!, x)));
        }
        const slope = Math.log2(errors[0]! / errors[1]!);
        expect(slope).toBeGreaterThan(order[0]);
        expect(slope).toBeLessThan(order[1]);
      });
    }
  }
});

describe('inverting DDIM', () => {
  test.each([
    ['linear', linearSchedule({ T: 4096 })],
    ['flow', flowSchedule()],
  ] as const)(
    'on the %s schedule the noise of an image is that of the exact flow, and drawing from it comes back, both to first order',
    async (name, schedule) => {
      const errors: { up: number; round: number }[] = [];
      for (const N of [64, 128]) {
        const times = name === 'flow' ? flowTimes(N) : timesOfSigmas(schedule, karrasSigmas(N, sigmaRange(schedule)));
        const x0 = 0.4;
        const up = await endOf(ddimInversion, schedule, times, x0);
        errors.push({
          up: Math.abs(up - (x0 * Math.hypot(schedule.alpha(times[0]!) * std, schedule.sigma(times[0]!))) / std),
          round: Math.abs((await endOf(euler, schedule, times, up)) - x0),
        });
      }
      for (const key of ['up', 'round'] as const) {
        const slope = Math.log2(errors[0]![key] / errors[1]![key]);
        expect(slope).toBeGreaterThan(0.8);
        expect(slope).toBeLessThan(1.2);
      }
    },
  );
});

describe('stochastic samplers on Gaussian data', () => {
  const data = { mean: 0.3, std };
  const schedule = linearSchedule();
  const times = timesOfSigmas(schedule, karrasSigmas(100, sigmaRange(schedule)));

  /** Ancestral steps are of first order: the variance of x/α after each is known, and at 100 steps 13 % above the data's. */
  function ancestralVariance(): number {
    const levels = [...times.map((t) => schedule.sigma(t) / schedule.alpha(t)), 0];
    return levels.slice(1).reduce(
      (variance, to, i) => {
        const from = levels[i]!;
        const up = (to / from) * Math.sqrt(from ** 2 - to ** 2);
        const down = Math.sqrt(to ** 2 - up ** 2);
        return variance * (1 + ((down - from) * from) / (std ** 2 + from ** 2)) ** 2 + up ** 2;
      },
      1 / schedule.alphaBar(times[0]!),
    );
  }

  test.each([
    ['eulerAncestral', (d, x, o) => eulerAncestral(d, x, o), ancestralVariance()],
    ['ddpm', (d, x, o) => ddpm(d, x, o), ancestralVariance()],
    ['dpmpp2mSde', (d, x, o) => dpmpp2mSde(d, x, o), std ** 2],
    ['heun with churn', (d, x, o) => heun(d, x, { ...o, churn: 40 }), std ** 2],
  ] as readonly (readonly [string, Sampler, number])[])(
    '%s reaches the mean and variance of theory',
    async (_, sampler, expected) => {
      const streams = Array.from({ length: 40 }, (_unused, i) => new RandomStream(5, 'sample', i));
      const { data: x } = await drainSampler(
        sampler(gaussianDenoiser(schedule, data), initialNoise([40, 1000], streams), {
          schedule,
          timesteps: times,
          streams,
        }),
      );
      const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
      const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
      // x_T has mean 0 and not α_T μ. Four standard errors, and 0.002 for what second-order methods still miss at 100 steps.
      expect(Math.abs(mean - data.mean)).toBeLessThan(4 * Math.sqrt(expected / x.length) + 0.002);
      expect(Math.abs(variance / expected - 1)).toBeLessThan(4 * Math.sqrt(2 / x.length) + 0.002);
    },
  );
});

describe('ancestral sampling with the variance that the data has', () => {
  const data = { mean: 0.3, std };
  const schedule = linearSchedule();
  const times = [999, 700, 400, 200, 50];

  /** A denoiser that knows Σ too: q(x_s | x_t) = ∫ q(x_s | x_t, x_0) q(x_0 | x_t) has β̃ + c² Var[x_0 | x_t] (Bao et al. 2022, theorem 1). */
  const knowing: Denoiser = async (xt, t, options) => {
    const s = times[times.indexOf(t[0]!) + 1] ?? -1;
    const { alpha, sigma } = { alpha: schedule.alpha(t[0]!), sigma: schedule.sigma(t[0]!) };
    const c = posterior(schedule, t[0]!, s);
    const exact = c.variance + c.x0 ** 2 * ((std * sigma) ** 2 / ((std * alpha) ** 2 + sigma ** 2));
    const fraction =
      s === -1 ? 0 : Math.log(exact / c.variance) / Math.log(stepVariance(schedule, t[0]!, s) / c.variance);
    return {
      ...(await gaussianDenoiser(schedule, data)(xt, t, options)),
      varianceFraction: float32(
        xt.shape,
        xt.data.map(() => fraction),
      ),
    };
  };

  test('five steps pass through q(x_s) exactly, where no fixed variance does', async () => {
    const streams = Array.from({ length: 40 }, (_unused, i) => new RandomStream(6, 'sample', i));
    const z = initialNoise([40, 1000], streams);
    const law = (t: number) => ({
      mean: schedule.alpha(t) * data.mean,
      variance: schedule.alphaBar(t) * std ** 2 + schedule.sigma(t) ** 2,
    });
    const start = law(999);
    const xT = float32(
      z.shape,
      z.data.map((value) => start.mean + Math.sqrt(start.variance) * value),
    );
    const offs = async (varianceType: VarianceType) => {
      const all: { mean: number; variance: number }[] = [];
      for await (const {
        t,
        xt: { data: x },
      } of ddpm(knowing, xT, {
        schedule,
        timesteps: times,
        streams: streams.map((_s, i) => new RandomStream(7, 'sample', i)),
        varianceType,
      })) {
        if (t === -1) break; // The last step adds no noise.
        const expected = law(t);
        const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
        const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
        all.push({
          mean: (mean - expected.mean) / Math.sqrt(expected.variance / x.length),
          variance: (variance / expected.variance - 1) / Math.sqrt(2 / x.length),
        });
      }
      return all;
    };
    const learned = await offs('learned_range');
    expect(learned).toHaveLength(4);
    // In standard errors of so many samples.
    for (const off of learned) expect(Math.max(Math.abs(off.mean), Math.abs(off.variance))).toBeLessThan(4);
    for (const fixed of ['fixed_small', 'fixed_large'] as const)
      expect(Math.max(...(await offs(fixed)).map(({ variance }) => Math.abs(variance)))).toBeGreaterThan(20);
  });
});

test('Heun cannot churn where the level of noise is infinite', async () => {
  await expect(
    drainSampler(
      heun(gaussianDenoiser(flowSchedule(), { mean: 0, std }), float32([1, 1], [1]), {
        schedule: flowSchedule(),
        timesteps: flowTimes(4),
        streams: silent,
        churn: 5,
      }),
    ),
  ).rejects.toThrow(
    'heun: churn adds noise to a level, and at time 1 the level is infinite; leave it at 0, or begin at an earlier time',
  );
});
