/** What holds for every sampler, whatever its algorithm: tested for each row of a table. */
import { describe, expect, test } from 'vitest';
import { float32 } from '../src/core/dtype.ts';
import { RandomStream } from '../src/core/random.ts';
import {
  classConditions,
  drainSampler,
  gaussianDenoiser,
  initialNoise,
  linearSchedule,
  samplersWhich,
  type Denoiser,
  type SamplerState,
  type SamplerTable,
} from '../src/diffusion/index.ts';

export const schedule = linearSchedule({ T: 100 });
export const exact = gaussianDenoiser(schedule, { mean: 0.1, std: 0.5 });
export const timesteps = [99, 60, 33, 8, 2];
export const streams = () => [0, 1].map((i) => new RandomStream(4, 'sample', i));

/** All states of a sampler. */
export async function collect(states: AsyncIterable<SamplerState>): Promise<SamplerState[]> {
  const all: SamplerState[] = [];
  for await (const state of states) all.push(state);
  return all;
}

/** The tests of every row. */
export function samplerConformance(table: SamplerTable): void {
  const all = samplersWhich(undefined, table);
  describe.each(all.map((row) => [row.name, row] as const))(
    '%s',
    (_name, { run: sampler, evaluations, random = false, title, hint }) => {
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
        await expect(
          sampler(short, float32([2, 3]), { schedule, timesteps, streams: streams() }).next(),
        ).rejects.toThrow('denoiser: it gave 4 values for x_t of [2, 3]; x0 and eps have the shape of x_t');
      });

      test('wrong times and streams are refused before the first step', async () => {
        const xT = float32([2, 3]);
        const first = (options: object) =>
          sampler(exact, xT, { schedule, timesteps, streams: streams(), ...options }).next();
        await expect(first({ timesteps: [5, 9] })).rejects.toThrow(': timesteps must fall, got 9 after 5');
        await expect(first({ timesteps: [100] })).rejects.toThrow(': timesteps must lie in 0 … 99, got 100');
        await expect(first({ streams: streams().slice(1) })).rejects.toThrow(
          ': 1 random streams for a batch of 2 samples (x is f32[2, 3])',
        );
      });

      test('its row says what it does: whether it adds noise, and what people read of it', async () => {
        const end = async (index: number) =>
          drainSampler(
            sampler(exact, initialNoise([1, 3], [new RandomStream(4, 'noise')]), {
              schedule,
              timesteps,
              streams: [new RandomStream(4, 'steps', index)],
            }),
          );
        const same = (await end(0)).data.join() === (await end(1)).data.join();
        expect(same).toBe(!random);
        expect(title).toMatch(/^\S.*\S$/);
        expect(hint).toMatch(/^[A-Z].*\.$/);
      });
    },
  );
}
