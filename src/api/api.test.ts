import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { readModelFolder, writeClipFolder, writeModelFolder } from '../checkpoint/index.ts';
import { createInterpreter } from '../core/index.ts';
import { readTokenizer, toBitmaps, trainTokenizer } from '../data/index.ts';
import { schedulerConfig, type samplerNames } from '../diffusion/index.ts';
import { CLIPModel, UNet2DModel } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { openSampler, sampleImages } from '../pipelines/index.ts';
import { openClip, openModel, type GenerateOptions, type Model } from './index.ts';

const dir = mkdtempSync(join(tmpdir(), 'kuosan-api-'));
const folder = join(dir, 'model');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

beforeAll(async () => {
  const unet = new UNet2DModel({
    sampleSize: [4, 6],
    inChannels: 3,
    outChannels: 3,
    blockOutChannels: [4],
    layersPerBlock: 1,
    normNumGroups: 2,
    addAttention: false,
    numClassEmbeds: 2,
    downBlockTypes: ['DownBlock2D'],
    upBlockTypes: ['UpBlock2D'],
  });
  const scheduler = schedulerConfig({ numTrainTimesteps: 30 });
  const classes = { names: ['round', 'square'], nullClass: null };
  await writeModelFolder(folder, { network: unet, scheduler, classes, weights: initialValues(unet, 1), dtype: 'f16' });
});

describe('openModel', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openModel(folder, { device: 'cpu', threads: 1, batchSize: 2 });
  });
  afterAll(() => model.close());

  test('generates what the sampler below it does, in pixels', async () => {
    const images = await model.generate({ seed: 5, count: 3, sampler: 'ddim', steps: 4, classes: ['square'] });
    const { network: unet, weights, scheduler } = await readModelFolder(folder);
    const sampler = await openSampler(createInterpreter(), { network: unet, weights, scheduler, batchSize: 3 });
    const conditions = { class_labels: { dtype: 'i64', shape: [3], data: BigInt64Array.of(1n, 1n, 1n) } } as const;
    const expected = toBitmaps(
      await sampleImages(sampler, { seed: 5, count: 3, sampler: 'ddim', steps: 4, conditions }),
    );
    expect(images.map(({ width, height, channels }) => [width, height, channels])).toEqual(
      [0, 1, 2].map(() => [6, 4, 3]),
    );
    for (const [i, { data }] of images.entries())
      for (const [at, value] of data.entries()) expect(Math.abs(value - expected[i]!.data[at]!)).toBeLessThanOrEqual(1);
  });

  test('an image is its seed and index, whatever the count', async () => {
    const all = await model.generate({ seed: 3, count: 5, steps: 2 });
    expect(all.map(({ seed, index }) => [seed, index])).toEqual([0, 1, 2, 3, 4].map((index) => [3, index]));
    const [fourth] = await model.generate({ seed: 3, first: 3, classes: [1], steps: 2 });
    expect(fourth!.index).toBe(3);
    // Without classes they come in turn: number 3 is of class 1.
    expect(fourth!.data).toEqual(all[3]!.data);
  });

  test('an image becomes a PNG, a blob, and pixels for a canvas', async () => {
    const [image] = await model.generate({ steps: 1 });
    const png = await image!.toPng();
    const decoded = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([decoded.info.width, decoded.info.height, decoded.info.channels]).toEqual([6, 4, 3]);
    expect(new Uint8Array(decoded.data)).toEqual(image!.data);
    const blob = await image!.toBlob();
    expect(blob.type).toBe('image/png');
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(new Uint8Array(png));
    const rgba = image!.toRgba();
    expect(rgba).toHaveLength(6 * 4 * 4);
    expect([...rgba.subarray(4, 8)]).toEqual([...image!.data.subarray(3, 6), 255]);
  });

  test('tells every step, and ends when it is asked to', async () => {
    const done: number[] = [];
    await model.generate({ count: 3, steps: 2, onProgress: (progress) => done.push(progress.done) });
    expect(done).toEqual([1, 2, 3, 4]);
    await expect(model.generate({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });

  test('says what it does not take', async () => {
    await expect(model.generate({ prompts: ['a cat'] })).rejects.toThrow('prompts: this model takes no text');
    await expect(model.generate({ sampler: 'dpm' as 'ddpm' })).rejects.toThrow(/unknown sampler "dpm".*ddpm/);
    await expect(openModel(join(dir, 'none'))).rejects.toThrow(/none/);
  });

  test('types a sampler as one of the names', () => {
    expectTypeOf<NonNullable<GenerateOptions['sampler']>>().toEqualTypeOf<(typeof samplerNames)[number]>();
    expectTypeOf<string>().not.toExtend<NonNullable<GenerateOptions['sampler']>>();
  });

  test('opens the same model from an address, in float16 and all', async () => {
    const server = createServer((request, response) => {
      const path = join(dir, decodeURIComponent(request.url!));
      if (!existsSync(path) || !statSync(path).isFile()) response.writeHead(404).end();
      else if (request.method === 'HEAD') response.writeHead(200).end();
      else createReadStream(path).pipe(response);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { address, port } = server.address() as AddressInfo;
    const host = `http://${address}:${port}`;
    const fetched = await openModel(`${host}/model`, { device: 'cpu', threads: 1, batchSize: 2 });
    try {
      const options = { seed: 9, steps: 3 } as const;
      expect((await fetched.generate(options))[0]!.data).toEqual((await model.generate(options))[0]!.data);
      await expect(openModel(`${host}/none`)).rejects.toThrow(`${host}/none`);
    } finally {
      await fetched.close();
      server.close();
    }
  });
});

test('openClip ranks labels for files and for bytes, and says which image is none', async () => {
  const trained = trainTokenizer(['a cat', 'a heart', 'a rainbow'], { vocabSize: 520 });
  const { vocabSize, bosTokenId, eosTokenId, padTokenId } = readTokenizer(trained.json, 'trained');
  const tower = { hiddenSize: 8, intermediateSize: 8, numHiddenLayers: 1, numAttentionHeads: 1 };
  const textConfig = { ...tower, vocabSize, bosTokenId, eosTokenId, padTokenId };
  const network = new CLIPModel({
    projectionDim: 8,
    textConfig,
    visionConfig: { ...tower, imageSize: 8, patchSize: 4 },
  });
  const weights = initialValues(network, 1);
  await writeClipFolder(join(dir, 'clip'), { model: network, weights, tokenizer: trained.json });
  const heart = join(dir, 'heart.png');
  const gray = { width: 12, height: 9, channels: 3, background: { r: 200, g: 200, b: 200 } } as const;
  writeFileSync(heart, await sharp({ create: gray }).png().toBuffer());
  const clip = await openClip(join(dir, 'clip'), { device: 'cpu', threads: 1 });
  try {
    const labels = ['cat', 'heart', 'rainbow'];
    const [byPath, byBytes] = await clip.classify([heart, readFileSync(heart)], labels);
    expect(byPath).toEqual(byBytes);
    expect(byPath!.map(({ label }) => label).sort()).toEqual(labels);
    expect(byPath!.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    // The cosines are the inner products of the embeddings.
    const [images, texts] = [await clip.embedImages([heart]), await clip.embedTexts(labels)];
    for (const { index, cosine } of byPath!) {
      const row = [...texts.data.subarray(index * 8, index * 8 + 8)];
      expect(row.reduce((sum, value, d) => sum + value * images.data[d]!, 0)).toBeCloseTo(cosine, 5);
    }
    expect(await clip.classify([heart], labels, { top: 1 })).toEqual([[byPath![0]]]);
    await expect(clip.classify([heart, Buffer.from('no image')], labels)).rejects.toThrow(/^cannot read image 1: /);
    await expect(clip.classify([heart], [])).rejects.toThrow('label');
  } finally {
    await clip.close();
  }
});
