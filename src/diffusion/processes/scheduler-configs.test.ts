import { describe, expect, test } from 'vitest';
import { cosineSchedule, linearSchedule } from '../beta-schedules.ts';
import { networkProcess, schedulerConfig, type SchedulerOptions } from '../processes.ts';
import { schedule, schedulerDefaults } from './discrete-time.ts';

describe('scheduler config', () => {
  test('the schedules are found by the names of the command line and of diffusers', () => {
    expect(schedule('linear').alphasCumprod).toEqual(linearSchedule().alphasCumprod);
    expect(schedule('cosine').alphasCumprod).toEqual(cosineSchedule().alphasCumprod);
    expect(schedule('squaredcos_cap_v2').alphasCumprod).toEqual(cosineSchedule().alphasCumprod);
    expect(schedule({ betaSchedule: 'cosine', numTrainTimesteps: 50 }).alphasCumprod).toEqual(
      cosineSchedule({ T: 50 }).alphasCumprod,
    );
    expect(schedule({ betaStart: 0.001, betaEnd: 0.01 }).alphasCumprod).toEqual(
      linearSchedule({ betaStart: 0.001, betaEnd: 0.01 }).alphasCumprod,
    );
  });

  test('a configuration is filled in with defaults, and cosine gets its name in diffusers', () => {
    expect(schedulerConfig()).toEqual(schedulerDefaults);
    expect(schedulerConfig({ betaSchedule: 'cosine', varianceType: 'fixed_large' })).toEqual({
      ...schedulerDefaults,
      betaSchedule: 'squaredcos_cap_v2',
      varianceType: 'fixed_large',
    });
  });

  test('with fewer steps the betas of the configuration are the scaled ones, written out', () => {
    const config = schedulerConfig({ numTrainTimesteps: 100 });
    expect([config.betaStart, config.betaEnd]).toEqual([0.001, 0.2]);
    expect(schedule(config).alphasCumprod).toEqual(linearSchedule({ T: 100 }).alphasCumprod);
  });

  test.each([
    [
      { betaSchedule: 'laplace' },
      'unknown betaSchedule "laplace"; one of linear, scaled_linear, squaredcos_cap_v2, sigmoid, sigmoid_alpha_bar, cosine',
    ],
    [{ varianceType: 'learned' }, 'unknown varianceType "learned"; one of fixed_small, fixed_large, learned_range'],
    [{ predictionType: 'flow_prediction' }, 'predictionType: flow_prediction belongs to rectified flows'],
    [{ rescaleBetasZeroSnr: true }, 'use predictionType v_prediction or sample'],
    [{ trainedBetas: [0.1, 0.2] }, 'trainedBetas: expected one for each of the 1000 numTrainTimesteps, got 2'],
    [{ predictionType: 'flow' }, 'unknown predictionType "flow"; one of epsilon'],
    [{ betaStrat: 1 }, 'unknown scheduler field "betaStrat"; one of betaSchedule, numTrainTimesteps'],
    [{ clipSampleRange: 0 }, 'clipSampleRange: expected a positive number, got 0'],
  ])('%j is refused', (options, message) => {
    expect(() => networkProcess(schedulerConfig(options as SchedulerOptions))).toThrow(message);
  });
});

test.each([null, 7, 'linear', [1]])('%j is no configuration', (value) => {
  expect(() => schedulerConfig(value as unknown as object)).toThrow(
    `scheduler: expected an object, got ${JSON.stringify(value)}`,
  );
});
