import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeModelFolder } from '../src/checkpoint/index.ts';
import { register as compare } from '../src/cli/sample/compare.ts';
import { register as edit } from '../src/cli/sample/edit.ts';
import { register as evaluate } from '../src/cli/measure/evaluate.ts';
import { register as interpolate } from '../src/cli/sample/interpolate.ts';
import { register as sample } from '../src/cli/sample/sample.ts';
import { float32, RandomStream, type Executor, type FloatArray } from '../src/core/index.ts';
import { fromBitmaps, openDataset, readImage, toBitmaps } from '../src/data/index.ts';
import { type Guidance, classConditions, schedulerConfig } from '../src/diffusion/index.ts';
import { nearestImages } from '../src/eval/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import {
  compareSamplers,
  sampleImages,
  finishedImages,
  interpolateSeeds,
  openSampler,
  varyImage,
  type ImageSampler,
} from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { writeImageFolder, tinyModel } from './kuosan.ts';
import { runHere, workingFolder } from './run-here.ts';

workingFolder('guidance');
// Two classes, and one for "any".
const unet = new UNet2DModel({
  ...tinyModel,
  blockOutChannels: [16],
  downBlockTypes: ['AttnDownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
  numClassEmbeds: 3,
});
// The last layers of a fresh network and of its branches are almost zero, and no class would make a difference.
const weights = new Map(
  [...initialValues(unet, 1)].map(([name, value]) => [
    name,
    /conv2\.weight$|conv_out\.weight$/.test(name)
      ? float32(
          value.shape,
          new RandomStream(1, name).fillNormal(new Float32Array(value.data.length)).map((z) => z / 8),
        )
      : value,
  ]),
);
// Whatever noise it begins with, a random v stays small where a random ε would be an image of black and white.
const scheduler = schedulerConfig({ predictionType: 'v_prediction' });
let executor: Executor;
let library: ImageSampler;

beforeAll(async () => {
  await writeImageFolder('images', 5);
  await writeModelFolder('guided', {
    network: unet,
    weights,
    scheduler,
    classes: { names: ['round', 'square'], nullClass: 2 },
  });
  executor = createNodeExecutor({ threads: 1, worker: false });
  library = await openSampler(executor, { network: unet, scheduler, weights, nothing: classConditions([2]) });
});
afterAll(async () => {
  await executor.dispose();
});

/** What a command prints that does its work. */
async function run(command: string): Promise<string> {
  const { status, stdout, stderr } = await runHere(`${command} --device cpu --threads 1`.split(' '));
  expect(status, stderr).toBe(0);
  return stdout;
}

const settings: readonly (readonly [options: string, guidance: Guidance])[] = [
  ['--guidance-scale 1', {}],
  ['--guidance-scale 4', { guidanceScale: 4 }],
  ['--guidance-scale 4 --guidance-rescale 0.7', { guidanceScale: 4, guidanceRescale: 0.7 }],
  ['--guidance-scale 4 --guidance-interval 0.3,5', { guidanceScale: 4, guidanceInterval: [0.3, 5] }],
  ['--guidance-scale 4 --guidance-interval 5,inf', { guidanceScale: 4, guidanceInterval: [5, Infinity] }],
  ['--guidance-scale 4 --dynamic-threshold 0.9', { guidanceScale: 4, dynamicThresholding: { ratio: 0.9 } }],
];
const conditions = classConditions([0, 1, 0]);

async function pixels(folder: string): Promise<Buffer> {
  return Buffer.concat(
    await Promise.all(
      readdirSync(folder)
        .sort()
        .map((name) => sharp(join(folder, name)).removeAlpha().raw().toBuffer()),
    ),
  );
}

const bytes = (images: FloatArray) => Buffer.concat(toBitmaps(images).map(({ data }) => data));

describe("on the command line, options of guidance do what the library's do:", () => {
  const drawn = new Set<string>();
  test.each(settings)('sample %s', async (options, guidance) => {
    const folder = `sample-${settings.findIndex(([each]) => each === options)}`;
    await run(`sample guided ${options} --sampler ddim --steps 6 --count 3 --seed 5 --images ${folder} --out x.png`);
    const found = await pixels(folder);
    expect(
      found.equals(
        bytes(await sampleImages(library, { ...guidance, sampler: 'ddim', steps: 6, count: 3, seed: 5, conditions })),
      ),
    ).toBe(true);
    drawn.add(found.toString('hex'));
  });

  test('sample: no two of them draw the same', () => {
    expect(drawn.size).toBe(settings.length);
  });

  test.each(settings.slice(1))('compare %s', async (options, guidance) => {
    const printed = await run(
      `compare guided ${options} --samplers ddim,heun --steps 2,6 --count 3 --seed 5 --reference-steps 12 --out compare.png`,
    );
    const { cells } = await compareSamplers(library, {
      ...guidance,
      samplers: ['ddim', 'heun'],
      steps: [2, 6],
      referenceSteps: 12,
      count: 3,
      seed: 5,
      conditions,
    });
    const rows = ['ddim', 'heun'].map((name) => [
      name,
      ...cells.filter(({ sampler }) => sampler === name).map(({ toReference }) => toReference!.toFixed(4)),
    ]);
    expect(
      printed
        .split('\n')
        .slice(2, 4)
        .map((line) => line.split(/\s+/)),
    ).toEqual(rows);
  });

  test.each(settings.slice(1))('evaluate %s', async (options, guidance) => {
    await run(
      `evaluate guided ${options} --sampler ddim --steps 6 --count 4 --seed 5 --data images --nearest near.png`,
    );
    const data = await openDataset('images', { size: 8 });
    const images = await sampleImages(library, {
      ...guidance,
      sampler: 'ddim',
      steps: 6,
      count: 4,
      seed: 5,
      conditions: classConditions([0, 1, 0, 1]),
    });
    const list = readFileSync('near.nearest.jsonl', 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(list).toEqual(
      nearestImages(images, data).map(({ index, distance, ratio }, image) => ({
        image,
        index,
        id: data.ids[index],
        distance,
        ratio,
      })),
    );
  });

  test.each(settings.slice(2))('edit %s', async (options, guidance) => {
    await run(
      `edit guided ${options} --class square --image images/001.png --strength 0.7 --sampler ddim --steps 6 --seed 5 --batch-size 16 --out edited.png`,
    );
    const image = fromBitmaps([await readImage('images/001.png', { size: 8, channels: 3 })]);
    const drawing = varyImage(library, {
      ...guidance,
      image: float32([3, 8, 8], image.data as Float32Array),
      strength: 0.7,
      sampler: 'ddim',
      steps: 6,
      seed: 5,
      count: 1,
      conditions: classConditions([1]),
    });
    expect(
      (await sharp('edited.png').removeAlpha().raw().toBuffer()).equals(bytes(await finishedImages(drawing))),
    ).toBe(true);
  });

  test('interpolate --guidance-interval', async () => {
    await run(
      'interpolate guided --seeds 1,2 --frames 3 --steps 6 --class square --guidance-scale 4 --guidance-interval 0.3,5 --images between --out between.png',
    );
    const images = await finishedImages(
      interpolateSeeds(library, {
        guidanceScale: 4,
        guidanceInterval: [0.3, 5],
        seeds: [1, 2],
        frames: 3,
        sampler: 'ddim',
        steps: 6,
        conditions: classConditions([1]),
      }),
    );
    expect((await pixels('between')).equals(bytes(images))).toBe(true);
  });
});

test('an evaluation says how its images were guided', async () => {
  const guided =
    'evaluate guided --sampler ddim --steps 2 --count 4 --data images --nearest near.png --guidance-scale 4';
  const all = `${guided} --guidance-rescale 0.7 --guidance-interval 0.3,inf --dynamic-threshold 0.9`;
  expect(await run(all)).toMatch(
    /^guided against images, seed 0, sampled with ddim in 2 steps, guidance 4, rescaled by 0\.7, at σ\/α from 0\.3 on, dynamic threshold 0\.9\n/,
  );
  expect((JSON.parse(await run(`${all} --json`)) as { sampler: object }).sampler).toEqual({
    name: 'ddim',
    steps: 2,
    guidanceScale: 4,
    guidanceRescale: 0.7,
    guidanceInterval: [0.3, null],
    dynamicThreshold: 0.9,
  });
  expect(await run(`${guided} --guidance-interval 0.3,5`)).toContain(', guidance 4, at σ/α from 0.3 to 5\n');
  expect((JSON.parse(await run(`${guided} --json`)) as { sampler: object }).sampler).toEqual({
    name: 'ddim',
    steps: 2,
    guidanceScale: 4,
  });
});

test('every command that draws has the same options of guidance', () => {
  const program = new Command();
  for (const register of [sample, edit, interpolate, compare, evaluate]) register(program);
  const [first, ...others] = program.commands.map(({ options }) =>
    options
      .filter(({ long }) => /guidance|threshold/.test(long!))
      .map(({ flags, description }) => `${flags}: ${description}`),
  );
  expect(first!.map((text) => text.split(' ')[0])).toEqual([
    '--guidance-scale',
    '--guidance-rescale',
    '--guidance-interval',
    '--dynamic-threshold',
  ]);
  for (const other of others) expect(other).toEqual(first);
});
