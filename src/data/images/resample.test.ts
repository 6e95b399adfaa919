import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { evaluate, input, program, toValues } from '../../core/index.ts';
import { readSafetensors } from '../../formats/safetensors.ts';
import { clipPixels, openAIPreprocessing } from '../../models/index.ts';
import { fitImages } from './fit-images.ts';
import { decodeImage, encodePng } from './image.ts';
import { openDataset } from '../sets/open-dataset.ts';
import { openDefaults } from './open-options.ts';
import { fromBitmaps, type Bitmap } from './bitmap.ts';
import { resampleToCover, type Resample } from './resample.ts';

// test/golden/clip-pixels.py
const folder = new URL('../../../test/golden/clip-pixels/', import.meta.url);
const image = readFileSync(new URL('picture.png', folder));
const golden = readSafetensors(readFileSync(new URL('pixels.safetensors', folder))).tensors;
const goldenBytes = (name: string) => Uint8Array.from(golden.get(name)!.data, Number);
const apart = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

const cases = (['lanczos', 'bilinear', 'bicubic'] as const).flatMap(
  (resample) =>
    [
      [resample, 16],
      [resample, 40],
    ] as const,
);

describe("an image that is not square becomes the pixels of transformers' CLIPImageProcessor", () => {
  test.each(cases)('by %s at %d: every byte that Pillow makes', async (resample, size) => {
    expect((await decodeImage(image, { size, resample })).data).toEqual(goldenBytes(`pillow.${resample}.${size}`));
  });

  test.each(cases.map(([resample], i) => [resample, i % 2 === 0 ? 'tall' : 'double'] as const))(
    'by %s, %s: the passes in the order in which Pillow 13 makes them',
    async (resample, name) => {
      const bytes = readFileSync(new URL(`${name}.png`, folder));
      expect((await decodeImage(bytes, { size: 8, resample })).data).toEqual(goldenBytes(`pillow.${resample}.${name}`));
    },
  );

  test.each(cases)('by %s at %d: those of torchvision but for one of 255', async (resample, size) => {
    // torchvision's weights have 16 bits, Pillow's and ours 22 after the point: a sum close to a half may be rounded to the neighbor.
    expect(
      apart((await decodeImage(image, { size, resample })).data, goldenBytes(`torchvision.${resample}.${size}`)),
    ).toBeLessThanOrEqual(1);
  });

  test("libvips's kernels of the same names make others", async () => {
    // What `decodeImage` is spared by resizing itself.
    expect(apart((await decodeImage(image, { size: 16 })).data, goldenBytes('pillow.lanczos.16'))).toBeGreaterThan(10);
    expect(apart((await decodeImage(image, { size: 40 })).data, goldenBytes('pillow.lanczos.40'))).toBeGreaterThan(100);
  });

  test('and, normalized, its pixel_values', async () => {
    const images = fromBitmaps([await decodeImage(image, { size: 16, resample: 'bicubic' })]);
    const { outputs } = evaluate(
      program({ outputs: { out: clipPixels(input('images', [1, 3, 16, 16]), openAIPreprocessing) } }),
      () => toValues(images),
    );
    const expected = golden.get('pixel_values')!.data;
    // Of size 2, in float32 there.
    outputs.get('out')!.data.forEach((value, i) => expect(Math.abs(value - Number(expected[i]))).toBeLessThan(1e-6));
  });
});

describe('resampling', () => {
  const gray = (height: number, width: number, level: (y: number, x: number) => number): Bitmap => ({
    height,
    width,
    channels: 1,
    data: Uint8Array.from({ length: height * width }, (_, i) => level(Math.floor(i / width), i % width)),
  });
  const kernels: readonly Resample[] = ['lanczos', 'bilinear', 'bicubic'];

  test.each(kernels)('by %s keeps an image of the right size, and the shade of an even one', (resample) => {
    const some = gray(7, 9, (y, x) => (37 * y + 101 * x) % 256);
    expect(resampleToCover(some, [7, 9], resample)).toEqual(some);
    for (const size of [3, 20])
      expect(
        new Set(
          resampleToCover(
            gray(5, 8, () => 201),
            size,
            resample,
          ).data,
        ),
      ).toEqual(new Set([201]));
  });

  test('cuts to the middle, the odd pixel at the right or bottom', () => {
    expect([
      ...resampleToCover(
        gray(1, 4, (_, x) => 10 * x),
        1,
        'bilinear',
      ).data,
    ]).toEqual([10]);
    expect([
      ...resampleToCover(
        gray(6, 2, (y) => 10 * y),
        2,
        'bicubic',
      ).data,
    ]).toEqual([20, 20, 30, 30]);
  });

  test('goes with the center crop alone', async () => {
    const error = 'resample "bicubic": goes with crop "center", not "pad"';
    await expect(decodeImage(image, { size: 8, crop: 'pad', resample: 'bicubic' })).rejects.toThrow(error);
    await expect(openDataset('noto-emoji', { crop: 'pad', resample: 'bicubic' })).rejects.toThrow(error);
  });

  test('is of a data set too, and apart from others in its cache', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'kuosan-resample-'));
    await writeFile(join(dir, 'image.png'), image);
    const options = { size: 16, cacheDir: join(dir, '.cache') };
    const open = async (resample?: Resample) => (await openDataset(dir, { ...options, resample })).images.at(0);
    expect(await open('bicubic')).toEqual(goldenBytes('pillow.bicubic.16'));
    expect(await open('lanczos')).toEqual(goldenBytes('pillow.lanczos.16'));
    expect(await open()).toEqual((await decodeImage(image, { size: 16 })).data);
    await rm(dir, { recursive: true });
  });

  test('is of arrays too, but for those that get a border', async () => {
    const some = gray(6, 6, (y, x) => 7 * (y * 6 + x));
    const options = { ...openDefaults, cacheDir: '', channels: 3, size: 20, resample: 'bicubic' } as const;
    const bytes = await encodePng(some);
    const fitted = async (size: number) => {
      let image: Uint8Array | undefined;
      await fitImages({ ...some, channels: 1, count: 1 }, { ...options, size }, (_, pixels) => (image = pixels));
      return image!;
    };
    expect(await fitted(20)).toEqual((await decodeImage(bytes, options)).data);
    expect((await fitted(8)).subarray(0, 24)).toEqual(new Uint8Array(24));
  });
});
