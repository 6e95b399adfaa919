import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, expect, test } from 'vitest';
import { writeImageFolder, kuosan, tinyModel } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-not-square-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const succeed = async (...args: string[]) => {
  const ended = await kuosan(args, { cwd });
  expect(ended.status, ended.stderr).toBe(0);
};

test('a network is trained on images wider than high, and generates such images', async () => {
  await writeImageFolder(join(cwd, 'images'), 8, 16);
  const { sampleSize: _, ...model } = tinyModel;
  const train = { steps: 2, batchSize: 4, sampleEvery: 2, sampleCount: 4, sampleSteps: 2 };
  writeFileSync(join(cwd, 'config.json'), JSON.stringify({ data: { source: 'images', size: [8, 12] }, model, train }));
  await succeed('train', 'config.json', '--out', 'run');
  const config = JSON.parse(readFileSync(join(cwd, 'run/checkpoints/step-000002/unet/config.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  expect(config['sample_size']).toEqual([8, 12]);
  await succeed(
    'sample',
    'run',
    '--count',
    '2',
    '--steps',
    '2',
    '--images',
    'drawn',
    '--out',
    'grid.png',
    '--gif',
    'reverse.gif',
  );
  expect(await sharp(join(cwd, 'drawn/00001.png')).metadata()).toMatchObject({ width: 12, height: 8 });
});
