import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchAt, imagesAt } from './batches.ts';
import type { Dataset } from '../sets/dataset.ts';
import { imagesInMemory } from '../images/image-store.ts';

/** N images of 2×3; the first pixel of image i is i, the last of its row 100 + i. */
function numbered(count: number, classes = false): Dataset {
  const images = new Uint8Array(count * 6 * 3);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) {
      images[i * 18 + c] = i;
      images[i * 18 + 6 + c] = 100 + i;
    }
  }
  return {
    name: 'numbered',
    images: imagesInMemory(images, 18),
    count,
    height: 2,
    width: 3,
    channels: 3,
    ids: Array.from({ length: count }, (_, i) => `${i}`),
    skipped: [],
    notes: [],
    fingerprint: '',
    fromCache: false,
    ...(classes && { labels: Int32Array.from({ length: count }, (_, i) => i % 3), classNames: ['a', 'b', 'c'] }),
  };
}

const indicesOf = (dataset: Dataset, seed: number, batchSize: number, steps: number): number[] =>
  Array.from({ length: steps }, (_, step) => [...batchAt(dataset, { seed, step, batchSize }).indices]).flat();

describe('batchAt', () => {
  it('shows every image once an epoch, whatever the batch size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(1000),
        (count, batchSize, seed) => {
          const seen = indicesOf(numbered(count), seed, batchSize, Math.ceil((3 * count) / batchSize));
          for (let epoch = 0; epoch < 3; epoch++) {
            expect(seen.slice(epoch * count, (epoch + 1) * count).sort((a, b) => a - b)).toEqual(
              Array.from({ length: count }, (_, i) => i),
            );
          }
        },
      ),
    );
  });

  it('orders every epoch and every seed differently', () => {
    const dataset = numbered(50);
    const [first, second] = [0, 1].map((step) =>
      indicesOf(dataset, 7, 50, 2)
        .slice(step * 50, step * 50 + 50)
        .join(),
    );
    expect(first).not.toBe(second);
    expect(indicesOf(dataset, 8, 50, 1).join()).not.toBe(first);
  });

  it('is a function of seed and step alone: a resumed training sees the same batches', () => {
    const options = { seed: 3, batchSize: 7, horizontalFlip: true };
    const straight = Array.from({ length: 9 }, (_, step) => batchAt(numbered(10, true), { ...options, step }));
    const dataset = numbered(10, true);
    for (const step of [8, 2, 5, 0, 8]) expect(batchAt(dataset, { ...options, step })).toEqual(straight[step]);
  });

  it('scales bytes to [−1, 1] and turns channels into planes', () => {
    const { images, indices } = batchAt(numbered(4), { seed: 0, step: 0, batchSize: 2 });
    expect(images.shape).toEqual([2, 3, 2, 3]);
    for (const [b, index] of indices.entries()) {
      expect(images.data[b * 18]).toBe(Math.fround(index / 127.5 - 1));
      expect(images.data[b * 18 + 12 + 2]).toBe(Math.fround((100 + index) / 127.5 - 1));
      expect(images.data[b * 18 + 5]).toBe(-1);
    }
  });

  it('mirrors about half of the images, each image whole', () => {
    const { images, indices } = batchAt(numbered(20), { seed: 1, step: 0, batchSize: 400, horizontalFlip: true });
    let mirrored = 0;
    for (const [b, index] of indices.entries()) {
      const ends = [0, 2].map((x) => Math.round((images.data[b * 18 + x]! + 1) * 127.5));
      if (ends[0] === index) expect(ends[1]).toBe(100 + index);
      else {
        expect(ends).toEqual([100 + index, index]);
        mirrored++;
      }
    }
    // A fair coin 400 times: four standard deviations are 40.
    expect(Math.abs(mirrored - 200)).toBeLessThan(40);
  });

  it('carries the classes along', () => {
    const { labels, indices } = batchAt(numbered(9, true), { seed: 0, step: 4, batchSize: 5 });
    expect([...labels!]).toEqual([...indices].map((index) => index % 3));
    expect(batchAt(numbered(9), { seed: 0, step: 0, batchSize: 1 }).labels).toBeUndefined();
  });

  it('refuses what is no step or batch size', () => {
    expect(() => batchAt(numbered(2), { seed: 0, step: -1, batchSize: 1 })).toThrow(
      'batchAt: step: expected an integer of 0 or more, got -1',
    );
    expect(() => batchAt(numbered(2), { seed: 0, step: 0, batchSize: 0 })).toThrow(
      'batchAt: batchSize: expected a positive integer, got 0',
    );
    expect(() => batchAt(numbered(0), { seed: 0, step: 0, batchSize: 1 })).toThrow('"numbered" has no images');
  });
});

describe('imagesAt', () => {
  it('copies the images asked for', () => {
    const dataset = numbered(5);
    const [image] = imagesAt(dataset, [3]);
    expect(image!.data[0]).toBe(3);
    image!.data[0] = 99;
    expect(dataset.images.at(3)[0]).toBe(3);
  });
});
