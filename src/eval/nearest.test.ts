import { expect, test } from 'vitest';
import { RandomStream } from '../core/index.ts';
import { fromPixels, type DatasetContent, type Pixels } from '../data/index.ts';
import { nearestPairs, nearestPictures } from './nearest.ts';

const random = new RandomStream(2, 'nearest', 0);
const picture = (): Pixels => ({
  data: Uint8Array.from({ length: 192 }, () => random.integer(256)),
  width: 8,
  height: 8,
  channels: 3,
});
const real = Array.from({ length: 20 }, picture);
const data: DatasetContent = {
  // The last is there twice.
  images: Uint8Array.from([...real, real[19]!].flatMap(({ data: bytes }) => [...bytes])),
  count: 21,
  height: 8,
  width: 8,
  channels: 3,
  ids: [],
  skipped: [],
  notes: [],
};
const plus = ({ data: bytes, ...rest }: Pixels, change: number): Pixels => ({
  ...rest,
  data: bytes.map((x) => (x < 128 ? x + change : x - change)),
});

test('a copy with a little noise is told from a picture of its own, also where the data has it twice', () => {
  const generated = fromPixels([plus(real[4]!, 3), plus(real[19]!, 5), picture()]);
  const [copy, ofTwins, own] = nearestPictures(generated, data);
  expect(copy).toMatchObject({ index: 4, distance: 3 });
  expect(copy!.ratio).toBeLessThan(0.1);
  expect(ofTwins).toMatchObject({ index: 19, distance: 5 });
  expect(ofTwins!.ratio).toBeLessThan(0.1);
  expect(own!.ratio).toBeGreaterThan(0.7);
  const pairs = nearestPairs(generated, [copy!, ofTwins!, own!], data);
  expect(pairs).toHaveLength(6);
  expect([...pairs[1]!.data]).toEqual([...real[4]!.data]);
});

test('the nearest is the one that a search over all distances finds', () => {
  const generated = Array.from({ length: 10 }, picture);
  nearestPictures(fromPixels(generated), data).forEach(({ index, distance }, i) => {
    const distances = real.map(({ data: bytes }) =>
      Math.sqrt(bytes.reduce((sum, x, at) => sum + (x - generated[i]!.data[at]!) ** 2, 0) / 192),
    );
    expect(distance).toBeCloseTo(Math.min(...distances), 10);
    expect(distances[index]).toBeCloseTo(distance, 10);
  });
});

test('pictures of another size are refused', () => {
  expect(() =>
    nearestPictures(fromPixels([{ data: new Uint8Array(16), width: 4, height: 4, channels: 1 }]), data),
  ).toThrow('nearestPictures: the generated pictures are 4×4 with 1 channels, the real ones 8×8 with 3');
});
