import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeModelFolder } from '../src/checkpoint/index.ts';
import { schedulerConfig } from '../src/diffusion/index.ts';
import { parseConfig, unet2DConfigSchema, UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { writeImageFolder, tinyModel } from './kuosan.ts';
import { runHere, workingFolder } from './run-here.ts';
import { writeTinyClassifier, writeTinyDiffusion } from './tiny-models.ts';

const cwd = workingFolder('compare');

const evaluate = (...args: string[]) => runHere(['evaluate', ...args, '--device', 'cpu', '--threads', '1']);

beforeAll(async () => {
  await writeImageFolder(join(cwd, 'images'), 40);
  await writeTinyClassifier(join(cwd, 'network'));
  await writeTinyDiffusion(join(cwd, 'model'));
});

describe('kuosan compare', () => {
  const compared = (...args: string[]) =>
    runHere([
      'compare',
      'model',
      '--samplers',
      'ddim,unipc',
      '--steps',
      '2,3',
      '--count',
      '8',
      '--seed',
      '4',
      '--reference-steps',
      '5',
      '--out',
      'samplers.png',
      '--device',
      'cpu',
      '--threads',
      '1',
      ...args,
    ]);

  test('has a table of Fréchet distances, which are those of kuosan evaluate', async () => {
    const { status, stdout, stderr } = await compared('--data', 'images', '--features', 'network');
    expect(status, stderr).toBe(0);
    const table =
      /^features: network, 8 of each image; N = 8 against 8 real; real vs real: N = 8 each\nFréchet distance to the data \(real vs real: (\S+), converged: \S+\):\nsteps +2 +3\nddim +(\S+) +(\S+)\nunipc +(\S+) +(\S+)\nnote: with no more images than features the Fréchet distance is biased; take a larger --count$/m.exec(
        stdout,
      );
    expect(table, stdout).not.toBeNull();
    expect(stdout).toMatch(/samplers\.png: written; seed 4, 8 images, on cpu/);
    const evaluated = JSON.parse(
      (
        await evaluate(
          'model',
          '--data',
          'images',
          '--features',
          'network',
          '--count',
          '8',
          '--seed',
          '4',
          '--sampler',
          'unipc',
          '--steps',
          '3',
          '--json',
        )
      ).stdout,
    ) as { features: { frechetDistance: number; realBaseline: { frechetDistance: number } } };
    expect(table!.slice(1)).toHaveLength(5);
    expect(table![1]).toBe(evaluated.features.realBaseline.frechetDistance.toFixed(3));
    expect(table![5]).toBe(evaluated.features.frechetDistance.toFixed(3));
    expect(table![5]).not.toBe(table![2]);
  }, 180_000);

  test('says what the distances would need, and what they cannot do without', async () => {
    const plain = await compared('--data', 'images');
    expect(plain.stdout, plain.stderr).toMatch(
      /^features: CLIP image embeddings \(emoji-clip\), 128 of each image; N = 8 against 8 real; real vs real: N = 8 each$/m,
    );
    expect((await compared('--data', 'images', '--count', '3')).stdout).toContain(
      '\nno Fréchet distance to the data: it needs 4 samples (--count) and 8 real images\n',
    );
    expect((await compared()).stdout).not.toContain('Fréchet');
  }, 180_000);

  test('takes the network that can see the images, and refuses one that cannot', async () => {
    const unet = new UNet2DModel(
      parseConfig(unet2DConfigSchema, { ...tinyModel, sampleSize: 32, inChannels: 1, outChannels: 1 }, 'gray'),
    );
    await writeModelFolder(join(cwd, 'gray'), {
      network: unet,
      weights: initialValues(unet, 1),
      scheduler: schedulerConfig(),
    });
    const gray = await runHere([
      'compare',
      'gray',
      '--data',
      'images',
      '--samplers',
      'ddim',
      '--steps',
      '2',
      '--count',
      '4',
      '--reference-steps',
      '2',
      '--out',
      'gray.png',
      '--device',
      'cpu',
      '--threads',
      '1',
    ]);
    expect(gray.stdout, gray.stderr).toMatch(
      /^features: fashion-mnist-classifier, 128 of each image; N = 4 against 4 real; real vs real: N = 4 each$/m,
    );
    expect(await compared('--features', 'network')).toMatchObject({
      status: 2,
      stderr: 'kuosan: --features compares with real images; add --data\n',
    });
    expect((await compared('--data', 'images', '--features', 'fashion-mnist-classifier')).stderr).toContain(
      'kuosan: features fashion-mnist-classifier: takes images of 32×32, gray, these are 8×8, color; choose another network, or train one on such images',
    );
  }, 180_000);
});
