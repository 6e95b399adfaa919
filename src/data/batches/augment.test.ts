import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../core/random.ts';
import {
  deformTransform,
  drawTransform,
  noAugmentation,
  applyTransform,
  smooth,
  type ImageAugmentation,
} from './augment.ts';
import type { DatasetContent } from '../sets/dataset.ts';
import { imagesInMemory } from '../images/image-store.ts';

const size = 16;
const area = size * size;

/** One image whose red is its column and whose green is its row, ten levels a pixel; blue is 0. */
const pixels = Uint8Array.from(
  { length: area * 3 },
  (_, i) => [10 * (Math.floor(i / 3) % size), 10 * Math.floor(i / 3 / size), 0][i % 3]!,
);
const ramps: DatasetContent = {
  images: imagesInMemory(pixels, area * 3),
  count: 1,
  height: size,
  width: size,
  channels: 3,
  ids: ['ramps.png'],
  skipped: [],
  notes: [],
};

/** The image seen in some view, in bytes: [C, H, W]. */
function seen(change: Partial<ImageAugmentation>, seed: number, content = ramps): number[] {
  const out = new Float32Array(3 * area);
  const augmentation = { ...noAugmentation, ...change };
  const transform = deformTransform(
    drawTransform(new RandomStream(seed, 'view'), content, augmentation),
    new RandomStream(seed, 'bend'),
    content,
    augmentation,
  );
  applyTransform(content, 0, transform, out);
  return Array.from(out, (value) => (value + 1) * 127.5);
}

/** Levels by which red and green rise from pixel to pixel, to the right and down, in the middle. */
function slopes(image: readonly number[]) {
  const at = (c: number, y: number, x: number) => image[c * area + y * size + x]!;
  return {
    redRight: at(0, 8, 8) - at(0, 8, 7),
    redDown: at(0, 8, 8) - at(0, 7, 8),
    greenRight: at(1, 8, 8) - at(1, 8, 7),
    greenDown: at(1, 8, 8) - at(1, 7, 8),
  };
}

const seeds = Array.from({ length: 20 }, (_, seed) => seed);

describe('a view', () => {
  test('without changes is the image', () => {
    seen({}, 1).forEach((value, i) => expect(value).toBeCloseTo(pixels[(i % area) * 3 + Math.floor(i / area)]!, 3));
  });

  test('that is turned by an angle has the ramp turned by it', () => {
    const angles = seeds.map((seed) => {
      const { redRight, redDown, greenRight, greenDown } = slopes(seen({ rotation: 20 }, seed));
      expect(Math.hypot(redRight, redDown)).toBeCloseTo(10, 2);
      expect(greenDown).toBeCloseTo(redRight, 2);
      expect(greenRight).toBeCloseTo(-redDown, 2);
      return (Math.atan2(greenRight, greenDown) * 180) / Math.PI;
    });
    for (const angle of angles) expect(Math.abs(angle)).toBeLessThan(20 + 1e-3);
    expect(Math.min(...angles)).toBeLessThan(-5);
    expect(Math.max(...angles)).toBeGreaterThan(5);
  });

  test('of an image that is not square is turned and not sheared', () => {
    const [height, width] = [12, 24];
    const wide: DatasetContent = {
      ...ramps,
      height,
      width,
      images: imagesInMemory(
        Uint8Array.from(
          { length: 3 * height * width },
          (_, i) => [10 * (Math.floor(i / 3) % width), 10 * Math.floor(i / 3 / width), 0][i % 3]!,
        ),
        3 * height * width,
      ),
    };
    for (const seed of seeds) {
      const {
        map: { xx, xy, yx, yy, x0, y0 },
      } = drawTransform(new RandomStream(seed, 'view'), wide, { ...noAugmentation, rotation: 20 });
      // A rotation: what it does to the axes has length one and stays at right angles.
      expect(Math.hypot(xx, yx)).toBeCloseTo(1, 12);
      expect(Math.hypot(xy, yy)).toBeCloseTo(1, 12);
      expect(xx * xy + yx * yy).toBeCloseTo(0, 12);
      // About the middle.
      expect(xx * (width / 2) + xy * (height / 2) + x0).toBeCloseTo(width / 2, 12);
      expect(yx * (width / 2) + yy * (height / 2) + y0).toBeCloseTo(height / 2, 12);
      const out = new Float32Array(3 * height * width);
      applyTransform(
        wide,
        0,
        drawTransform(new RandomStream(seed, 'view'), wide, { ...noAugmentation, rotation: 20 }),
        out,
      );
      const at = (c: number, y: number, x: number) => (out[(c * height + y) * width + x]! + 1) * 127.5;
      expect(Math.hypot(at(0, 6, 12) - at(0, 6, 11), at(0, 6, 12) - at(0, 5, 12))).toBeCloseTo(10, 2);
    }
  });

  test('that zooms out is smaller by the root of the area, and its edges go on', () => {
    for (const seed of seeds) {
      const image = seen({ zoomOut: 2 }, seed);
      const { redRight, redDown } = slopes(image);
      expect(redRight).toBeGreaterThan(10 - 1e-3);
      expect(redRight).toBeLessThan(10 * Math.SQRT2 + 1e-3);
      expect(redDown).toBeCloseTo(0, 3);
      expect(Math.min(...image)).toBeGreaterThan(-1e-3);
      expect(Math.max(...image)).toBeLessThan(150 + 1e-3);
    }
  });

  test('that is stretched keeps the product of its sides', () => {
    for (const seed of seeds) {
      const { redRight, greenDown } = slopes(seen({ aspectJitter: 0.3 }, seed));
      expect(redRight * greenDown).toBeCloseTo(100, 1);
      expect(Math.abs(Math.log(redRight / greenDown))).toBeLessThan(0.3 + 1e-3);
    }
  });

  test('in other colors keeps black and white', () => {
    const bytes = [0, 0, 0, 255, 255, 255, 200, 90, 40, 200, 90, 40];
    const content: DatasetContent = {
      ...ramps,
      images: imagesInMemory(
        Uint8Array.from({ length: area * 3 }, (_, i) => bytes[i % bytes.length]!),
        area * 3,
      ),
    };
    const colors = seeds.map((seed) => {
      const image = seen({ colorJitter: 0.5 }, seed, content);
      for (let c = 0; c < 3; c++) {
        expect(image[c * area]).toBeCloseTo(0, 3);
        expect(image[c * area + 1]).toBeCloseTo(255, 3);
      }
      return image[2]!;
    });
    expect(Math.max(...colors) - Math.min(...colors)).toBeGreaterThan(30);
  });

  test('without color has the luma in all channels', () => {
    const image = seen({ grayscale: 1 }, 1);
    for (let i = 0; i < area; i++)
      for (let c = 0; c < 3; c++)
        expect(image[c * area + i]).toBeCloseTo(0.299 * pixels[3 * i]! + 0.587 * pixels[3 * i + 1]!, 2);
  });

  test('that is smoothed spreads a point by the binomial coefficients, and keeps its sum', () => {
    const out = new Float32Array(3 * area);
    out[8 * size + 8] = 16;
    smooth(out, ramps, 1);
    expect([7, 8, 9].map((x) => out[8 * size + x])).toEqual([2, 4, 2]);
    expect([7, 9].map((y) => out[y * size + 7])).toEqual([1, 1]);
    smooth(out, ramps, 1);
    // (1, 4, 6, 4, 1) / 16
    expect([6, 7, 8, 9, 10].map((x) => out[8 * size + x])).toEqual([1, 4, 6, 4, 1].map((weight) => (weight * 6) / 16));
    expect(out.reduce((sum, value) => sum + value, 0)).toBeCloseTo(16, 5);
    const flat = new Float32Array(3 * area).fill(0.5);
    smooth(flat, ramps, 5);
    expect(flat.every((value) => Math.abs(value - 0.5) < 1e-6)).toBe(true);
  });

  test('is blurred as often as asked for', () => {
    const blurred = seeds
      .map((seed) => drawTransform(new RandomStream(seed, 'view'), ramps, { ...noAugmentation, blur: 0.5 }).blurs)
      .filter((times) => times > 0);
    expect(blurred.length).toBeGreaterThan(4);
    expect(blurred.length).toBeLessThan(16);
    expect(drawTransform(new RandomStream(1, 'view'), ramps, noAugmentation).blurs).toBe(0);
  });

  test('as in a mirror runs from right to left, as often as asked for, in whatever way it is seen', () => {
    const row = (image: readonly number[]) => image.slice(8 * size, 9 * size);
    row(seen({ horizontalFlip: 1 }, 1)).forEach((red, x) => expect(red).toBeCloseTo(10 * (size - 1 - x), 3));
    const changes = { zoomOut: 2, aspectJitter: 0.3, rotation: 20 };
    for (const seed of seeds) {
      const [plain, mirrored] = [slopes(seen(changes, seed)), slopes(seen({ ...changes, horizontalFlip: 1 }, seed))];
      expect(mirrored.redRight).toBeCloseTo(-plain.redRight, 2);
      expect(mirrored.greenDown).toBeCloseTo(plain.greenDown, 2);
    }
    const turned = seeds.filter((seed) => slopes(seen({ horizontalFlip: 0.5 }, seed)).redRight < 0).length;
    expect(turned).toBeGreaterThan(4);
    expect(turned).toBeLessThan(16);
  });

  test('that is bent looks aside by a smooth field of the stated size', () => {
    const displacements = Array.from(
      { length: 400 },
      (_, seed) =>
        deformTransform(
          drawTransform(new RandomStream(seed, 'view'), ramps, noAugmentation),
          new RandomStream(seed, 'bend'),
          ramps,
          { elasticDeformation: 0.1, horizontalFlip: 0 },
        ).displacement!,
    );
    // The first pixel's center is an eighth of a cell from the first point, so the field there is 7/8 of it and 1/8 of the next, along both axes.
    const expected = (0.1 * size * (7 ** 2 + 1)) / 64;
    const deviation = Math.sqrt(
      displacements.reduce((sum, displacement) => sum + displacement[0]! ** 2, 0) / displacements.length,
    );
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(0.15); // four standard errors
    for (const displacement of displacements) {
      // Linear within a cell, which is four pixels: second differences vanish there and nowhere jumps more than between two points.
      for (let x = 1; x < 3; x++)
        expect(displacement[x - 1]! - 2 * displacement[x]! + displacement[x + 1]!).toBeCloseTo(0, 4);
      for (let x = 1; x < size; x++)
        expect(Math.abs(displacement[x]! - displacement[x - 1]!)).toBeLessThan((0.1 * size * 8) / 4);
    }
    const [{ displacement }, image] = [{ displacement: displacements[0]! }, seen({ elasticDeformation: 0.1 }, 0)];
    for (const place of [5 * size + 5, 8 * size + 8]) {
      expect(image[place]).toBeCloseTo(10 * (place % size) + 10 * displacement[place]!, 2);
      expect(image[area + place]).toBeCloseTo(10 * Math.floor(place / size) + 10 * displacement[area + place]!, 2);
    }
  });

  test('is otherwise what it was without', () => {
    const { displacement: _, ...bent } = deformTransform(
      drawTransform(new RandomStream(1, 'view'), ramps, noAugmentation),
      new RandomStream(1, 'bend'),
      ramps,
      { elasticDeformation: 0.1, horizontalFlip: 0 },
    );
    expect(bent).toEqual(drawTransform(new RandomStream(1, 'view'), ramps, noAugmentation));
  });

  test('painted over another counts for its weight', () => {
    const transform = drawTransform(new RandomStream(1, 'view'), ramps, noAugmentation);
    const out = new Float32Array(3 * area).fill(1);
    applyTransform(ramps, 0, transform, out, 0.25);
    expect(out[0]).toBeCloseTo(0.75 - 0.25, 6);
  });
});
