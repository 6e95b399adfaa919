import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { packagePretrainedDir, readImageTower, writeClipFolder } from '../checkpoint/index.ts';
import { createInterpreter, float32, RandomStream, type FloatArray } from '../core/index.ts';
import { CLIPModel } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { openClipImageEncoder } from '../pipelines/index.ts';
import { defaultFeatures, readFeatures } from './open-features.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-clip-features-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const noise = (...shape: number[]) => {
  const random = new RandomStream(7, 'noise');
  return float32(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => 2 * random.uniform() - 1),
  );
};

const smallClip = (numChannels: number) =>
  new CLIPModel({
    projectionDim: 6,
    textConfig: { vocabSize: 20, hiddenSize: 8, intermediateSize: 8, numHiddenLayers: 1, numAttentionHeads: 1 },
    visionConfig: {
      hiddenSize: 8,
      intermediateSize: 8,
      numHiddenLayers: 1,
      numAttentionHeads: 1,
      imageSize: 8,
      patchSize: 4,
      numChannels,
    },
  });

const folder = async (name: string, numChannels: number) => {
  const model = smallClip(numChannels);
  await writeClipFolder(join(scratch, name), { model, weights: initialValues(model, 3) });
  return join(scratch, name);
};

const rows = ({ shape, data }: FloatArray) =>
  Array.from({ length: shape[0]! }, (_, row) => [...data.subarray(row * shape[1]!, (row + 1) * shape[1]!)]);
const unit = (row: readonly number[]) => {
  const length = Math.hypot(...row);
  return row.map((value) => value / length);
};

describe('features of a CLIP', () => {
  test('are its image embeddings before they have length 1', async () => {
    const path = await folder('color', 3);
    const source = await readFeatures(path);
    expect(source).toMatchObject({
      name: 'CLIP image embeddings (color)',
      isFid: false,
      imageShape: null,
      decode: { size: 8, resample: 'lanczos' },
    });
    const images = noise(5, 3, 8, 8);
    // Two together: the last of five is alone.
    const extractor = await source.open(createInterpreter(), [3, 8, 8], { batchSize: 2 });
    const encoder = openClipImageEncoder(createInterpreter(), await readImageTower(path));
    const [features, embeddings] = [rows(await extractor.extract(images)), rows(await encoder.embedImages(images))];
    expect(features).toHaveLength(5);
    for (const [i, row] of features.entries()) {
      expect(Math.hypot(...row)).not.toBeCloseTo(1, 2);
      unit(row).forEach((value, d) => expect(value).toBeCloseTo(embeddings[i]![d]!, 5));
    }
    await Promise.all([extractor.dispose(), encoder.dispose()]);
  });

  test('take images of any size and in gray, and whole', async () => {
    const source = await readFeatures(await folder('any', 3));
    const gray = noise(2, 1, 8, 8);
    const inColor = float32(
      [2, 3, 8, 8],
      Float32Array.from({ length: 384 }, (_, i) => gray.data[Math.floor(i / 192) * 64 + (i % 64)]!),
    );
    const extract = async (images: FloatArray, [c, h, w] = images.shape.slice(1)) => {
      const extractor = await source.open(createInterpreter(), [c!, h!, w!]);
      return rows(await extractor.extract(images));
    };
    expect(await extract(gray)).toEqual(await extract(inColor));
    // An image whose rows are written twice is the image again, squeezed: nothing is cropped.
    const tall = float32(
      [2, 3, 16, 8],
      Float32Array.from({ length: 768 }, (_, i) => {
        const [plane, y, x] = [Math.floor(i / 128), Math.floor(i / 8) % 16, i % 8];
        return inColor.data[plane * 64 + (y >> 1) * 8 + x]!;
      }),
    );
    const flat = { ...tall, data: tall.data.map((_, i) => (Math.floor(i / 8) % 16 < 8 ? -0.5 : 0.5)) };
    const small = { ...inColor, data: inColor.data.map((_, i) => (Math.floor(i / 8) % 8 < 4 ? -0.5 : 0.5)) };
    const [squeezed, plain] = [await extract(flat), await extract(small)];
    // But for the edge, which the cubic filter softens.
    for (const [i, row] of squeezed.entries())
      row.forEach((value, d) => expect(Math.abs(value - plain[i]![d]!)).toBeLessThan(0.2 * Math.hypot(...plain[i]!)));
  });

  test('of gray images do not see color', async () => {
    const source = await readFeatures(await folder('gray', 1));
    expect(() => source.check([3, 8, 8])).toThrow(
      'features CLIP image embeddings (gray): takes gray images, these are 8×8, color; choose another network',
    );
    await expect(source.open(createInterpreter(), [3, 8, 8])).rejects.toThrow('takes gray images');
    source.check([1, 40, 30]);
  });

  test('need an image tower', async () => {
    const path = await folder('text', 3);
    writeFileSync(join(path, 'config.json'), '{"model_type": "clip_text_model"}');
    await expect(readFeatures(path)).rejects.toThrow(`checkpoint ${path}`);
  });
});

describe('images are measured by default', () => {
  test.each([
    [undefined, 'CLIP image embeddings (emoji-clip)'],
    [[3, 32, 32], 'CLIP image embeddings (emoji-clip)'],
    [[3, 48, 64], 'CLIP image embeddings (emoji-clip)'],
    [[1, 32, 32], 'fashion-mnist-classifier'],
    [[1, 28, 28], 'CLIP image embeddings (emoji-clip)'],
  ] as const)('%j by %s', async (shape, name) => {
    const source = await defaultFeatures(shape);
    expect(source.name).toBe(name);
    if (shape) source.check(shape);
  });

  test('and names of both kinds are known', async () => {
    expect((await readFeatures(join(packagePretrainedDir(), 'emoji-clip'))).name).toBe(
      'CLIP image embeddings (emoji-clip)',
    );
    await expect(readFeatures('emoji-clib')).rejects.toThrow(
      'unknown CLIP or network "emoji-clib"; did you mean emoji-clip? Otherwise give the path of a run, a checkpoint or a model folder, or one of emoji-clip, fashion-mnist-classifier',
    );
    await expect(readFeatures('noto-32')).rejects.toThrow(
      '"noto-32" is a model that generates images, expected a CLIP or an image classifier; give the path',
    );
  });
});
