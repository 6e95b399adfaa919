import { describe, expect, test } from 'vitest';
import { RandomStream } from '../core/index.ts';
import { minimize } from './l-bfgs.ts';
import { linearProbe, nearestNeighbors, type LabeledFeatures } from './linear-probe.ts';

describe('minimize', () => {
  test('finds the minimum of a badly scaled quadratic', () => {
    const scales = [1, 10, 100, 1e4];
    const { x, value, iterations } = minimize(
      (at, gradient) => {
        scales.forEach((a, i) => {
          gradient[i] = a * (at[i]! - i);
        });
        return scales.reduce((sum, a, i) => sum + (a * (at[i]! - i) ** 2) / 2, 0);
      },
      new Float64Array(4),
      { maxIterations: 200, tolerance: 1e-9 },
    );
    expect([...x]).toEqual([0, 1, 2, 3].map((each) => expect.closeTo(each, 8)));
    expect(value).toBeLessThan(1e-15);
    expect(iterations).toBeLessThan(60);
  });

  test("finds the bottom of Rosenbrock's valley", () => {
    const { x } = minimize(
      ([a = 0, b = 0], gradient) => {
        gradient[0] = -2 * (1 - a) - 400 * a * (b - a * a);
        gradient[1] = 200 * (b - a * a);
        return (1 - a) ** 2 + 100 * (b - a * a) ** 2;
      },
      Float64Array.of(-1.2, 1),
      { maxIterations: 500, tolerance: 1e-9 },
    );
    expect([...x]).toEqual([expect.closeTo(1, 7), expect.closeTo(1, 7)]);
  });
});

/** Three clouds in a plane of `dim` numbers. */
function clouds(count: number, spread: number, seed: number, dim = 4): LabeledFeatures {
  const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
  const noise = new RandomStream(seed, 'clouds').fillNormal(new Float32Array(count * dim));
  return {
    count,
    dim,
    labels,
    data: noise.map((z, i) => spread * z + (i % dim === labels[Math.floor(i / dim)] ? 3 : 0)),
  };
}

const accuracy = (found: ArrayLike<number>, { labels, count }: LabeledFeatures) =>
  Array.from(found).filter((label, i) => label === labels[i]).length / count;

describe('linearProbe', () => {
  test('ends where the gradient of its objective is zero, by central differences', () => {
    const train = clouds(60, 2, 1);
    const c = 0.7;
    const { weights } = linearProbe(train, { inverseRegularization: c });
    const objective = (w: Float64Array): number => {
      let total = 0;
      for (let i = 0; i < train.count; i++) {
        const logits = [0, 1, 2].map((k) =>
          Array.from({ length: 4 }, (_, d) => w[k * 5 + d]! * train.data[i * 4 + d]!).reduce(
            (a, b) => a + b,
            w[k * 5 + 4]!,
          ),
        );
        total += c * (Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - logits[train.labels[i]!]!);
      }
      return total + [...w].reduce((sum, each, j) => sum + (j % 5 === 4 ? 0 : each * each) / 2, 0);
    };
    for (let j = 0; j < weights.length; j++) {
      const moved = (by: number) => objective(weights.map((each, i) => (i === j ? each + by : each)));
      // The tolerance of the fit is 1e-5 of the first gradient, which is of order 50.
      expect(Math.abs(moved(1e-4) - moved(-1e-4)) / 2e-4, `weight ${j}`).toBeLessThan(2e-3);
    }
  });

  test('of one number is the logistic curve with a known slope', () => {
    // Two points ±1 of the classes 1 and 0: by symmetry w₁ = −w₀ = w, b = 0, and 2 C σ(−2w) = w.
    const { weights } = linearProbe({ count: 2, dim: 1, data: [1, -1], labels: [1, 0] }, { inverseRegularization: 2 });
    const w = weights[2]!;
    expect(weights[0]).toBeCloseTo(-w, 5);
    expect(w).toBeCloseTo(4 / (1 + Math.exp(2 * w)), 4);
  });

  test('tells clouds apart that it has not seen', () => {
    const probe = linearProbe(clouds(90, 0.8, 1));
    expect(accuracy(probe.predict(clouds(300, 0.8, 2)), clouds(300, 0.8, 2))).toBeGreaterThan(0.95);
  });

  test.each([
    [
      { count: 2, dim: 1, data: [1, 2], labels: [0, 0] },
      'linearProbe: there is only one class; a probe needs two or more',
    ],
    [{ count: 2, dim: 1, data: [1, 2], labels: [0, -1] }, 'linearProbe: label 1: expected a class from 0, got -1'],
    [
      { count: 2, dim: 2, data: [1, 2], labels: [0, 1] },
      'linearProbe: 2 values and 2 labels do not fit 2 vectors of 2',
    ],
    [{ count: 2, dim: 1, data: [1, Number.NaN], labels: [0, 1] }, 'linearProbe: vector 1 is not finite'],
  ])('refuses %j', (features, message) => {
    expect(() => linearProbe(features)).toThrow(message);
  });

  test('refuses features of another network', () => {
    expect(() => linearProbe(clouds(9, 1, 1)).predict(clouds(9, 1, 1, 5))).toThrow(
      'linearProbe: was fitted to features of 4 numbers, these have 5',
    );
  });
});

describe('nearestNeighbors', () => {
  const train: LabeledFeatures = {
    count: 5,
    dim: 2,
    data: [1, 0, 0.9, 0.1, 0, 5, 0.1, 4, -1, 0],
    labels: [0, 0, 1, 1, 2],
  };

  test('goes by direction, not by length', () => {
    expect([...nearestNeighbors(train, { count: 3, dim: 2, data: [100, 1, 0, 0.01, -3, 0.1] }, 1)]).toEqual([0, 1, 2]);
  });

  test('takes the class of most, and of as many that of the nearest', () => {
    expect([...nearestNeighbors(train, { count: 1, dim: 2, data: [-1, 0.2] }, 3)]).toEqual([1]);
    expect([...nearestNeighbors(train, { count: 1, dim: 2, data: [1, 0] }, 4)]).toEqual([0]);
  });

  test('refuses more neighbors than there are', () => {
    expect(() => nearestNeighbors(train, train, 6)).toThrow(
      'nearestNeighbors: k: expected an integer from 1 to 5, got 6',
    );
  });
});
