import { describe, expect, test } from 'vitest';
import golden from '../../../test/golden/diffusers-solvers.json' with { type: 'json' };
import { recordedStreams } from '../../../test/recorded-streams.ts';
import { float32 } from '../../core/dtype.ts';
import { fromPrediction, type Predict } from '../denoiser.ts';
import { flowSchedule } from '../processes/rectified-flow.ts';
import type { PredictionType } from '../parameterization.ts';
import { type BetaSchedule, schedule as betaSchedule } from '../processes/discrete-time.ts';
import { exponentialSigmas, flowTimes, karrasSigmas, sigmaRange, timesOfSigmas } from '../sigmas.ts';
import { dpm2 } from './dpm2.ts';
import { dpmpp2m } from './dpmpp-2m.ts';
import { dpmpp2mSde } from './dpmpp-2m-sde.ts';
import { euler } from './euler.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { heun } from './heun.ts';
import type { Sampler } from './sampler.ts';
import { unipc } from './unipc.ts';

const batch = golden.shape[0]!;
const size = golden.xT.length / batch;
const samplers: Readonly<Record<string, Sampler>> = { euler, eulerAncestral, heun, dpm2, dpmpp2m, dpmpp2mSde, unipc };
const spread = { karras: karrasSigmas, exponential: exponentialSigmas };

describe('diffusers', () => {
  test.each(golden.runs)(
    '$sampler on $betaSchedule, $predictionType, $sigmas $timesteps agrees step by step',
    async (run) => {
      const schedule = run.betaSchedule === 'flow' ? flowSchedule() : betaSchedule(run.betaSchedule as BetaSchedule);
      // Ours may be the more exact list: diffusers' fractional times carry the rounding of float32 noise levels.
      const times = run.shift
        ? flowTimes(run.states.length, { shift: run.shift })
        : run.sigmas
          ? timesOfSigmas(schedule, spread[run.sigmas as keyof typeof spread](run.states.length, sigmaRange(schedule)))
          : run.timesteps;
      // Some of diffusers' schedulers give the network whole times, wherever the levels of the list are.
      const networkTimes = new Map(times.map((t) => [t, run.rounded ? Math.round(t) : t]));
      times.forEach((t, i) => expect(Math.abs(networkTimes.get(t)! - run.timesteps[i]!)).toBeLessThan(1e-3));
      // The toy network of the program next to the numbers; diffusers gives it a flow's time in thousandths.
      const scale = run.betaSchedule === 'flow' ? 1000 : 1;
      const network: Predict = async (xt, t) =>
        float32(
          xt.shape,
          xt.data.map((x, i) => {
            const time = t[Math.floor(i / size)]!;
            return Math.tanh(1.5 * x + 0.001 * scale * (networkTimes.get(time) ?? time));
          }),
        );
      const denoise = fromPrediction(network, schedule, run.predictionType as PredictionType);

      let count = 0;
      for await (const { step, xt } of samplers[run.sampler]!(denoise, float32(golden.shape, golden.xT), {
        schedule,
        timesteps: times,
        streams: recordedStreams(golden.noise, batch),
      })) {
        const expected = run.states[step]!;
        // Both round the state to float32 once a step, diffusers in coordinates that are up to 157 times as large, and it
        // rounds its noise levels too.
        const tolerance = 2e-5 * Math.max(1, ...expected.map(Math.abs));
        xt.data.forEach((x, i) => expect(Math.abs(x - expected[i]!), `step ${step}`).toBeLessThan(tolerance));
        count++;
      }
      expect(count).toBe(run.states.length);
    },
  );
});
