import { describe, expect, test } from 'vitest';
import { schedule, schedulerConfig, schedulerDefaults } from '../diffusion/index.ts';
import { schedulerFromJson, schedulerToJson } from './scheduler-json.ts';

const read = (json: Record<string, unknown>) => schedulerFromJson({ _class_name: 'DDPMScheduler', ...json }, 'file');

describe('a scheduler file', () => {
  test.each([
    schedulerConfig(),
    schedulerConfig({ betaSchedule: 'cosine', numTrainTimesteps: 50, varianceType: 'fixed_large' }),
    schedulerConfig({ numTrainTimesteps: 200, clipSample: false, clipSampleRange: 2.5 }),
    schedulerConfig({ process: 'flow', shift: 3, numTrainTimesteps: 500 }),
    schedulerConfig({ process: 'edm', sigmaMin: 0.01, sigmaMax: 40, sigmaData: 1 }),
  ])('of ours reads back as it was', (config) => {
    expect(schedulerFromJson(JSON.parse(JSON.stringify(schedulerToJson(config))), 'file')).toEqual(config);
  });

  test("without the ends of the betas has diffusers' own, whatever T", () => {
    expect(read({ num_train_timesteps: 200 })).toEqual({ ...schedulerDefaults, numTrainTimesteps: 200 });
  });

  test("of the other processes has diffusers' defaults", () => {
    expect(schedulerFromJson({ _class_name: 'FlowMatchEulerDiscreteScheduler' }, 'file')).toEqual(
      schedulerConfig({ process: 'flow' }),
    );
    expect(schedulerFromJson({ _class_name: 'EDMEulerScheduler', sigma_schedule: 'exponential' }, 'file')).toEqual(
      schedulerConfig({ process: 'edm' }),
    );
  });

  test('may hold anything where it changes nothing here', () => {
    expect(
      read({
        _diffusers_version: '0.1',
        _use_default_values: ['thresholding'],
        trained_betas: null,
        thresholding: false,
        dynamic_thresholding_ratio: 0.9,
        sample_max_value: 7,
        rescale_betas_zero_snr: false,
        timestep_spacing: 'trailing',
        steps_offset: 1,
        set_alpha_to_one: false,
        skip_prk_steps: true,
      }),
    ).toEqual(schedulerDefaults);
    expect(schedulerFromJson({ _class_name: 'DDIMScheduler', set_alpha_to_one: true }, 'file')).toEqual(
      schedulerDefaults,
    );
  });

  test('with fixed_small_log, the logarithm taken and undone, is one with fixed_small', () => {
    expect(read({ variance_type: 'fixed_small_log' })).toEqual(schedulerDefaults);
  });

  test('of another solver is the same process, with the defaults of its class', () => {
    const of = (className: string, json: Record<string, unknown> = {}) =>
      schedulerFromJson({ _class_name: className, ...json }, 'file');
    const unclipped = { ...schedulerDefaults, clipSample: false };
    expect(
      of('DPMSolverMultistepScheduler', {
        variance_type: null,
        lambda_min_clipped: -Infinity,
        use_flow_sigmas: false,
        solver_order: 2,
      }),
    ).toEqual(unclipped);
    expect(
      of('EulerDiscreteScheduler', { sigma_max: null, timestep_type: 'discrete', prediction_type: 'v_prediction' }),
    ).toEqual({ ...unclipped, predictionType: 'v_prediction' });
    expect(of('HeunDiscreteScheduler')).toEqual({ ...unclipped, betaStart: 0.00085, betaEnd: 0.012 });
    expect(of('FlowMatchHeunDiscreteScheduler', { shift: 2 })).toEqual({
      process: 'flow',
      numTrainTimesteps: 1000,
      shift: 2,
    });
    expect(of('EDMDPMSolverMultistepScheduler', { sigma_max: 40, solver_order: 3 })).toMatchObject({
      process: 'edm',
      sigmaMin: 0.002,
      sigmaMax: 40,
      sigmaData: 0.5,
    });
  });

  test("has the list of betas of a sigmoid next to its name, which diffusers' DDIMScheduler does not know", () => {
    const config = schedulerConfig({ betaSchedule: 'sigmoid', numTrainTimesteps: 50, betaStart: 0.01, betaEnd: 0.3 });
    const json = schedulerToJson(config);
    expect([json['beta_schedule'], json['trained_betas']]).toEqual(['sigmoid', [...schedule(config).betas]]);
    expect(schedulerFromJson(json, 'file')).toEqual(config);
    // Another list under the same name stays a list.
    const other = [...schedule(config).betas].with(3, 0.02);
    expect(schedulerFromJson({ ...json, trained_betas: other }, 'file')).toEqual({ ...config, trainedBetas: other });
  });

  test('a schedule that diffusers has no name for is written as the list of its betas, and means the same when read', () => {
    const config = schedulerConfig({ betaSchedule: 'sigmoid_alpha_bar', numTrainTimesteps: 50 });
    const json = schedulerToJson(config);
    expect([json['beta_schedule'], json['trained_betas']]).toEqual(['linear', [...schedule(config).betas]]);
    expect(schedulerFromJson(json, 'file')).toEqual(config);
    const named = schedulerConfig({
      betaSchedule: 'scaled_linear',
      predictionType: 'v_prediction',
      rescaleBetasZeroSnr: true,
    });
    expect(schedulerFromJson(schedulerToJson(named), 'file')).toEqual(named);
  });

  test.each([
    [{ trained_betas: [0.1] }, 'file: trainedBetas: expected one for each of the 1000 numTrainTimesteps, got 1'],
    [{ trained_betas: [2], num_train_timesteps: 1 }, 'file.trained_betas'],
    [{ thresholding: true }, 'file.thresholding: expected false, got true'],
    [
      { rescale_betas_zero_snr: true },
      'file: rescaleBetasZeroSnr: at its last time there is no signal, and ε-prediction has no information about the image',
    ],
    [{ _class_name: 'DDIMScheduler', set_alpha_to_one: false }, 'file.set_alpha_to_one: expected true, got false'],
    [
      { beta_schedule: 'laplace' },
      'file.beta_schedule: expected one of "linear"|"scaled_linear"|"squaredcos_cap_v2"|"sigmoid", got "laplace"',
    ],
    [
      { variance_type: 'learned' },
      'file.variance_type: expected one of "fixed_small"|"fixed_large"|"learned_range"|"fixed_small_log", got "learned"',
    ],
    [{ variance_type: 'fixed_large_log' }, 'file.variance_type: expected one of'],
    [
      { prediction_type: 'flow_prediction' },
      'file.prediction_type: expected one of "epsilon"|"sample"|"v_prediction", got "flow_prediction"',
    ],
    [{ beta_strat: 0.1 }, 'file: unknown key "beta_strat"; did you mean beta_start?'],
    [{ beta_end: 1.5 }, 'file: linearSchedule'],
    [{ num_train_timesteps: 1e9 }, 'file.num_train_timesteps: expected at most 1000000, got 1000000000'],
    [
      { _class_name: 'DPMSolverMultistepScheduler', use_flow_sigmas: true },
      'file.use_flow_sigmas: expected false, got true',
    ],
    [
      { _class_name: 'EulerDiscreteScheduler', timestep_type: 'continuous' },
      'file.timestep_type: expected "discrete", got "continuous"',
    ],
    [{ _class_name: 'constructor' }, 'file: scheduler "constructor" is not supported'],
    [
      { _class_name: 'ScoreSdeVeScheduler' },
      'file: scheduler "ScoreSdeVeScheduler" is not supported; one of DDPMScheduler, DDIMScheduler, PNDMScheduler, LMSDiscreteScheduler',
    ],
    [
      { _class_name: 'FlowMatchEulerDiscreteScheduler', use_dynamic_shifting: true },
      'file.use_dynamic_shifting: expected false, got true',
    ],
    [
      { _class_name: 'FlowMatchEulerDiscreteScheduler', shift_terminal: 0.1 },
      'file.shift_terminal: expected null, got 0.1',
    ],
    [
      { _class_name: 'EDMEulerScheduler', prediction_type: 'v_prediction' },
      'file.prediction_type: expected "epsilon", got "v_prediction"',
    ],
    [
      { _class_name: 'EDMEulerScheduler', sigma_min: 100 },
      'file: sigmaMin: expected a noise level below sigmaMax (80), got 100',
    ],
  ])('is refused where it would change results: %j', (json, message) => {
    expect(() => read(json)).toThrow(message);
  });
});
