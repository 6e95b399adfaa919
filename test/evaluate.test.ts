import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeModelFolder } from '../src/checkpoint/index.ts';
import { RandomStream } from '../src/core/index.ts';
import { writePng } from '../src/data/index.ts';
import { schedulerConfig } from '../src/diffusion/index.ts';
import { parseConfig, unet2DConfigSchema, UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { writeImageFolder, start, tinyModel } from './kuosan.ts';
import { runHere, workingFolder } from './run-here.ts';
import { writeTinyClassifier, writeTinyDiffusion } from './tiny-models.ts';

const cwd = workingFolder('evaluate');

const evaluate = (...args: string[]) => runHere(['evaluate', ...args, '--device', 'cpu', '--threads', '1']);

beforeAll(async () => {
  await writeImageFolder(join(cwd, 'images'), 40);
  await writeTinyClassifier(join(cwd, 'network'));
  await writeTinyDiffusion(join(cwd, 'model'));
});

describe('kuosan evaluate', () => {
  test('says of a number what it was measured with, and what real images have', async () => {
    const { status, stdout, stderr } = await evaluate(
      'model',
      '--data',
      'images',
      '--features',
      'network',
      '--count',
      '20',
      '--sampler',
      'ddim',
      '--steps',
      '3',
      '--nearest',
      'near.png',
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(
      /^model against images, seed 0, sampled with ddim in 3 steps\nfeatures: network, 8 of each image; N = 20 against 20 real; real vs real: N = 20 each\n/,
    );
    expect(stdout).toMatch(/Fréchet distance +\d+\.\d{3} +\d+\.\d{3}\nkernel distance .*\nprecision .*\nrecall /);
    expect(stdout).not.toContain('FID');
    expect(stdout).toMatch(/\nkernel distance +-?\d\.\d{5} ± 0\.\d*[1-9]\d* +-?\d\.\d{5} ± 0\.\d*[1-9]\d*\n/);
    expect(stdout).toMatch(
      /0 of 20 samples are near-duplicates of a real image \(distance ratio < 1\/3, Yoon et al\. 2023\); near\.png shows all samples next to their nearest real images; near\.nearest\.jsonl lists all\n/,
    );
    // Four pairs a row.
    const { width, height } = await sharp(join(cwd, 'near.png')).metadata();
    expect(width / height).toBeCloseTo((8 * 10 + 2) / (5 * 10 + 2), 5);
  }, 180_000);

  test('prints the same as JSON, and the same again', async () => {
    const args = [
      'model',
      '--data',
      'images',
      '--features',
      'network',
      '--count',
      '12',
      '--sampler',
      'ddim',
      '--steps',
      '3',
      '--seed',
      '5',
      '--bpd',
      '--bpd-count',
      '4',
      '--bpd-times',
      '5',
      '--json',
    ];
    const [first, second] = [await evaluate(...args), await evaluate(...args, '--batch-size', '5')];
    const report = JSON.parse(first.stdout) as {
      features: { count: number; realBaseline: { count: number }; frechetDistance: number };
      bitsPerDimension: { total: number };
    };
    expect(report).toMatchObject({
      subject: 'model',
      data: 'images',
      seed: 5,
      sampler: { name: 'ddim', steps: 3, guidanceScale: 1 },
      features: {
        extractor: 'network',
        isFid: false,
        dim: 8,
        count: 12,
        referenceCount: 12,
        seed: 5,
        realBaseline: { count: 12 },
      },
      bitsPerDimension: { count: 4, times: 6, data: 'images' },
    });
    // Whatever is computed together: but for rounding, which other shapes may change.
    const again = JSON.parse(second.stdout) as typeof report;
    expect(again.features.frechetDistance / report.features.frechetDistance).toBeCloseTo(1, 3);
    expect(again.bitsPerDimension.total / report.bitsPerDimension.total).toBeCloseTo(1, 4);
  }, 180_000);

  test('finds the images of the data in themselves: no distance, and every one a copy', async () => {
    const { stdout, stderr } = await evaluate(
      '--images',
      'images',
      '--data',
      'images',
      '--features',
      'network',
      '--nearest',
      'same.png',
      '--json',
    );
    const { features, nearest } = JSON.parse(stdout || stderr) as {
      features: { frechetDistance: number; realBaseline: { frechetDistance: number; count: number } };
      nearest: { list: string };
    };
    expect(Math.abs(features.frechetDistance)).toBeLessThan(1e-4 * features.realBaseline.frechetDistance);
    expect(features.realBaseline.count).toBe(20);
    expect(nearest).toMatchObject({ sheet: 'same.png', shown: 32, list: 'same.nearest.jsonl', count: 40, copies: 40 });
    // Four pairs a row, eight rows; the list has them all.
    const { width, height } = await sharp(join(cwd, 'same.png')).metadata();
    expect(width / height).toBeCloseTo((8 * 10 + 2) / (8 * 10 + 2), 5);
    const list = readFileSync(join(cwd, nearest.list), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(list).toEqual(
      Array.from({ length: 40 }, (_, i) => ({
        image: i,
        index: i,
        id: `${String(i).padStart(3, '0')}.png`,
        distance: 0,
        ratio: 0,
      })),
    );
    const text = await evaluate('--images', 'images', '--data', 'images', '--size', '8', '--nearest', 'same.png');
    expect(text.stdout).toContain(
      '40 of 40 samples are near-duplicates of a real image (distance ratio < 1/3, Yoon et al. 2023); same.png shows the first 32 samples next to their nearest real images; same.nearest.jsonl lists all\n',
    );
  }, 180_000);

  test('measures a model that learns its variance, and tells its channels from those of an image that it sees', async () => {
    const write = async (folder: string, channels: object) => {
      const unet = new UNet2DModel(parseConfig(unet2DConfigSchema, { ...tinyModel, ...channels }, folder));
      await writeModelFolder(join(cwd, folder), {
        network: unet,
        weights: initialValues(unet, 1),
        scheduler: schedulerConfig({ varianceType: 'learned_range' }),
      });
    };
    await write('learned', { outChannels: 6 });
    const args = [
      '--data',
      'images',
      '--features',
      'network',
      '--count',
      '8',
      '--steps',
      '3',
      '--bpd',
      '--bpd-count',
      '4',
      '--bpd-times',
      '5',
      '--json',
    ];
    const [learned, fixed] = await Promise.all(['learned', 'model'].map((folder) => evaluate(folder, ...args)));
    const report = JSON.parse(learned!.stdout || learned!.stderr) as {
      features: { frechetDistance: number };
      bitsPerDimension: { total: number };
    };
    expect(report).toMatchObject({
      sampler: { name: 'dpmpp-2m', steps: 3 },
      features: { count: 8 },
      bitsPerDimension: { count: 4 },
    });
    expect(report.features.frechetDistance).toBeGreaterThan(0);
    // The same network but for the variance, which neither has learned: other bits, of the same order.
    const other = (JSON.parse(fixed!.stdout || fixed!.stderr) as typeof report).bitsPerDimension.total;
    expect(report.bitsPerDimension.total).not.toBe(other);
    expect(report.bitsPerDimension.total / other).toBeGreaterThan(0.5);
    expect(report.bitsPerDimension.total / other).toBeLessThan(2);
    // Six channels out are three and their variance, so three of the six channels in are another image.
    await write('enlarger', { inChannels: 6, outChannels: 6 });
    expect((await evaluate('enlarger', ...args)).stderr.trim()).toMatch(
      /^kuosan: enlarger: this model is conditioned on an image, and evaluate has none for it; give it one with kuosan edit --image$/,
    );
  }, 180_000);

  test('tells how many images are what they should be, to a classifier of the same classes', async () => {
    for (const name of ['a', 'b']) await writeImageFolder(join(cwd, 'by-class', name), 10);
    const { stdout, stderr } = await evaluate(
      '--images',
      'by-class',
      '--data',
      'by-class',
      '--features',
      'network',
      '--json',
    );
    const { features } = JSON.parse(stdout || stderr) as {
      features: { accuracy: number; realBaseline: { accuracy: number } };
    };
    expect(features.accuracy).toBe(features.realBaseline.accuracy);
    expect(features.accuracy * 20).toBeCloseTo(Math.round(features.accuracy * 20), 9);
    expect((await evaluate('--images', 'by-class', '--data', 'by-class', '--features', 'network')).stdout).toMatch(
      /class accuracy +(\d\.\d{3}) +\1\n/,
    );
    // Images in one folder have no class.
    expect((await evaluate('--images', 'images', '--data', 'images', '--features', 'network')).stdout).not.toContain(
      'class asked',
    );
  }, 180_000);

  test('is stopped by Ctrl-C', async () => {
    const { child, ended } = start(
      [
        'evaluate',
        'model',
        '--data',
        'images',
        '--features',
        'network',
        '--count',
        '100000',
        '--device',
        'cpu',
        '--threads',
        '1',
      ],
      { cwd },
    );
    child.stderr!.on('data', (text) => {
      if (String(text).includes('generated images')) child.kill('SIGINT');
    });
    const { status, stderr } = await ended;
    expect(status, stderr).toBe(130);
    expect(stderr).toContain('stopping');
  }, 180_000);

  test.each([
    [[], 2, 'evaluate takes a model or a folder of images: give a model, or --images'],
    [
      ['--images', 'images', '--nearest', 'x.png', '--guidance-scale', '2'],
      2,
      '--guidance-scale: needs a model; --images are already sampled',
    ],
    [
      ['model', '--features', 'network', '--guidance-interval', '1,2'],
      2,
      '--guidance-interval: needs guidance; add --guidance-scale',
    ],
    [['--images', 'images', '--bpd'], 2, '--bpd: a folder of images has no likelihood; give a model'],
    [['model', '--nearest', 'x.jpg'], 1, /x\.jpg/],
    [
      ['model', '--features', 'fashion-mnist-clasifier'],
      1,
      'unknown CLIP or network "fashion-mnist-clasifier"; did you mean fashion-mnist-classifier? Otherwise give the path of a run, a checkpoint or a model folder, or one of emoji-clip, fashion-mnist-classifier',
    ],
    [
      ['model', '--features', 'fashion-mnist-classifier'],
      1,
      'features fashion-mnist-classifier: takes images of 32×32, gray, these are 8×8, color; choose another network, or train one on such images (kuosan train with "task": "classifier")',
    ],
    [
      ['model', '--features', 'model'],
      1,
      'checkpoint model: there is no config.json in it, so it is no ImageClassifier; give the folder or the run of one',
    ],
    [
      ['model', '--features', 'network', '--steps', '2000'],
      1,
      'timesteps: the number of steps must be an integer in 1 … 1000, got 2000; the schedule has 1000',
    ],
    [
      ['model', '--features', 'network', '--guidance-scale', '2'],
      1,
      'guidanceScale: this model is unconditional, so it cannot be guided; leave the scale at 1',
    ],
    [['model', '--features', 'network', '--count', '3'], 2, '--count: expected an integer from 4 to 1000000, got "3"'],
  ])(
    '%j is refused',
    async (args, status, message) => {
      const ended = await evaluate(...args, '--data', 'images');
      if (typeof message === 'string') expect(ended.stderr.trim().split('\n').at(-1)).toBe(`kuosan: ${message}`);
      else expect(ended.stderr).toMatch(message);
      expect(ended.status).toBe(status);
    },
    180_000,
  );

  test('names a feature network whose weights were changed', async () => {
    const path = join(cwd, 'network/model.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(path, bytes);
    const { stderr, status } = await evaluate('model', '--data', 'images', '--features', 'network');
    expect(stderr.trim()).toMatch(
      /^kuosan: checkpoint network\/model\.safetensors: is damaged, the values of tensor "norm_in\.weight" \[8\], which begin at byte \d+, do not match their checksum; get it again or take another checkpoint$/,
    );
    expect(status).toBe(1);
  });
});

describe('a folder', () => {
  /** One class bright, the other dark, and bright comes first by name. */
  beforeAll(async () => {
    for (const [name, base] of [
      ['bright', 180],
      ['dark', 0],
    ] as const) {
      mkdirSync(join(cwd, 'two', name), { recursive: true });
      for (let i = 0; i < 40; i++) {
        const random = new RandomStream(1, name, i);
        const data = Uint8Array.from({ length: 192 }, () => base + random.integer(60));
        await writePng(join(cwd, 'two', name, `${i}.png`), { data, width: 8, height: 8, channels: 3 });
      }
    }
  });

  test('of which a part is measured against all of it is about as far from it as real images are', async () => {
    const { stdout, stderr } = await evaluate(
      '--images',
      'two',
      '--data',
      'two',
      '--count',
      '40',
      '--nearest',
      'part.png',
      '--json',
    );
    const { chosen, features, nearest } = JSON.parse(stdout || stderr) as {
      chosen: object;
      features: { extractor: string; frechetDistance: number; realBaseline: { frechetDistance: number } };
      nearest: object;
    };
    expect(chosen).toEqual({ count: 40, of: 80 });
    expect(features.extractor).toBe('CLIP image embeddings (emoji-clip)');
    // The first 40 are one class: they were 15 times as far.
    expect(features.frechetDistance).toBeLessThan(1.5 * features.realBaseline.frechetDistance);
    expect(nearest).toMatchObject({ count: 40, copies: 40 });
    const numbers = readFileSync(join(cwd, 'part.nearest.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { image: number; index: number });
    // The number of an image is its own, whatever is chosen; and each finds itself.
    expect(numbers.map(({ image }) => image)).toEqual(numbers.map(({ index }) => index));
    const ofFirst = numbers.filter(({ image }) => image < 40).length;
    expect(ofFirst).toBeGreaterThan(10);
    expect(ofFirst).toBeLessThan(30);
  }, 180_000);

  test('is measured in another part by another seed, and says so', async () => {
    const table = async (...args: string[]) =>
      (await evaluate('--images', 'two', '--data', 'two', '--count', '20', '--nearest', 'p.png', ...args)).stdout;
    expect(await table()).toMatch(/^two \(a random 20 of 80 images\) against two, seed 0\nfeatures: CLIP image emb/);
    const numbers = () => readFileSync(join(cwd, 'p.nearest.jsonl'), 'utf8');
    const zero = numbers();
    await table('--seed', '1');
    const one = numbers();
    await table('--seed', '0', '--batch-size', '7');
    expect(numbers()).toBe(zero);
    expect(one).not.toBe(zero);
  }, 180_000);

  test('of three images has no distances and keeps its copies', async () => {
    await writeImageFolder(join(cwd, 'three'), 3);
    const three = await evaluate('--images', 'three', '--data', 'three', '--nearest', 'three.png');
    expect(three.stdout, three.stderr).toMatch(/^three against three, seed 0\n3 of 3 samples are near-duplicates/);
    expect(three.stderr).toContain('note: no distances, which need 4 images and 8 real ones\n');
    expect((await evaluate('--images', 'three', '--data', 'three')).stderr).toContain(
      'kuosan: evaluate: a distance needs at least 8 real images and 4 generated, got 3 and 1000\n',
    );
  }, 180_000);
});
