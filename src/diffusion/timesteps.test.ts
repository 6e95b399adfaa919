import { describe, expect, test } from 'vitest';
import golden from '../../test/golden/diffusers-schedulers.json' with { type: 'json' };
import { checkTimesteps, timesteps, type TimestepSpacing, timestepSpacings, transitions } from './timesteps.ts';

describe('timesteps', () => {
  test.each([
    ['leading', [900, 800, 700, 600, 500, 400, 300, 200, 100, 0]],
    ['trailing', [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]],
    ['linspace', [999, 888, 777, 666, 555, 444, 333, 222, 111, 0]],
  ] as const)('ten of 1000 times with %s spacing are the golden list', (spacing, list) => {
    expect(timesteps(1000, 10, { spacing })).toEqual(list);
  });

  test.each(golden.lists)(
    '$N of $T times, $spacing, offset $offset, are those of diffusers',
    ({ T, N, spacing, offset, times }) => {
      expect(timesteps(T, N, { spacing: spacing as TimestepSpacing, offset })).toEqual(times);
    },
  );

  test('every spacing gives a falling list of N times within the schedule, and all of them for N = T', () => {
    for (const spacing of timestepSpacings) {
      for (let N = 1; N <= 60; N++) expect(checkTimesteps('test', timesteps(60, N, { spacing }), 60)).toHaveLength(N);
      expect(timesteps(60, 60, { spacing })).toEqual(Array.from({ length: 60 }, (_, i) => 59 - i));
    }
  });

  test('one step starts where the noise is', () => {
    expect(timesteps(1000, 1)).toEqual([999]);
    expect(timesteps(1000, 1, { spacing: 'linspace' })).toEqual([999]);
  });

  test('the last step goes to the clean image', () => {
    expect(transitions([9, 4, 2], { clean: -1 })).toEqual([
      { t: 9, s: 4 },
      { t: 4, s: 2 },
      { t: 2, s: -1 },
    ]);
  });

  test('impossible lists are refused', () => {
    for (const N of [0, 11, 2.5])
      expect(() => timesteps(10, N)).toThrow(`timesteps: the number of steps must be an integer in 1 … 10, got ${N}`);
    expect(() => timesteps(10, 5, { spacing: 'even' as TimestepSpacing })).toThrow(
      'unknown timestep spacing "even"; one of leading, trailing, linspace',
    );
    expect(() => timesteps(10, 10, { spacing: 'leading', offset: 1 })).toThrow(
      'timesteps: timesteps must be integers in 0 … 9, got 10',
    );
    expect(() => timesteps(10, 5, { offset: 1 })).toThrow(
      'timesteps: an offset belongs to the leading spacing, got 1 with trailing',
    );
    expect(() => checkTimesteps('ddim', [5, 5], 10)).toThrow('ddim: timesteps must fall, got 5 after 5');
    expect(() => checkTimesteps('ddim', [], 10)).toThrow('ddim: the list of timesteps is empty');
  });
});
