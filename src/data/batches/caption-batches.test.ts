import { describe, expect, test } from 'vitest';
import { captionBatchAt, type CaptionBatchOptions } from './caption-batches.ts';
import { fillTemplate } from '../texts/template.ts';
import { noAugmentation } from './augment.ts';
import type { DatasetContent } from '../sets/dataset.ts';
import { imagesInMemory } from '../images/image-store.ts';

// Twelve images of five captions; image i is of gray level 10 i but for a ramp from left to right.
const captions = ['a', 'a', 'a', 'b', 'b', 'c', 'd', 'e', 'a', 'b', 'c', 'e'];
const size = 8;
const content: DatasetContent = {
  images: imagesInMemory(
    Uint8Array.from(
      { length: 12 * size * size * 3 },
      (_, i) => 10 * Math.floor(i / (size * size * 3)) + Math.floor((i % (size * 3)) / 3),
    ),
    size * size * 3,
  ),
  count: 12,
  height: size,
  width: size,
  channels: 3,
  ids: captions.map((caption, i) => `${caption}${i}.png`),
  captions,
  tags: captions.map((caption) => [`${caption}1`, `${caption}2`]),
  skipped: [],
  notes: [],
};
const plain: CaptionBatchOptions = {
  ...noAugmentation,
  seed: 1,
  step: 0,
  batchSize: 5,
  templates: ['{}'],
  tagShare: 0,
  tagsAlone: 0,
};
const batch = (more: Partial<CaptionBatchOptions>) => captionBatchAt(content, { ...plain, ...more });

describe('captionBatchAt', () => {
  test('shows every caption once an epoch, and in turn all of its images', () => {
    const seen = new Map<string, Set<number>>();
    for (let step = 0; step < 12; step++) {
      const { texts, indices } = batch({ step });
      expect([...texts].sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
      texts.forEach((text, i) => {
        expect(captions[indices[i]!]).toBe(text);
        seen.set(text, (seen.get(text) ?? new Set()).add(indices[i]!));
      });
    }
    expect([...seen.values()].flatMap((each) => [...each]).sort((a, b) => a - b)).toEqual(captions.map((_, i) => i));
  });

  test('is a function of seed and step alone', () => {
    const augmented = { cropScale: 0.3, templates: ['{}', 'my {}'], tagShare: 0.5 };
    expect(batch({ step: 7, ...augmented })).toEqual(batch({ step: 7, ...augmented }));
    expect(batch({ step: 7, ...augmented }).images).not.toEqual(batch({ step: 8, ...augmented }).images);
    expect(batch({ seed: 2 }).texts).not.toEqual(batch({ seed: 1 }).texts);
  });

  test('the same row of images comes in batches of any size', () => {
    const rows = (batchSize: number) =>
      Array.from({ length: 12 / batchSize }, (_, step) => [...batch({ step, batchSize }).indices]).flat();
    expect(rows(3)).toEqual(rows(4));
  });

  test('leaves images as they are without crops', () => {
    const { images, indices } = batch({});
    indices.forEach((index, b) => {
      for (let x = 0; x < size; x++)
        expect(images.data[b * 3 * size * size + x]).toBeCloseTo((10 * index + x) / 127.5 - 1, 6);
    });
  });

  test('crops keep the stated part: a ramp gets flatter by the square root of the area, within its own values', () => {
    const { images, indices } = batch({ cropScale: 0.25, batchSize: 5 });
    const slopes = [...indices].map((index, b) => {
      const row = Array.from(
        images.data.subarray(b * 3 * size * size, b * 3 * size * size + size),
        (value) => (value + 1) * 127.5 - 10 * index,
      );
      for (const value of row) expect(value).toBeGreaterThanOrEqual(-1e-3);
      for (const value of row) expect(value).toBeLessThanOrEqual(size - 1 + 1e-3);
      // Inside, where no edge bounds the interpolation.
      return row[5]! - row[4]!;
    });
    for (const slope of slopes) {
      expect(slope).toBeGreaterThan(0.5 - 1e-3);
      expect(slope).toBeLessThan(1 + 1e-3);
    }
    expect(new Set(slopes.map((slope) => slope.toFixed(3))).size).toBeGreaterThan(3);
  });

  test('mixes only images of the same caption, and the second by at most a half', () => {
    let mixed = 0;
    for (let step = 0; step < 10; step++) {
      const { images, indices, texts } = batch({ step, mixup: 0.5 });
      indices.forEach((index, b) => {
        const level = (images.data[b * 3 * size * size]! + 1) * 127.5;
        const others = captions.flatMap((caption, i) => (caption === texts[b] && i !== index ? [i] : []));
        const nearest = others
          .map((other) => (level - 10 * index) / (10 * (other - index)))
          .filter((share) => share > -1e-6 && share <= 0.5 + 1e-6);
        if (Math.abs(level - 10 * index) > 1e-3) {
          mixed++;
          expect(nearest.length, `${texts[b]}: image ${index} at level ${level}`).toBeGreaterThan(0);
        }
      });
    }
    // 30 of the 50 images have another of their caption, and half of them are mixed.
    expect(mixed).toBeGreaterThan(6);
    expect(mixed).toBeLessThan(26);
  });

  test('draws templates and adds tags of the image itself', () => {
    const texts = Array.from(
      { length: 40 },
      (_, step) => batch({ step, templates: ['{}', 'my {}'], tagShare: 0.5 }).texts,
    ).flat();
    const plainShare = texts.filter((text) => !text.startsWith('my ')).length / texts.length;
    const tagged = texts.filter((text) => text.includes(','));
    // 200 texts: a share of a half, give or take four deviations of 0.035.
    expect(Math.abs(plainShare - 0.5)).toBeLessThan(0.14);
    expect(Math.abs(tagged.length / texts.length - 0.5)).toBeLessThan(0.14);
    for (const text of tagged) expect(text).toMatch(/^(my )?([a-e])(, \2[12]){1,2}$/);
  });

  test('says tags alone as often as told, in the template, and nothing else changes', () => {
    const texts = (tagsAlone: number) =>
      Array.from(
        { length: 40 },
        (_, step) => batch({ step, templates: ['my {}'], tagShare: 0.5, tagsAlone }).texts,
      ).flat();
    const [never, some, always] = [texts(0), texts(0.5), texts(1)];
    const tagged = never.map((text) => text.includes(','));
    // Some hundred texts have tags: a share of a half, give or take four deviations of 0.05.
    const alone = some.filter((text, i) => text !== never[i]).length / tagged.filter(Boolean).length;
    expect(Math.abs(alone - 0.5)).toBeLessThan(0.2);
    never.forEach((text, i) => {
      const tagsOnly = text.replace(/^my ., /, 'my ');
      expect(always[i]).toBe(tagged[i] ? tagsOnly : text);
      expect([text, tagsOnly]).toContain(some[i]);
    });
  });

  test('a batch of more images than captions has each as often, and all images before one comes again', () => {
    const classes: DatasetContent = {
      ...content,
      captions: content.ids.map((_, i) => (i % 2 === 0 ? 'shoe' : 'shirt')),
    };
    const [first, second] = [0, 1].map((step) => captionBatchAt(classes, { ...plain, batchSize: 12, step }));
    for (const { texts, indices } of [first!, second!]) {
      expect(texts.filter((text) => text === 'shoe')).toHaveLength(6);
      expect([...indices].sort((a, b) => a - b)).toEqual(captions.map((_, i) => i));
    }
    expect(second!.indices).not.toEqual(first!.indices);
  });

  test('refuses images without captions', () => {
    const { captions: _captions, ...without } = content;
    expect(() => captionBatchAt(without, plain)).toThrow('captionBatchAt: the images have no captions');
  });
});

test('fillTemplate takes the caption as it is', () => {
  expect(fillTemplate('a {} of {}', '$& {x}')).toBe('a $& {x} of $& {x}');
});
