import { describe, expect, test } from 'vitest';
import { RandomStream } from '../core/index.ts';
import { linearProbe, type LabeledFeatures } from './linear-probe.ts';
import { agreement, tuneProbe } from './tune-probe.ts';

/** Two classes that one of many numbers tells apart, a little; the others are noise, and a tenth of the labels is wrong. */
function noisy(count: number, seed: number, dim = 30): LabeledFeatures {
  const random = new RandomStream(seed, 'noisy');
  const data = random.fillNormal(new Float32Array(count * dim));
  for (let i = 0; i < count; i++) data[i * dim]! += 2 * (i % 2) - 1;
  return {
    count,
    dim,
    data,
    labels: Int32Array.from({ length: count }, (_, i) => (random.uniform() < 0.1 ? 1 - (i % 2) : i % 2)),
  };
}

describe('tuneProbe', () => {
  const [train, validation] = [noisy(100, 1), noisy(2000, 2)];

  test('finds what no C of the whole range beats but by little', () => {
    const { inverseRegularization, accuracy, trials } = tuneProbe(train, validation);
    const at = (c: number) =>
      agreement(linearProbe(train, { inverseRegularization: c }).predict(validation), validation.labels);
    expect(accuracy).toBe(Math.max(...trials.map((trial) => trial.accuracy)));
    // The same C from zeros instead of a neighbor's solution: the minimum is one.
    expect(at(inverseRegularization)).toBeCloseTo(accuracy, 2);
    const best = Math.max(...Array.from({ length: 25 }, (_, i) => at(10 ** (i / 2 - 6))));
    expect(accuracy).toBeGreaterThan(best - 0.003);
    // A hundred vectors of 30 numbers, most of them noise: too free a probe is worse.
    expect(at(1e3)).toBeLessThan(accuracy - 0.05);
    expect(inverseRegularization).toBeLessThan(0.1);
  });

  test('goes to an eighth of a decade, and tries nothing twice', () => {
    const told: number[] = [];
    const { inverseRegularization, trials } = tuneProbe(train, validation, {
      onTrial: (trial) => told.push(trial.inverseRegularization),
    });
    expect(told).toEqual(trials.map((trial) => trial.inverseRegularization));
    expect(new Set(told).size).toBe(told.length);
    const exponents = told.map(Math.log10);
    for (const side of [-1, 1])
      expect(exponents.some((each) => Math.abs(each - Math.log10(inverseRegularization) - side / 8) < 1e-9)).toBe(true);
  });

  test('stays within 10⁻⁶ … 10⁶ where less penalty is ever better', () => {
    const apart: LabeledFeatures = { count: 2, dim: 1, data: [1e-7, -1e-7], labels: [1, 0] };
    const { trials } = tuneProbe(apart, { ...apart, labels: [0, 1] });
    for (const { inverseRegularization } of trials)
      expect(Math.abs(Math.log10(inverseRegularization))).toBeLessThan(6 + 1e-9);
  });
});

test('a start of another size is refused', () => {
  expect(() => linearProbe(noisy(4, 1), { start: new Float64Array(3) })).toThrow(
    'linearProbe: start: expected 2 × 31 values, got 3',
  );
});

test('agreement is the share of places that are the same', () => {
  expect(agreement([1, 2, 3, 4], [1, 0, 3, 0])).toBe(0.5);
});
