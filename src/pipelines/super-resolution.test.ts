import { describe, expect, test } from 'vitest';
import { float32, RandomStream } from '../core/index.ts';
import { concatenating, UNet2DModel } from '../models/index.ts';
import { bind, namedParameters } from '../nn/index.ts';
import { denoisingLoss, denoisingNetwork } from './denoising-loss.ts';
import { enlarge, lowResolution, shrink } from './super-resolution.ts';

const plain = { factor: 2, upsampling: 'bilinear', noiseAugmentation: 0 } as const;
const normals = (shape: readonly number[]) =>
  float32(shape, new RandomStream(1, 'pictures').fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))));

describe('low resolution', () => {
  test('a pixel is the mean of its block', () => {
    const image = float32([1, 1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(shrink(image, 2)).toEqual(float32([1, 1, 1, 2], [3.5, 5.5]));
    expect(() => shrink(image, 4)).toThrow('shrink: images of 2×4 have no whole number of blocks of 4×4');
  });

  test('enlarged bilinearly, a pixel lies between its neighbors a quarter of the way, and edges stay', () => {
    const { shape, data } = enlarge(float32([1, 1, 1, 2], [0, 1]), plain);
    expect(shape).toEqual([1, 1, 2, 4]);
    expect([...data]).toEqual([0, 0.25, 0.75, 1, 0, 0.25, 0.75, 1]);
  });

  test("enlarged bicubically, a single pixel spreads by Keys' kernel of slope −0.75", () => {
    const { data } = enlarge(float32([1, 1, 1, 8], [0, 0, 0, 0, 1, 0, 0, 0]), { factor: 2, upsampling: 'bicubic' });
    // New centers lie a quarter next to the old ones: the kernel at 1.75, 1.25, 0.75, 0.25 and back.
    expect([...data.subarray(4, 14)]).toEqual([
      0, -0.03515625, -0.10546875, 0.26171875, 0.87890625, 0.87890625, 0.26171875, -0.10546875, -0.03515625, 0,
    ]);
  });

  test.each(['bilinear', 'bicubic'] as const)(
    'of an even image it is the image, channel by channel: %s',
    (upsampling) => {
      const even = float32(
        [2, 3, 8, 4],
        Float32Array.from({ length: 192 }, (_, i) => Math.floor(i / 32) / 8),
      );
      lowResolution(even, { ...plain, factor: 4, upsampling }).data.forEach((value, i) =>
        expect(value).toBeCloseTo(even.data[i]!, 6),
      );
    },
  );

  test('half of the images are convolved with a Gaussian whose deviation is drawn, the edge repeated beyond itself', () => {
    const [count, channels, height, width] = [12, 2, 6, 5];
    const images = normals([count, channels, 2 * height, 2 * width]);
    const options = { ...plain, blur: 1.2 };
    const seen = lowResolution(images, options, undefined, new RandomStream(3, 'blur'));
    const small = shrink(images, 2);
    const draws = new RandomStream(3, 'blur');
    const expected = new Float32Array(small.data);
    const inside = (i: number, extent: number) => Math.min(extent - 1, Math.max(0, i));
    let blurred = 0;
    for (let b = 0; b < count; b++) {
      const [chosen, deviation] = [draws.uniform() < 0.5, 1.2 * draws.uniform()];
      if (!chosen) continue;
      blurred++;
      const reach = Math.ceil(3 * deviation);
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) {
            let [sum, total] = [0, 0];
            for (let dy = -reach; dy <= reach; dy++)
              for (let dx = -reach; dx <= reach; dx++) {
                const weight = Math.exp(-(dx ** 2 + dy ** 2) / (2 * deviation ** 2));
                const at = ((b * channels + c) * height + inside(y + dy, height)) * width + inside(x + dx, width);
                sum += weight * small.data[at]!;
                total += weight;
              }
            expected[((b * channels + c) * height + y) * width + x] = sum / total;
          }
    }
    expect(blurred).toBeGreaterThan(2);
    expect(blurred).toBeLessThan(count - 2);
    const reference = enlarge(float32(small.shape, expected), plain);
    // Sums in float32 of values of order 1.
    seen.data.forEach((value, i) => expect(Math.abs(value - reference.data[i]!)).toBeLessThan(1e-5));
    // Without a stream, or without a deviation, nothing is blurred.
    expect(lowResolution(images, options)).toEqual(lowResolution(images, plain));
    expect(lowResolution(images, plain, undefined, new RandomStream(3, 'blur'))).toEqual(lowResolution(images, plain));
  });

  test('noise of any deviation up to the largest is put on it, the same for the same stream, and none without one', () => {
    const images = normals([400, 1, 8, 8]);
    const augmented = { ...plain, noiseAugmentation: 0.6 };
    const clean = lowResolution(images, plain);
    expect(lowResolution(images, augmented)).toEqual(clean);
    const noisy = lowResolution(images, augmented, new RandomStream(2, 'noise'));
    expect(lowResolution(images, augmented, new RandomStream(2, 'noise'))).toEqual(noisy);
    const squares = Array.from(
      { length: 400 },
      (_, b) =>
        noisy.data.subarray(b * 64, (b + 1) * 64).reduce((sum, x, i) => sum + (x - clean.data[b * 64 + i]!) ** 2, 0) /
        64,
    );
    // E s² = a²/3 for s ~ U[0, a), and its variance is a⁴ (1/5 − 1/9); four standard errors of 400.
    const mean = squares.reduce((sum, x) => sum + x, 0) / 400;
    expect(Math.abs(mean - 0.12)).toBeLessThan(4 * Math.sqrt((0.36 ** 2 * (1 / 5 - 1 / 9)) / 400) + 0.002);
    expect(Math.min(...squares)).toBeLessThan(0.001);
    expect(Math.max(...squares)).toBeLessThan(0.36 * 2);
  });
});

test('a network with more channels than it predicts is conditioned on an image of the others', () => {
  const network = (inChannels: number) =>
    new UNet2DModel({
      sampleSize: 8,
      inChannels,
      outChannels: 3,
      blockOutChannels: [8],
      layersPerBlock: 1,
      normNumGroups: 4,
      downBlockTypes: ['DownBlock2D'],
      upBlockTypes: ['UpBlock2D'],
      addAttention: false,
    });
  const wrapped = denoisingNetwork(network(6));
  expect(wrapped).toMatchObject({
    className: 'UNet2DModel',
    sample: [3, 8, 8],
    conditions: [{ name: 'image', dtype: 'f32', shape: [3, 8, 8] }],
  });
  expect(denoisingLoss(wrapped, bind(wrapped.module), 2).shape).toEqual([2]);
  // Its parameters have the names that they have without.
  expect([...namedParameters(wrapped.module).keys()]).toEqual([...namedParameters(network(6)).keys()]);
  const plainNetwork = network(3);
  expect(denoisingNetwork(plainNetwork)).toBe(plainNetwork);
  expect(() => concatenating(plainNetwork, 3)).toThrow(
    'concatenating: the network takes 3 channels, and the image alone has 3',
  );
});
