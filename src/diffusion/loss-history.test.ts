import { describe, expect, test } from 'vitest';
import { linearSchedule } from './beta-schedules.ts';
import { RandomStream } from '../core/random.ts';
import { drawTrainingNoise } from './training-noise.ts';
import { LossHistory } from './loss-history.ts';

const T = 50;
const schedule = linearSchedule({ T });
/** As losses by time are: large where little noise is. */
const lossOf = (t: number) => 1 / (1 + t);
const everyTime = (times = 10) => Array.from({ length: times * T }, (_, i) => ({ t: i % T, loss: lossOf(i % T) }));
const objective = { timeSampling: 'importance', offsetNoise: 0 } as const;

describe('the history of losses', () => {
  test('has no probabilities until every time has ten losses', () => {
    const history = new LossHistory(T);
    history.observe(everyTime(9));
    expect(history.probabilities()).toBeUndefined();
    history.observe(everyTime(1).slice(1));
    expect(history.probabilities()).toBeUndefined();
    history.observe([{ t: 0, loss: 1 }]);
    expect(history.probabilities()).toHaveLength(T);
  });

  test('draws in proportion to the root of the mean square of the last ten, and of a thousandth all alike', () => {
    const history = new LossHistory(T);
    history.observe(everyTime());
    // Ten older ones of time 7 leave; of the new ones half are 3 and half 4.
    history.observe(Array.from({ length: 10 }, (_, i) => ({ t: 7, loss: i % 2 === 0 ? 3 : 4 })));
    const roots = Array.from({ length: T }, (_, t) => (t === 7 ? Math.sqrt(12.5) : lossOf(t)));
    const total = roots.reduce((sum, root) => sum + root, 0);
    const p = history.probabilities()!;
    // The losses are kept as float32.
    p.forEach((value, t) => expect(value).toBeCloseTo((0.999 * roots[t]!) / total + 0.001 / T, 7));
    expect(p.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
  });

  test('of losses that are all zero draws all times alike', () => {
    const history = new LossHistory(T);
    history.observe(everyTime().map(({ t }) => ({ t, loss: 0 })));
    history.probabilities()!.forEach((p) => expect(p).toBe(1 / T));
  });

  test('goes on from its state with the same numbers', () => {
    const [one, other] = [new LossHistory(T), new LossHistory(T)];
    one.observe(everyTime(13).slice(0, 617));
    other.restore(one.state());
    const more = everyTime(12).slice(3);
    one.observe(more);
    other.observe(more);
    expect(other.probabilities()).toEqual(one.probabilities());
    expect(other.state()).toEqual(one.state());
    expect(() => new LossHistory(T + 1).restore(one.state())).toThrow(
      `lossHistory: the saved losses are not of ${T + 1} times; resume with the schedule that the run was started with`,
    );
    expect(() => new LossHistory(T).restore(new Map())).toThrow(`not of ${T} times`);
  });
});

describe('times drawn by importance', () => {
  const history = new LossHistory(T);
  history.observe(everyTime());
  const p = history.probabilities()!;

  test('come as often as their probabilities say', () => {
    const n = 50_000;
    const counts = new Float64Array(T);
    for (const t of drawTrainingNoise(schedule, [n, 0], new RandomStream(1, 'times'), objective, p).t) counts[t]!++;
    // A count of probability p deviates by √(n p (1 − p)); five of them, for there are fifty.
    counts.forEach((count, t) =>
      expect(Math.abs(count - n * p[t]!)).toBeLessThan(5 * Math.sqrt(n * p[t]! * (1 - p[t]!))),
    );
  });

  test('give the mean loss over all times without bias, with far less variance than uniform ones', () => {
    const truth = Array.from({ length: T }, (_, t) => lossOf(t)).reduce((sum, loss) => sum + loss, 0) / T;
    // In closed form: Σ p_t · L_t/(T p_t).
    expect(p.reduce((sum, value, t) => sum + (value * lossOf(t)) / (T * value), 0)).toBeCloseTo(truth, 12);
    const n = 20_000;
    const estimate = (probabilities?: Float64Array) => {
      const { t, importance } = drawTrainingNoise(
        schedule,
        [n, 0],
        new RandomStream(2, 'times'),
        objective,
        probabilities,
      );
      const losses = t.map((time, b) => importance.data[b]! * lossOf(time));
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / n;
      return { mean, variance: losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / n };
    };
    const [drawn, uniform] = [estimate(p), estimate()];
    expect(Math.abs(drawn.mean - truth)).toBeLessThan(4 * Math.sqrt(drawn.variance / n));
    expect(Math.abs(uniform.mean - truth)).toBeLessThan(4 * Math.sqrt(uniform.variance / n));
    expect(drawn.variance).toBeLessThan(uniform.variance / 1000);
  });

  test('are uniform, and weigh the same, as long as there is no history', () => {
    const uniform = drawTrainingNoise(schedule, [64, 2], new RandomStream(3, 'times'), {
      timeSampling: 'uniform',
      offsetNoise: 0,
    });
    expect(drawTrainingNoise(schedule, [64, 2], new RandomStream(3, 'times'), objective)).toEqual(uniform);
    expect(uniform.importance.data.every((weight) => weight === 1)).toBe(true);
  });
});
