import { describe, expect, test } from 'vitest';
import { float32, RandomStream } from '../core/index.ts';
import { fromFirstComponents, pathBetween, principalComponents, textDiff } from './embedding-paths.ts';

const draw = (count: number, width: number) =>
  float32([count, width], new RandomStream(3, 'embeddings', 0).fillNormal(new Float32Array(count * width)));
const norm = (values: ArrayLike<number>) => Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0));

describe('pathBetween', () => {
  test('goes through its ends along arcs of their length', () => {
    const ends = float32([3, 2], [2, 0, 0, 2, -2, 0]);
    const path = pathBetween(ends, 3);
    const half = 2 * Math.SQRT1_2;
    expect([...path.data].map((x) => Number(x.toFixed(5)))).toEqual(
      [2, 0, half, half, 0, 2, -half, half, -2, 0].map((x) => Number(x.toFixed(5))),
    );
    expect(() => pathBetween(float32([1, 2], [1, 0]), 3)).toThrow('there are two ends or more, got 1');
  });
});

describe('textDiff', () => {
  test('turns an embedding towards the difference of two texts, and keeps its length', () => {
    const image = float32([3], [0, 3, 0]);
    const [from, to] = [float32([3], [1, 0, 0]), float32([3], [0, 0, 5])];
    const turned = textDiff(image, { from, to, turns: [0, 0.5, 1] });
    expect([...turned.data.subarray(0, 3)]).toEqual([0, 3, 0]);
    for (let i = 0; i < 3; i++) expect(norm(turned.data.subarray(3 * i, 3 * i + 3))).toBeCloseTo(3, 5);
    // The end is the difference itself: away from the first text, towards the second.
    const [x, y, z] = turned.data.subarray(6, 9);
    expect(x).toBeCloseTo(-3 * Math.SQRT1_2, 5);
    expect(y).toBeCloseTo(0, 5);
    expect(z).toBeCloseTo(3 * Math.SQRT1_2, 5);
    expect(() => textDiff(image, { from, to: from, turns: [0.5] })).toThrow('both texts are the same to the CLIP');
  });
});

describe('principalComponents', () => {
  test('are orthonormal directions in falling variance, which add up to the embedding', () => {
    const embeddings = draw(50, 6);
    const found = principalComponents(embeddings);
    found.directions.forEach((a, i) => {
      found.directions.forEach((b, j) => {
        expect(a.reduce((sum, x, d) => sum + x * b[d]!, 0)).toBeCloseTo(i === j ? 1 : 0, 10);
      });
    });
    expect([...found.variances]).toEqual([...found.variances].sort((a, b) => b - a));
    const total = Array.from({ length: 300 }, (_, i) => (embeddings.data[i]! - found.mean[i % 6]!) ** 2 / 50);
    expect(found.variances.reduce((sum, x) => sum + x, 0)).toBeCloseTo(
      total.reduce((sum, x) => sum + x, 0),
      5,
    );
    const one = float32([6], embeddings.data.slice(0, 6) as Float32Array);
    const rebuilt = fromFirstComponents(one, found, [0, 3, 6]);
    rebuilt.data.subarray(0, 6).forEach((x, d) => expect(x).toBeCloseTo(found.mean[d]!, 6));
    rebuilt.data.subarray(12).forEach((x, d) => expect(x).toBeCloseTo(one.data[d]!, 5));
    const error = (i: number) => norm(rebuilt.data.subarray(6 * i, 6 * i + 6).map((x, d) => x - one.data[d]!));
    expect(error(1)).toBeLessThan(error(0));
    expect(() => fromFirstComponents(one, found, [7])).toThrow('expected 0 to 6 components, got 7');
  });

  test('of points on a line are that line', () => {
    const points = float32(
      [5, 3],
      [0, 1, 2, 3, 4].flatMap((t) => [t, 2 * t + 1, -2 * t]),
    );
    const { directions, variances } = principalComponents(points);
    expect(Math.abs(directions[0]![1]! / directions[0]![0]!)).toBeCloseTo(2, 8);
    expect(variances[0]).toBeCloseTo(18, 6);
    expect(variances[1]).toBeCloseTo(0, 8);
  });
});
