import { describe, expect, test } from 'vitest';
import golden from '../../../test/golden/diffusers-schedulers.json' with { type: 'json' };
import { recordedStreams } from '../../../test/recorded-streams.ts';
import { toyNetwork } from '../../../test/toy-network.ts';
import { float32 } from '../../core/dtype.ts';
import { fromPrediction } from '../denoiser.ts';
import type { VarianceType } from '../process.ts';
import { type BetaSchedule, schedule } from '../processes/discrete-time.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';

const batch = golden.shape[0]!;
const size = golden.xT.length / batch;

const network = (learned: boolean) => toyNetwork(size, (x, time) => Math.tanh(1.5 * x + 0.001 * time), learned);

describe('diffusers', () => {
  test.each(golden.runs)(
    '$sampler, $betaSchedule, $spacing, clip $clip, $variance_type, eta $eta agrees step by step',
    async (run) => {
      const noise = schedule(run.betaSchedule as BetaSchedule);
      const denoise = fromPrediction(network(run.variance_type === 'learned_range'), noise, 'epsilon', {
        clip: run.clip ? 1 : undefined,
        rederiveEps: run.rederive ?? true,
      });
      const options = { schedule: noise, timesteps: run.timesteps, streams: recordedStreams(golden.noise, batch) };
      const xT = float32(golden.shape, golden.xT);
      const states =
        run.sampler === 'ddpm'
          ? ddpm(denoise, xT, { ...options, varianceType: run.variance_type as VarianceType })
          : ddim(denoise, xT, { ...options, eta: run.eta });
      let count = 0;
      for await (const { step, xt, x0 } of states) {
        const expected = run.states[step]!;
        // The state is kept in float32 (6e-8 relative a step) and x̂_0 divides by α; both stay below 1e-5 of the largest value.
        const scale = (values: readonly number[]) => 1e-5 * Math.max(1, ...values.map(Math.abs));
        xt.data.forEach((x, i) => expect(Math.abs(x - expected.xt[i]!)).toBeLessThan(scale(expected.xt)));
        x0.data.forEach((x, i) => expect(Math.abs(x - expected.x0[i]!)).toBeLessThan(scale(expected.x0)));
        count++;
      }
      expect(count).toBe(run.states.length);
    },
  );
});
