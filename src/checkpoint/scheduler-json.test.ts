import { describe, expect, test } from 'vitest';
import { schedulerConfig, schedulerDefaults } from '../diffusion/index.ts';
import { schedulerFromJson, schedulerToJson } from './scheduler-json.ts';

const read = (json: Record<string, unknown>) => schedulerFromJson({ _class_name: 'DDPMScheduler', ...json }, 'file');

describe('a scheduler file', () => {
  test.each([
    schedulerConfig(),
    schedulerConfig({ betaSchedule: 'cosine', numTrainTimesteps: 50, varianceType: 'fixed_large' }),
    schedulerConfig({ numTrainTimesteps: 200, clipSample: false, clipSampleRange: 2.5 }),
  ])('of ours reads back as it was', (config) => {
    expect(schedulerFromJson(JSON.parse(JSON.stringify(schedulerToJson(config))), 'file')).toEqual(config);
  });

  test('without the ends of the betas has diffusers\' own, whatever T', () => {
    expect(read({ num_train_timesteps: 200 })).toEqual({ ...schedulerDefaults, numTrainTimesteps: 200 });
  });

  test('may hold anything where it changes nothing here', () => {
    expect(read({
      _diffusers_version: '0.1', _use_default_values: ['thresholding'], trained_betas: null, thresholding: false, dynamic_thresholding_ratio: 0.9,
      sample_max_value: 7, rescale_betas_zero_snr: false, timestep_spacing: 'trailing', steps_offset: 1, set_alpha_to_one: false, skip_prk_steps: true,
    })).toEqual(schedulerDefaults);
    expect(schedulerFromJson({ _class_name: 'DDIMScheduler', set_alpha_to_one: true }, 'file')).toEqual(schedulerDefaults);
  });

  test.each([
    [{ trained_betas: [0.1] }, 'file.trained_betas: expected null'],
    [{ thresholding: true }, 'file.thresholding: expected false, got true'],
    [{ rescale_betas_zero_snr: true }, 'file.rescale_betas_zero_snr: expected false, got true'],
    [{ _class_name: 'DDIMScheduler', set_alpha_to_one: false }, 'file.set_alpha_to_one: expected true, got false'],
    [{ beta_schedule: 'scaled_linear' }, 'file.beta_schedule: expected one of "linear"|"squaredcos_cap_v2", got "scaled_linear"'],
    [{ variance_type: 'learned_range' }, 'file.variance_type: expected one of "fixed_small"|"fixed_large", got "learned_range"'],
    [{ beta_strat: 0.1 }, 'file: unknown key "beta_strat"; did you mean beta_start?'],
    [{ beta_end: 1.5 }, 'file: linearSchedule'],
    [{ num_train_timesteps: 1e9 }, 'file.num_train_timesteps: expected at most 1000000, got 1000000000'],
    [{ _class_name: 'PNDMScheduler' }, 'file: scheduler "PNDMScheduler" is not supported; one of DDPMScheduler, DDIMScheduler'],
  ])('is refused where it would change results: %j', (json, message) => {
    expect(() => read(json)).toThrow(message);
  });
});
