import { describe, expect, test } from 'vitest';
import { evaluate, float32, input, program, sizeOf, toValues, type Shape, type Tensor } from '../core/index.ts';
import { averagePool, filteredDownsample, filteredUpsample, repeatPixels } from './resample.ts';

/** What a function makes of an image with two channels whose pixel at (row, column) is `pixel(row, column) + 100 channel`. */
function run(
  f: (x: Tensor) => Tensor,
  [height, width]: readonly [number, number],
  pixel: (row: number, column: number) => number,
) {
  const shape: Shape = [1, 2, height, width];
  const values = Array.from(
    { length: sizeOf(shape) },
    (_, i) => pixel(Math.floor(i / width) % height, i % width) + 100 * Math.floor(i / width / height),
  );
  const out = evaluate(program({ outputs: { y: f(input('x', shape)) } }), () =>
    toValues(float32(shape, values)),
  ).outputs.get('y')!;
  const [, , rows, columns] = out.shape as [number, number, number, number];
  return {
    shape: out.shape,
    at: (row: number, column: number, channel = 0) => out.data[(channel * rows + row) * columns + column]!,
  };
}

describe('filtered resampling', () => {
  test('of a constant image is the same constant, up to the edges where they are mirrored', () => {
    for (const f of [filteredDownsample, filteredUpsample]) {
      const { shape, at } = run(
        (x) => f(x, 'reflect'),
        [6, 4],
        () => 7,
      );
      for (let row = 0; row < shape[2]!; row++)
        for (let column = 0; column < shape[3]!; column++) {
          expect(at(row, column)).toBeCloseTo(7, 12);
          expect(at(row, column, 1)).toBeCloseTo(107, 12);
        }
    }
  });

  test('of a ramp is the ramp between its pixels', () => {
    const down = run(
      (x) => filteredDownsample(x, 'zeros'),
      [6, 8],
      (_, column) => column,
    );
    expect(down.shape).toEqual([1, 2, 3, 4]);
    // Taps 1 3 3 1 about the middle of pixels 2 and 3.
    expect(down.at(1, 1)).toBeCloseTo(2.5, 12);
    const up = run(
      (x) => filteredUpsample(x, 'zeros'),
      [6, 8],
      (row) => row,
    );
    expect(up.shape).toEqual([1, 2, 12, 16]);
    // A fine pixel lies a quarter of a coarse one from the nearest.
    expect([up.at(4, 5), up.at(5, 5)]).toEqual([1.75, 2.25]);
  });

  test("with zeros beyond the edges loses an eighth of each edge's weight", () => {
    const down = run(
      (x) => filteredDownsample(x, 'zeros'),
      [6, 8],
      () => 1,
    );
    expect(down.at(1, 1)).toBeCloseTo(1, 12);
    expect(down.at(0, 1)).toBeCloseTo(7 / 8, 12);
    expect(down.at(0, 0)).toBeCloseTo((7 / 8) ** 2, 12);
  });

  test('cannot mirror a single pixel', () => {
    expect(() => filteredDownsample(input('x', [1, 2, 1, 4]), 'reflect')).toThrow(
      'reflect: an image of [1, 2, 1, 4] has no second pixel to mirror',
    );
  });
});

test('averaging undoes repeating', () => {
  const { shape, at } = run(
    (x) => averagePool(repeatPixels(x)),
    [3, 2],
    (row, column) => row * 10 + column,
  );
  expect(shape).toEqual([1, 2, 3, 2]);
  expect([at(2, 1), at(0, 1, 1)]).toEqual([21, 101]);
});
