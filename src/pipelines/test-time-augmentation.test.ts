import { describe, expect, test } from 'vitest';
import {
  createInterpreter,
  float32,
  freeze,
  input,
  program,
  RandomStream,
  type FloatArray,
  type Tensor,
} from '../core/index.ts';
import { CLIPModel } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { ttaTransforms, augmentedImages, type TtaTransform } from './test-time-augmentation.ts';
import { imageProgram } from './clip.ts';

const size = 8;
const same: TtaTransform = { scale: 1, right: 0, down: 0 };

async function compute(x: FloatArray, f: (x: Tensor) => Tensor): Promise<FloatArray> {
  const { out } = await (
    await createInterpreter().compile(program({ outputs: { out: f(input('x', x.shape)) } }))
  ).run(null, { x });
  return out as FloatArray;
}

/** Red is the column, green the row, 10 levels a pixel. */
const ramps = float32(
  [1, 2, size, size],
  Float32Array.from(
    { length: 2 * size * size },
    (_, i) => 10 * (i < size * size ? i % size : Math.floor(i / size) % size),
  ),
);

describe('augmentedImages', () => {
  const seen = async (view: TtaTransform) => {
    const { data } = await compute(ramps, (x) => augmentedImages(x, [view]));
    return (channel: number, row: number, column: number) => data[(channel * size + row) * size + column]!;
  };

  test('an image itself, to the bit', async () => {
    const noise = float32(
      [3, 3, size, size],
      new RandomStream(1, 'views').fillNormal(new Float32Array(9 * size * size)),
    );
    expect((await compute(noise, (x) => augmentedImages(x, [same]))).data).toEqual(noise.data);
  });

  test('moved to the right shows what lies there, and its edge goes on', async () => {
    const at = await seen({ scale: 1, right: 1 / 4, down: -1 / 8 });
    expect([0, 1, 5, 6, 7].map((x) => at(0, 3, x))).toEqual([20, 30, 70, 70, 70]);
    expect([0, 1, 2, 7].map((y) => at(1, y, 3))).toEqual([0, 0, 10, 60]);
  });

  test('from closer the middle stays, and is larger by the scale', async () => {
    const at = await seen({ scale: 0.5, right: 0, down: 0 });
    // Center 35; pixels are half a step apart.
    expect([3, 4].map((x) => at(0, 0, x))).toEqual([32.5, 37.5]);
    expect([0, 7].map((y) => at(1, y, 0))).toEqual([17.5, 52.5]);
  });

  test('come view by view', async () => {
    const two = float32([2, 1, 2, 2], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const { shape, data } = await compute(two, (x) => augmentedImages(x, [same, { ...same, right: 1 / 2 }]));
    expect(shape).toEqual([4, 1, 2, 2]);
    expect([...data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 2, 2, 4, 4, 6, 6, 8, 8]);
  });
});

test("vectors over views are the unit vector of the mean of the views' own", async () => {
  const tower = { hiddenSize: 8, intermediateSize: 8, numHiddenLayers: 1, numAttentionHeads: 2 };
  const model = new CLIPModel({
    projectionDim: 5,
    textConfig: { ...tower, vocabSize: 12, maxPositionEmbeddings: 4, eosTokenId: 11 },
    visionConfig: { ...tower, imageSize: size, patchSize: 4 },
  });
  const weights = initialValues(model, 1);
  const embed = async (images: FloatArray, transforms?: readonly TtaTransform[]) => {
    const executable = await createInterpreter().compile(
      freeze(imageProgram(model, images.shape[0]!, transforms ? { transforms } : {}), weights),
    );
    return (await executable.run(null, { images }))['image_embeds']!.data as Float32Array;
  };
  const images = float32(
    [2, 3, size, size],
    new RandomStream(2, 'views').fillNormal(new Float32Array(6 * size * size)),
  );
  const each: Float32Array[] = [];
  for (const view of ttaTransforms) each.push(await embed(await compute(images, (x) => augmentedImages(x, [view]))));
  const together = await embed(images, ttaTransforms);
  for (const row of [0, 1]) {
    const mean = Array.from(
      { length: 5 },
      (_, d) => each.reduce((sum, vectors) => sum + vectors[row * 5 + d]!, 0) / ttaTransforms.length,
    );
    const length = Math.hypot(...mean);
    // Views differ: else the mean of seven unit vectors were one.
    expect(length).toBeLessThan(0.999);
    mean.forEach((value, d) => expect(together[row * 5 + d]).toBeCloseTo(value / length, 5));
  }
});
