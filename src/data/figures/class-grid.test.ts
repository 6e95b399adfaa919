import { describe, expect, test } from 'vitest';
import type { Bitmap } from '../images/bitmap.ts';
import { layClassGrid } from './class-grid.ts';
import { gridDefaults, layGrid } from './grid.ts';

/** A square of one color: the label is its red, the place among the images its green. */
const square = (label: number, place: number, side = 8): Bitmap => ({
  data: Uint8Array.from({ length: side * side * 3 }, (_, i) => [10 + 10 * label, 100 + place, 7][i % 3]!),
  width: side,
  height: side,
  channels: 3,
});
const set = (classes: number, count: number, side = 8) => {
  const labels = Array.from({ length: count }, (_, i) => i % classes);
  return { labels, images: labels.map((label, i) => square(label, i, side)) };
};
/** The colors of a sheet that belong to our squares, in the order of the first pixel of each, row by row. */
const seen = ({ data, width, height }: Bitmap): { label: number; place: number; x: number; y: number }[] => {
  const found = new Map<number, { label: number; place: number; x: number; y: number }>();
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [r, g, b] = data.subarray((y * width + x) * 3);
      if (b === 7 && !found.has(g!)) found.set(g!, { label: (r! - 10) / 10, place: g! - 100, x, y });
    }
  return [...found.values()];
};

describe('images of few classes', () => {
  test.each([
    [2, 36],
    [3, 36],
    [4, 16],
    [10, 40],
    [20, 20],
    [5, 7],
  ])(
    '%i classes, %i images: all are there, classes keep together, and the sheet is about square',
    async (classes, count) => {
      const { labels, images } = set(classes, count);
      const sheet = await layClassGrid(
        images,
        labels,
        Array.from({ length: classes }, (_, i) => `class ${i}`),
      );
      const squares = seen(sheet);
      expect(squares.map(({ place }) => place).sort((a, b) => a - b)).toEqual(images.map((_, i) => i));
      expect(squares.every(({ label, place }) => label === place % classes)).toBe(true);
      // No image of another class lies in the rectangle around those of a class.
      for (let label = 0; label < classes; label++) {
        const own = squares.filter((one) => one.label === label);
        const [xs, ys] = [own.map(({ x }) => x), own.map(({ y }) => y)];
        const inside = squares.filter(
          ({ x, y }) => x >= Math.min(...xs) && x <= Math.max(...xs) && y >= Math.min(...ys) && y <= Math.max(...ys),
        );
        expect(inside.every((one) => one.label === label)).toBe(true);
      }
      expect(Math.max(sheet.width / sheet.height, sheet.height / sheet.width)).toBeLessThan(2);
      expect(Math.max(sheet.width, sheet.height)).toBeLessThanOrEqual(gridDefaults.target * 1.25);
    },
  );

  test('have their names above them: another name is another sheet, in its own block only', async () => {
    const { labels, images } = set(2, 8);
    const [one, other] = await Promise.all(['cat', 'cow'].map((name) => layClassGrid(images, labels, [name, 'dog'])));
    const differing = Array.from({ length: one!.width * one!.height }, (_, i) => i).filter(
      (i) => one!.data.subarray(i * 3, i * 3 + 3).join() !== other!.data.subarray(i * 3, i * 3 + 3).join(),
    );
    expect(differing.length).toBeGreaterThan(0);
    const first = seen(one!).filter(({ label }) => label === 0);
    for (const pixel of differing)
      expect(Math.floor(pixel / one!.width)).toBeLessThan(Math.min(...first.map(({ y }) => y)));
  });

  test('a name that is too long for its block ends in an ellipsis and stays inside', async () => {
    const { labels, images } = set(2, 2);
    const long = await layClassGrid(images, labels, ['a very long name indeed', 'b']);
    const short = await layClassGrid(images, labels, ['c', 'b']);
    expect([long.width, long.height]).toEqual([short.width, short.height]);
  });
});

const same = (a: Bitmap, b: Bitmap) => a.width === b.width && Buffer.compare(a.data, b.data) === 0;

test('images without classes, of one class or of very many are laid as ever', async () => {
  for (const [classes, count] of [
    [1, 9],
    [21, 42],
  ] as const) {
    const { labels, images } = set(classes, count);
    expect(same(await layClassGrid(images, labels), layGrid(images))).toBe(true);
  }
  const { images } = set(3, 9);
  expect(same(await layClassGrid(images, undefined), layGrid(images))).toBe(true);
});
