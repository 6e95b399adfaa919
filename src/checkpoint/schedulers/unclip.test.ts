import { describe, expect, test } from 'vitest';
import golden from '../../../test/golden/unclip-scheduler.json' with { type: 'json' };
import { recordedStreams } from '../../../test/recorded-streams.ts';
import { toyNetwork } from '../../../test/toy-network.ts';
import { float32 } from '../../core/dtype.ts';
import {
  ddpm,
  fromPrediction,
  networkProcess,
  samplerNamed,
  samplerTimesteps,
  schedulerConfig,
} from '../../diffusion/index.ts';
import { schedulerFromJson } from '../scheduler-json.ts';
import { unclipSampling, unclipSchedulerToJson } from './unclip.ts';

const batch = golden.shape[0]!;
const size = golden.xT.length / batch;

const network = (learned: boolean) => toyNetwork(size, (x, time) => 3 * Math.tanh(1.5 * x + 0.001 * time), learned);

describe('UnCLIPScheduler', () => {
  test.each(golden.runs)('$config.prediction_type, $config.variance_type agrees step by step', async (run) => {
    const config = schedulerFromJson(run.config, 'scheduler');
    const { schedule, preconditioning, clip, varianceType } = networkProcess(config);
    const steps = run.timesteps.length;
    const timesteps = samplerTimesteps(samplerNamed(unclipSampling.sampler), schedule, { steps, ...unclipSampling });
    expect(timesteps).toEqual(run.timesteps);
    const denoise = fromPrediction(network(varianceType === 'learned_range'), schedule, preconditioning, { clip });
    const states = ddpm(denoise, float32(golden.shape, golden.xT), {
      schedule,
      timesteps,
      streams: recordedStreams(golden.noise, batch),
      varianceType,
    });
    let count = 0;
    for await (const { step, xt, x0 } of states) {
      const expected = run.states[step]!;
      // The state is kept in float32, and x̂_0 divides by α, which the cosine schedule lets fall to 5e-5.
      const scale = (values: readonly number[]) => 2e-5 * Math.max(1, ...values.map(Math.abs));
      xt.data.forEach((x, i) => expect(Math.abs(x - expected.xt[i]!)).toBeLessThan(scale(expected.xt)));
      x0.data.forEach((x, i) => expect(Math.abs(x - expected.x0[i]!)).toBeLessThan(scale(expected.x0)));
      count++;
    }
    expect(count).toBe(steps);
  });

  test.each(golden.runs)('comes back from our configuration: $config.variance_type', ({ config }) => {
    const ours = schedulerFromJson(config, 'scheduler');
    const written = unclipSchedulerToJson(ours);
    expect(Object.keys(written)).toHaveLength(Object.keys(config).length - 1);
    expect(written).toMatchObject({ numTrainTimesteps: config.num_train_timesteps, clipSample: config.clip_sample });
  });

  test('is not written for what it has no word for', () => {
    const refusal = (options: Parameters<typeof schedulerConfig>[0]) => () =>
      unclipSchedulerToJson(schedulerConfig(options), 'the prior');
    expect(refusal({})).toThrow('the prior: diffusers\' UnCLIPScheduler has no betaSchedule "linear"; expected cosine');
    expect(refusal({ betaSchedule: 'cosine', predictionType: 'v_prediction' })).toThrow(
      'has no predictionType "v_prediction"; expected epsilon or sample',
    );
    expect(refusal({ betaSchedule: 'cosine', varianceType: 'fixed_large' })).toThrow(
      'has no varianceType "fixed_large"; expected fixed_small or learned_range',
    );
    expect(refusal({ process: 'flow' })).toThrow('has no process "flow"; expected a discrete-time process');
    expect(() => schedulerFromJson({ _class_name: 'UnCLIPScheduler', beta_schedule: 'linear' }, 'x')).toThrow(
      /^x\.beta_schedule: /,
    );
  });
});
