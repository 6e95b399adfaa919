import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readModelFolder, writeModelFolder } from '../src/checkpoint/index.ts';
import { float32, RandomStream, sizeOf } from '../src/core/index.ts';
import { schedulerConfig } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { sampleImages, openSampler, type ImageShape } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { kuosan, tinyModel } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-sample-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const unet = new UNet2DModel({
  ...tinyModel,
  blockOutChannels: [16, 16],
  downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D'],
  upBlockTypes: ['AttnUpBlock2D', 'UpBlock2D'],
});
const scheduler = schedulerConfig({ betaSchedule: 'cosine', numTrainTimesteps: 30 });
const imageShape: ImageShape = [3, 8, 8];
// The output layer of a fresh network is almost zero and its images would be the noise alone.
const weights = new Map(
  [...initialValues(unet, 1)].map(([name, value]) => [
    name,
    name === 'conv_out.weight'
      ? float32(
          value.shape,
          new RandomStream(1, 'output').fillNormal(new Float32Array(value.data.length)).map((z) => z / 8),
        )
      : value,
  ]),
);
beforeAll(() => writeModelFolder(join(cwd, 'model'), { network: unet, weights, scheduler }));

describe('image i of a seed', () => {
  const executor = createNodeExecutor({ threads: 1, worker: false });
  afterAll(() => executor.dispose());

  test.each([
    ['ddpm', {}],
    ['ddim', { steps: 7 }],
    ['ddim', { steps: 7, eta: 0.7 }],
  ] as const)('has the same bytes at any count: %s %j', async (sampler, options) => {
    const opened = await openSampler(executor, { network: unet, scheduler, weights, batchSize: 16 });
    const size = sizeOf(imageShape);
    const all = (await sampleImages(opened, { ...options, sampler, seed: 5, count: 33 })).data;
    const row = (i: number) => all.subarray(i * size, (i + 1) * size);
    // Less than a batch, one image beyond a batch, two batches; and from the middle, at another place in the batch.
    for (const [first, count] of [
      [0, 1],
      [0, 3],
      [0, 17],
      [0, 32],
      [20, 5],
    ] as const) {
      const { data } = await sampleImages(opened, { ...options, sampler, seed: 5, first, count });
      expect(data.length).toBe(count * size);
      for (let i = 0; i < count; i++)
        expect(data.subarray(i * size, (i + 1) * size), `image ${first + i} of ${count} from ${first}`).toEqual(
          row(first + i),
        );
    }
    expect(new Set(Array.from({ length: 33 }, (_, i) => row(i).join())).size).toBe(33);
    const otherSeed = (await sampleImages(opened, { ...options, sampler, seed: 6, count: 1 })).data;
    expect(otherSeed).not.toEqual(row(0));
    await opened.dispose();
  });
});

describe('kuosan sample', () => {
  const draw = async (folder: string, ...args: string[]) => {
    const ended = await kuosan(
      ['sample', 'model', '--images', folder, '--out', `${folder}.png`, '--seed', '3', ...args],
      { cwd },
    );
    expect(ended.status, ended.stderr).toBe(0);
    return ended;
  };
  const files = (folder: string) =>
    readdirSync(join(cwd, folder))
      .sort()
      .map((name) => readFileSync(join(cwd, folder, name)));
  const pixels = async (folder: string) => Promise.all(files(folder).map(async (file) => sharp(file).raw().toBuffer()));

  test('draws the same files in another process and at another count; with other threads, the same to the eye', async () => {
    const [first] = await Promise.all([
      draw('a', '--count', '17', '--threads', '1', '--gif', 'a.gif'),
      draw('b', '--count', '17', '--threads', '1', '--gif', 'b.gif'),
    ]);
    // Twenty-five steps of sixteen images, and as many of the last.
    expect(first.stderr).toContain('sampling 50/50 · image 17 of 17 · ');
    const [three] = await Promise.all([
      draw('c', '--count', '3', '--threads', '1'),
      draw('d', '--count', '17', '--threads', '2'),
    ]);
    expect(three.stderr).toContain('sampling 25/25 · images 1–3 of 3 · ');
    expect(first!.stdout).toMatch(
      /^a\.png: 17 images with dpmpp-2m, seed 3, on cpu \(1 thread\) in [\d.]+ s \([\d.]+ s each\)\n$/,
    );
    expect(files('a')).toHaveLength(17);
    expect(files('b')).toEqual(files('a'));
    expect(files('c')).toEqual(files('a').slice(0, 3));
    for (const file of ['.png', '.gif'])
      expect(readFileSync(join(cwd, `b${file}`)).equals(readFileSync(join(cwd, `a${file}`)))).toBe(true);
    expect(await sharp(join(cwd, 'a.gif'), { pages: -1 }).metadata()).toMatchObject({ format: 'gif' });
    // Threads split sums in another way; a pixel may round to the neighboring byte.
    const [one, two] = [Buffer.concat(await pixels('a')), Buffer.concat(await pixels('d'))];
    expect(two.length).toBe(one.length);
    expect(one.reduce((most, byte, i) => Math.max(most, Math.abs(byte - two[i]!)), 0)).toBeLessThanOrEqual(1);
  }, 60_000);

  test('draws what the library draws', async () => {
    await draw('e', '--count', '2', '--sampler', 'ddpm', '--threads', '1');
    const executor = createNodeExecutor({ threads: 1, worker: false });
    const model = await readModelFolder(join(cwd, 'model'));
    const opened = await openSampler(executor, { ...model, network: model.network });
    const { data } = await sampleImages(opened, { sampler: 'ddpm', seed: 3, count: 2 });
    await executor.dispose();
    const drawn = Buffer.concat(await pixels('e'));
    const size = sizeOf(imageShape);
    // Planes of [−1, 1] to interleaved bytes, by the definition.
    const expected = Array.from(drawn, (_, i) => {
      const [image, pixel, channel] = [Math.floor(i / size), Math.floor((i % size) / 3), i % 3];
      return Math.round(127.5 * (1 + Math.min(1, Math.max(-1, data[image * size + channel * 64 + pixel]!))));
    });
    expect(drawn.reduce((most, byte, i) => Math.max(most, Math.abs(byte - expected[i]!)), 0)).toBeLessThanOrEqual(1);
  });
});
