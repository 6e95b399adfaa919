import { expect, test } from 'vitest';
import { parseDecoderConfig } from './decoder-config.ts';

test('the variance is learned, unless the network predicts x_0 or it is said otherwise', () => {
  const varianceOf = (scheduler: object) =>
    parseDecoderConfig({
      data: { source: 'data', size: 8 },
      clip: { model: 'clip' },
      train: { steps: 1, batchSize: 1 },
      scheduler,
    }).scheduler;
  expect(varianceOf({})).toMatchObject({ betaSchedule: 'squaredcos_cap_v2', varianceType: 'learned_range' });
  expect(varianceOf({ predictionType: 'sample' })).toMatchObject({ varianceType: 'fixed_small' });
  expect(varianceOf({ predictionType: 'sample', varianceType: 'learned_range' })).toMatchObject({
    varianceType: 'learned_range',
  });
  expect(varianceOf({ varianceType: 'fixed_large' })).toMatchObject({ varianceType: 'fixed_large' });
});
