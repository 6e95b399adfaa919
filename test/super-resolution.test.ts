/** A network that draws the details of small images: trained, resumed and used by the command line. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { readModelFolder } from '../src/checkpoint/index.ts';
import { writeImageFolder, tinyModel } from './kuosan.ts';
import { runHere, runOrResume, workingFolder } from './run-here.ts';

const cwd = workingFolder('super-resolution');

const train = {
  steps: 12,
  batchSize: 4,
  warmupSteps: 2,
  checkpointEvery: 6,
  sampleEvery: 6,
  sampleCount: 3,
  sampleSteps: 2,
};
const config = {
  data: { source: 'images', size: 8, horizontalFlip: true },
  model: { ...tinyModel, inChannels: 6 },
  scheduler: { process: 'flow' },
  objective: { superResolution: { factor: 2, upsampling: 'bicubic', noiseAugmentation: 0.1 } },
  train,
};
const last = 'checkpoints/step-000012';

const run = async (...args: string[]) => {
  const ended = await runOrResume([...args, '--threads', '1']);
  expect(ended.status, ended.stderr).toBe(0);
  return ended;
};
const refused = async (value: object, ...args: string[]) => {
  writeFileSync(join(cwd, 'wrong.json'), JSON.stringify(value));
  const { status, stderr } = await runHere(args.length > 0 ? args : ['train', 'wrong.json', '--out', 'wrong']);
  expect([status, stderr.trim().split('\n').length]).toEqual([1, 1]);
  return stderr.trim();
};
const bytes = (...path: string[]) => readFileSync(join(cwd, ...path)).toString('latin1');

beforeAll(async () => {
  await writeImageFolder(join(cwd, 'images'), 9);
  await sharp(join(cwd, 'images/000.png')).resize(4, 4).png().toFile(join(cwd, 'small.png'));
  writeFileSync(join(cwd, 'config.json'), JSON.stringify(config));
  const trained = await run('train', 'config.json', '--out', 'whole');
  expect(trained.stdout + trained.stderr).toContain('kuosan edit whole --image small.png --out large.png');
}, 180_000);

describe('super-resolution', () => {
  test('is resumed bit for bit, its images on the way included', async () => {
    await run('train', 'config.json', '--out', 'parts', '--steps', '6');
    await run('train', 'config.json', '--out', 'parts', '--resume');
    for (const file of [
      `${last}/unet/diffusion_pytorch_model.safetensors`,
      `${last}/training/state.safetensors`,
      'samples/step-000012.png',
    ])
      expect(bytes('parts', file) === bytes('whole', file), file).toBe(true);
  }, 180_000);

  test('knows in its folder how an image is enlarged', async () => {
    const { superResolution, network: unet } = await readModelFolder(join(cwd, 'whole', last));
    expect(superResolution).toEqual({ factor: 2, upsampling: 'bicubic', noiseAugmentation: 0.1 });
    expect([unet.config.inChannels, unet.config.outChannels]).toEqual([6, 3]);
    expect(bytes('whole', last, 'README.md')).toContain('an image of 1/2 of the height and width, enlarged bicubic');
  });

  test('enlarges a small image, the same each time, another differently, and says when one is not of that size', async () => {
    const { stderr } = await run('edit', 'whole', '--image', 'small.png', '--out', 'large.png');
    expect(stderr).not.toContain('note:');
    const { width, height } = await sharp(join(cwd, 'large.png')).metadata();
    expect([width, height]).toEqual([8, 8]);
    await run('edit', 'whole', '--image', 'small.png', '--out', 'again.png');
    expect(bytes('again.png') === bytes('large.png')).toBe(true);
    await sharp(join(cwd, 'images/001.png')).resize(4, 4).png().toFile(join(cwd, 'other.png'));
    await run('edit', 'whole', '--image', 'other.png', '--out', 'differs.png');
    expect(bytes('differs.png') === bytes('large.png')).toBe(false);
    expect((await run('edit', 'whole', '--image', 'images/000.png', '--out', 'shrunk.png')).stderr).toContain(
      'note: images/000.png is 8×8; it is taken at the 4×4 that the model enlarges\n',
    );
  }, 180_000);

  test('draws nothing without an image', async () => {
    expect(await refused({}, 'sample', 'whole', '--out', 'x.png')).toMatch(
      /this model is conditioned on an image, and sample has none for it; give it one with kuosan edit --image$/,
    );
    expect(existsSync(join(cwd, 'x.png'))).toBe(false);
  });

  test('refuses a network or images that do not fit', async () => {
    expect(await refused({ ...config, model: tinyModel })).toContain(
      'config.model.inChannels: with objective.superResolution the network is conditioned on an image and takes 2 or 6 channels, got 3',
    );
    expect(await refused({ ...config, objective: { superResolution: { factor: 3 } } })).toContain(
      'config.objective.superResolution.factor: 3 does not divide config.data.size 8',
    );
    expect(await refused({ ...config, objective: { superResolution: { factor: 1 } } })).toContain(
      'config.objective.superResolution.factor',
    );
    expect(await refused({ ...config, objective: {} })).toContain(
      'config.model.inChannels: images have 1 or 3 channels, got 6',
    );
  }, 180_000);
});
