import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import sharp from 'sharp';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { runCommand } from '../src/cli/run-command.ts';
import { writeModelFolder } from '../src/checkpoint/index.ts';
import { float32, RandomStream, type HostArray } from '../src/core/index.ts';
import { schedulerConfig } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { writeMask, writeImageFolder, tinyModel } from './kuosan.ts';
import { runHere, workingFolder } from './run-here.ts';

const cwd = workingFolder('edit');
beforeAll(async () => {
  await writeImageFolder('images', 5);
  await writeMask('mask.png', 8, 0.5);
  const unet = new UNet2DModel({
    ...tinyModel,
    blockOutChannels: [16],
    downBlockTypes: ['AttnDownBlock2D'],
    upBlockTypes: ['UpBlock2D'],
  });
  await writeModelFolder('model', { network: unet, weights: withOutput(unet), scheduler: schedulerConfig() });
});

const ended = (command: string) => runHere(command.split(' '));

/** What a command prints that does its work. */
async function run(command: string): Promise<string> {
  const { status, stdout, stderr } = await ended(command);
  expect(status, stderr).toBe(0);
  return stdout;
}

/** What a command says that does not. */
async function refused(command: string): Promise<string> {
  const { status, stderr } = await ended(command);
  expect(status).toBeGreaterThan(0);
  return stderr;
}

const pixels = (path: string) => sharp(path).removeAlpha().raw().toBuffer();
const data = () =>
  Promise.all(
    readdirSync('images')
      .sort()
      .map((name) => pixels(join('images', name))),
  );
/** The output layer of a fresh network is almost zero, and whatever it is asked it would say the same. */
function withOutput(unet: UNet2DModel): Map<string, HostArray> {
  return new Map(
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
}
/** The largest difference of a byte. */
const difference = (a: Buffer, b: Buffer) => a.reduce((most, byte, i) => Math.max(most, Math.abs(byte - b[i]!)), 0);

describe('kuosan sample --exact', () => {
  test("generates images of the data set, without a model and with a model's schedule", async () => {
    for (const [source, folder] of [
      ['--size 8', 'alone'],
      ['model', 'with-model'],
    ] as const) {
      expect(
        await run(`sample ${source} --exact images --count 3 --sampler heun --images ${folder} --out x.png`),
      ).toMatch(/^x\.png: 3 images with heun, seed 0, on the exact denoiser of 5 images in /);
      const known = await data();
      for (const name of readdirSync(folder)) {
        const drawn = await pixels(join(folder, name));
        expect(Math.min(...known.map((image) => difference(image, drawn)))).toBeLessThanOrEqual(2);
      }
    }
  });
});

describe('kuosan edit', () => {
  test('gives the image back at strength 0, and something else of the data at strength 1', async () => {
    await run('edit --exact images --size 8 --image images/002.png --strength 0 --out same.png');
    expect(await pixels('same.png')).toEqual(await pixels('images/002.png'));
    await run(
      'edit --exact images --size 8 --image images/002.png --strength 1 --count 6 --images many --out many.png',
    );
    const known = await data();
    const drawn = await Promise.all(readdirSync('many').map((name) => pixels(join('many', name))));
    const which = drawn.map((image) => known.findIndex((other) => difference(other, image) <= 3));
    expect(which).not.toContain(-1);
    expect(new Set(which).size).toBeGreaterThan(1);
  });

  test('paints under the mask what belongs there, and leaves the rest byte for byte', async () => {
    await run(
      'edit --exact images --size 8 --image images/001.png --mask mask.png --steps 40 --jump-length 5 --resamples 3 --out painted.png --gif painted.gif',
    );
    expect(difference(await pixels('painted.png'), await pixels('images/001.png'))).toBeLessThanOrEqual(3);
    await run('edit model --image images/001.png --mask mask.png --steps 4 --threads 1 --out network.png');
    const [network, given] = [await pixels('network.png'), await pixels('images/001.png')];
    const half = given.length / 2;
    expect(network.subarray(0, half)).toEqual(given.subarray(0, half));
    expect(network.subarray(half)).not.toEqual(given.subarray(half));
    expect(await sharp('painted.gif', { pages: -1 }).metadata()).toMatchObject({ format: 'gif' });
  });
});

describe('a model that is conditioned on an image', () => {
  beforeAll(async () => {
    const unet = new UNet2DModel({
      ...tinyModel,
      inChannels: 6,
      blockOutChannels: [16],
      downBlockTypes: ['AttnDownBlock2D'],
      upBlockTypes: ['UpBlock2D'],
    });
    await writeModelFolder('enlarger', { network: unet, weights: withOutput(unet), scheduler: schedulerConfig() });
  });

  test('is given it by kuosan edit, and draws accordingly', async () => {
    for (const image of ['000', '001'])
      await run(`edit enlarger --image images/${image}.png --steps 3 --threads 1 --out large-${image}.png`);
    expect((await sharp('large-000.png').metadata()).width).toBe(8);
    expect(await pixels('large-000.png')).not.toEqual(await pixels('large-001.png'));
  });

  test('says what else it cannot do', async () => {
    await expect(refused('sample enlarger --out x.png')).resolves.toMatch(
      /enlarger: this model is conditioned on an image, and sample has none for it; give it one with kuosan edit --image\n$/,
    );
    await expect(refused('edit enlarger --image images/000.png --strength 0.5')).resolves.toMatch(
      /--strength: this model is conditioned on an image and generates all of it; leave the option out\n$/,
    );
  });
});

test('kuosan interpolate begins and ends with the images of the seeds', async () => {
  await run(
    'interpolate model --seeds 3,4,9 --frames 3 --steps 4 --threads 1 --out between.png --images between --gif between.gif',
  );
  expect(readdirSync('between')).toHaveLength(5);
  for (const [index, seed] of [
    [0, 3],
    [2, 4],
    [4, 9],
  ] as const) {
    await run(
      `sample model --sampler ddim --steps 4 --count 1 --seed ${seed} --threads 1 --images seed-${seed} --out x.png`,
    );
    expect(await pixels(`between/0000${index}.png`)).toEqual(await pixels(`seed-${seed}/00000.png`));
  }
}, 60_000);

test('kuosan compare prints a table and draws a grid', async () => {
  const printed = await run(
    'compare model --data images --threads 1 --samplers ddpm,ddim,dpmpp-2m --steps 5,20 --count 4 --reference-steps 60 --out compare.png',
  );
  const rows = printed
    .split('\n')
    .filter((line) => line.startsWith('dpmpp-2m'))
    .map((line) => line.split(/\s+/).slice(1).map(Number));
  expect(rows).toHaveLength(3);
  expect(rows[0]![0]!).toBeGreaterThan(rows[0]![1]!);
  expect(rows[2]).toEqual([5, 20]);
  expect(printed).toMatch(/^ddpm +– +–$/m);
  expect((await sharp('compare.png').metadata()).format).toBe('png');
}, 60_000);

test("kuosan loss-by-noise prints the network's loss above the exact one, and draws both", async () => {
  const printed = await run(
    'loss-by-noise model --data images --levels 4 --draws 20 --threads 1 --out loss-by-noise.png',
  );
  const rows = printed
    .split('\n')
    .filter((line) => /^ +\d+ /.test(line))
    .map((line) =>
      line
        .trim()
        .split(/\s+/)
        .map((text) => Number(text.replace('−', '-'))),
    );
  expect(rows.map(([t]) => t)).toEqual([125, 375, 625, 875]);
  for (const [, , network, , exact] of rows) expect(network).toBeGreaterThan(exact!);
  expect((await sharp('loss-by-noise.png').metadata()).format).toBe('png');
}, 60_000);

test('Ctrl-C ends a drawing of the exact denoiser, and nothing is written', async () => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const before = process.listenerCount('SIGINT');
  const ended = runCommand('sample --exact images --size 8 --count 100000 --out never.png'.split(' '));
  while (process.listenerCount('SIGINT') === before) await setImmediate();
  process.emit('SIGINT', 'SIGINT');
  expect(await ended.finally(() => vi.restoreAllMocks())).toBe(130);
  expect(readdirSync(cwd)).not.toContain('never.png');
});
