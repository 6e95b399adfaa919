/** The first training on images of one's own, as a user has it: a folder, a preset and a size. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeImageFolder } from './kuosan.ts';
import { runHere, workingFolder } from './run-here.ts';

const cwd = workingFolder('first-training');
const record = (out: string) => JSON.parse(readFileSync(join(cwd, out, 'run.json'), 'utf8')).config;

beforeAll(async () => {
  for (const name of ['cat', 'dog']) await writeImageFolder(join(cwd, 'pets', name), 4, 32);
  await writeImageFolder(join(cwd, 'plain'), 4, 32);
  // A network that takes moments; its own size, which --size has to change too.
  writeFileSync(
    join(cwd, 'small.json'),
    JSON.stringify({
      data: { size: 16 },
      model: {
        sampleSize: 16,
        blockOutChannels: [16, 16],
        layersPerBlock: 1,
        downBlockTypes: ['DownBlock2D', 'DownBlock2D'],
        upBlockTypes: ['UpBlock2D', 'UpBlock2D'],
        normNumGroups: 4,
        addAttention: false,
      },
      train: { steps: 2, batchSize: 2, warmupSteps: 0, sampleEvery: null },
    }),
  );
});

describe('classes', () => {
  test('of a folder are learned without a word, can be asked for by name, and guided towards', async () => {
    const { status, stderr } = await runHere(['train', 'small.json', '--data', 'pets', '--out', 'pets-run']);
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining('note: pets has 2 classes (cat, dog), and the model'),
    ]);
    expect(record('pets-run')).toMatchObject({ model: { numClassEmbeds: 3 }, objective: { labelDropout: 0.1 } });
    const ask = ['sample', 'pets-run', '--class', 'dog', '--guidance-scale', '2', '--steps', '2', '--count', '1'];
    expect((await runHere([...ask, '--out', 'dog.png'])).status).toBe(0);
    // What was settled from the data is what a resumed run finds.
    const again = ['train', 'small.json', '--data', 'pets', '--out', 'pets-run', '--steps', '3', '--resume'];
    expect((await runHere(again)).status).toBe(0);
  }, 180_000);

  test('are left out where that is said, and asking for one says how to get them', async () => {
    const run = ['train', 'small.json', '--data', 'pets', '--out', 'no-classes', '--no-classes'];
    const { status, stderr } = await runHere(run);
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('note:')]);
    expect(record('no-classes')).toMatchObject({ model: { numClassEmbeds: null }, objective: { labelDropout: 0 } });
    const asked = await runHere(['sample', 'no-classes', '--class', 'cat', '--out', 'cat.png']);
    expect([asked.status, asked.stderr]).toEqual([
      2,
      'kuosan: --class: this model has no classes; to get some, put the images of each class into a sub-folder of its own and train on the folder: kuosan train images-32 --data photos --out runs/photos\n',
    ]);
  }, 180_000);
});

describe('--size', () => {
  test('is the size of data and network alike, square or not', async () => {
    const train = (out: string, size: string) =>
      runHere(['train', 'small.json', '--data', 'plain', '--out', out, '--size', size, '--steps', '1']);
    expect((await train('wide', '24x16')).stderr).toContain('of 24×16 from plain');
    expect(record('wide')).toMatchObject({ data: { size: [16, 24] }, model: { sampleSize: [16, 24] } });
    const odd = await train('odd', '15');
    expect([odd.status, odd.stderr]).toEqual([
      1,
      'kuosan: config.data.size: a network of 2 levels takes multiples of 2, got 15 × 15; --size 14 or 16 fits\n',
    ]);
  }, 180_000);

  test.each([
    ['images-32', 34, '32 or 36'],
    ['images-64', 50, '48 or 56'],
    ['images-128', 100, '96 or 112'],
  ])(
    'of %s: %i is refused with what fits',
    async (preset, size, fitting) => {
      const run = ['train', preset, '--data', 'plain', '--out', 'none', '--size', String(size)];
      const { status, stderr } = await runHere(run);
      expect([status, stderr]).toEqual([1, expect.stringContaining(`; --size ${fitting} fits\n`)]);
    },
    20_000,
  );
});
