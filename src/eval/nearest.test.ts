import { expect, test } from 'vitest';
import { RandomStream } from '../core/index.ts';
import { fromBitmaps, imagesInMemory, type DatasetContent, type Bitmap } from '../data/index.ts';
import { imagesAtPlaces } from '../data/images/image-store.ts';
import { nearestPairs, nearestImages } from './nearest.ts';

const random = new RandomStream(2, 'nearest', 0);
const image = (): Bitmap => ({
  data: Uint8Array.from({ length: 192 }, () => random.integer(256)),
  width: 8,
  height: 8,
  channels: 3,
});
const real = Array.from({ length: 20 }, image);
const data: DatasetContent = {
  // The last is there twice.
  images: imagesInMemory(Uint8Array.from([...real, real[19]!].flatMap(({ data: bytes }) => [...bytes])), 192),
  count: 21,
  height: 8,
  width: 8,
  channels: 3,
  ids: [],
  skipped: [],
  notes: [],
};
const plus = ({ data: bytes, ...rest }: Bitmap, change: number): Bitmap => ({
  ...rest,
  data: bytes.map((x) => (x < 128 ? x + change : x - change)),
});

test('a copy with a little noise is told from an image of its own, also where the data has it twice', () => {
  const generated = fromBitmaps([plus(real[4]!, 3), plus(real[19]!, 5), image()]);
  const [copy, ofTwins, own] = nearestImages(generated, data);
  expect(copy).toMatchObject({ index: 4, distance: 3 });
  expect(copy!.ratio).toBeLessThan(0.1);
  expect(ofTwins).toMatchObject({ index: 19, distance: 5 });
  expect(ofTwins!.ratio).toBeLessThan(0.1);
  expect(own!.ratio).toBeGreaterThan(0.7);
  const pairs = nearestPairs(generated, [copy!, ofTwins!, own!], data);
  expect(pairs).toHaveLength(6);
  expect([...pairs[1]!.data]).toEqual([...real[4]!.data]);
});

test('a copy of the only image there is counts as one, however often the data has it', () => {
  for (const count of [1, 3]) {
    const only = { ...data, images: imagesAtPlaces(data.images, new Uint8Array(count)), count };
    const [copy, other] = nearestImages(fromBitmaps([real[0]!, plus(real[0]!, 5)]), only);
    expect(copy).toEqual({ index: 0, distance: 0, ratio: 0 });
    // Without another real image nothing says how near is near.
    expect(other).toEqual({ index: 0, distance: 5, ratio: null });
  }
});

test('the nearest is the one that a search over all distances finds', () => {
  const generated = Array.from({ length: 10 }, image);
  nearestImages(fromBitmaps(generated), data).forEach(({ index, distance }, i) => {
    const distances = real.map(({ data: bytes }) =>
      Math.sqrt(bytes.reduce((sum, x, at) => sum + (x - generated[i]!.data[at]!) ** 2, 0) / 192),
    );
    expect(distance).toBeCloseTo(Math.min(...distances), 10);
    expect(distances[index]).toBeCloseTo(distance, 10);
  });
});

test('images of another size are refused', () => {
  expect(() =>
    nearestImages(fromBitmaps([{ data: new Uint8Array(16), width: 4, height: 4, channels: 1 }]), data),
  ).toThrow('nearestImages: the generated images are 4×4 with 1 channels, the real ones 8×8 with 3');
});
