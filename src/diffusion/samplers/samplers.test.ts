import { describe, expect, test } from 'vitest';
import { float32 } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import { classConditions } from '../conditions.ts';
import type { Denoiser } from '../denoiser.ts';
import { gaussianDenoiser } from '../exact/gaussian.ts';
import { drainSampler, initialNoise, samplers } from '../samplers.ts';
import { linearSchedule } from '../beta-schedules.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';
import { dpm2 } from './dpm2.ts';
import { dpmpp2m } from './dpmpp-2m.ts';
import { dpmpp2mSde } from './dpmpp-2m-sde.ts';
import { euler } from './euler.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { heun } from './heun.ts';
import type { Sampler, SamplerState } from './sampler.ts';
import { unipc } from './unipc.ts';

const schedule = linearSchedule({ T: 100 });
const exact = gaussianDenoiser(schedule, { mean: 0.1, std: 0.5 });
const timesteps = [99, 60, 33, 8, 2];
const streams = () => [0, 1].map((i) => new RandomStream(4, 'sample', i));

async function collect(states: AsyncIterable<SamplerState>): Promise<SamplerState[]> {
  const all: SamplerState[] = [];
  for await (const state of states) all.push(state);
  return all;
}

/** Every sampler: the name its messages have, and the evaluations of a step that is not the last. */
const all: readonly (readonly [title: string, sampler: Sampler, name: string, evaluations: number])[] = [
  ['ddpm', ddpm, 'ddpm', 1],
  ['ddim', ddim, 'ddim', 1],
  ['euler', euler, 'ddim', 1],
  ['eulerAncestral', eulerAncestral, 'ddim', 1],
  ['heun', heun, 'heun', 2],
  ['dpm2', dpm2, 'dpm2', 2],
  ['dpmpp2m', dpmpp2m, 'dpmpp2m', 1],
  ['dpmpp2mSde', dpmpp2mSde, 'dpmpp2mSde', 1],
  ['unipc', unipc, 'unipc', 1],
];

test('the suite holds every sampler there is', () => {
  expect(all.map(([, sampler]) => sampler)).toEqual(Object.values(samplers).map(({ run }) => run));
});

describe.each(all)('%s', (_title, sampler, name, evaluations) => {
  test('it yields one state a time, each at the next time of the list, the last at -1', async () => {
    const states = await collect(
      sampler(exact, initialNoise([2, 3], streams()), { schedule, timesteps, streams: streams() }),
    );
    expect(states.map(({ step, t }) => [step, t])).toEqual([
      [0, 60],
      [1, 33],
      [2, 8],
      [3, 2],
      [4, -1],
    ]);
    // Without noise and at ᾱ = 1 the last state is the estimate itself.
    expect(states[4]!.xt.data).toEqual(states[4]!.x0.data);
  });

  test('states are arrays of their own, and the noise it began from is untouched', async () => {
    const xT = initialNoise([2, 3], streams());
    const states = await collect(sampler(exact, xT, { schedule, timesteps, streams: streams() }));
    expect(xT).toEqual(initialNoise([2, 3], streams()));
    expect(new Set(states.flatMap(({ xt, x0 }) => [xt.data, x0.data])).size).toBe(10);
  });

  test('the denoiser is given the time of each sample, the conditions and the signal', async () => {
    const seen: { t: readonly number[]; given: readonly unknown[] }[] = [];
    const listening: Denoiser = (xt, t, options) => {
      seen.push({ t, given: [options.conditions, options.negative, options.signal] });
      return exact(xt, t, options);
    };
    const [conditions, negative] = [classConditions([1, 2]), classConditions([0, 0])];
    const { signal } = new AbortController();
    await collect(
      sampler(listening, initialNoise([2, 3], streams()), {
        schedule,
        timesteps,
        streams: streams(),
        conditions,
        negative,
        signal,
      }),
    );
    const first = seen.filter((_, i) => i % evaluations === 0);
    expect(seen).toHaveLength(evaluations * timesteps.length - (evaluations - 1));
    expect(first.map(({ t }) => t)).toEqual(timesteps.map((t) => [t, t]));
    for (const call of seen) expect(call.given).toEqual([conditions, negative, signal]);
  });

  test.each([0, 1, 2, 3, 4])('an abort after %d steps stops it before the next', async (count) => {
    const controller = new AbortController();
    const reason = new Error('the page was closed');
    const calls: number[] = [];
    const counting: Denoiser = (xt, t, options) => {
      calls.push(t[0]!);
      return exact(xt, t, options);
    };
    const run = async () => {
      if (count === 0) controller.abort(reason);
      for await (const { step } of sampler(counting, initialNoise([2, 3], streams()), {
        schedule,
        timesteps,
        streams: streams(),
        signal: controller.signal,
      })) {
        if (step + 1 === count) controller.abort(reason);
      }
    };
    await expect(run()).rejects.toBe(reason);
    expect(calls.filter((_, i) => i % evaluations === 0)).toEqual(timesteps.slice(0, count));
  });

  test('a denoiser that answers in another shape is refused, not read as NaN', async () => {
    const short: Denoiser = async () => ({ x0: float32([2, 2]), eps: float32([2, 2]) });
    await expect(sampler(short, float32([2, 3]), { schedule, timesteps, streams: streams() }).next()).rejects.toThrow(
      'denoiser: it gave 4 values for x_t of [2, 3]; x0 and eps have the shape of x_t',
    );
  });

  test('wrong times and streams are refused before the first step', async () => {
    const xT = float32([2, 3]);
    const first = (options: object) =>
      sampler(exact, xT, { schedule, timesteps, streams: streams(), ...options }).next();
    await expect(first({ timesteps: [5, 9] })).rejects.toThrow(`${name}: timesteps must fall, got 9 after 5`);
    await expect(first({ timesteps: [100] })).rejects.toThrow(`${name}: timesteps must lie in 0 … 99, got 100`);
    await expect(first({ streams: streams().slice(1) })).rejects.toThrow(
      `${name}: 1 random streams for a batch of 2 samples (x is f32[2, 3])`,
    );
  });
});

describe('ddim and ddpm', () => {
  test('ddim with eta 1 is ddpm with the small variance on the same noise', async () => {
    const xT = initialNoise([2, 50], streams());
    const a = await collect(ddpm(exact, xT, { schedule, timesteps, streams: streams() }));
    const b = await collect(ddim(exact, xT, { schedule, timesteps, streams: streams(), eta: 1 }));
    // The same map written in two ways: float32 roundings of x̂_0 and ε̂ differ, a few 1e-7 each.
    a.forEach(({ xt }, step) =>
      xt.data.forEach((x, i) => expect(Math.abs(x - b[step]!.xt.data[i]!)).toBeLessThan(5e-6)),
    );
  });

  test('they advance the streams alike, and ddim without noise not at all', async () => {
    const after = async (run: (own: RandomStream[]) => AsyncIterable<SamplerState>) => {
      const own = streams();
      await drainSampler(run(own));
      return own.map((stream) => stream.uint32());
    };
    const xT = float32([2, 3]);
    const ancestral = await after((own) => ddpm(exact, xT, { schedule, timesteps, streams: own }));
    expect(await after((own) => ddim(exact, xT, { schedule, timesteps, streams: own, eta: 0.2 }))).toEqual(ancestral);
    expect(await after((own) => ddim(exact, xT, { schedule, timesteps, streams: own }))).toEqual(
      streams().map((stream) => stream.uint32()),
    );
    const fifteen = streams();
    fifteen.forEach((stream) => stream.fillNormal(new Float32Array(15)));
    expect(ancestral).toEqual(fifteen.map((stream) => stream.uint32()));
  });

  test('an eta outside 0 … 1 is refused', async () => {
    await expect(
      ddim(exact, float32([2, 3]), { schedule, timesteps, streams: streams(), eta: 1.5 }).next(),
    ).rejects.toThrow('ddim: eta must lie in 0 … 1, got 1.5');
  });
});
