import { expect, test } from 'vitest';
import type { HostArray } from '../core/index.ts';
import { imagesInMemory, type Dataset } from '../data/index.ts';
import { classConditions, classLabelsName } from '../diffusion/index.ts';
import { UNet2DModel } from '../models/index.ts';
import { denoisingTask, imageExamples } from './denoising-task.ts';

const classNames = ['a', 'b', 'c'];
const nullClass = classNames.length;
const count = 30;
/** Every class ten times, one pixel each. */
const dataset: Dataset = {
  name: 'classes',
  images: imagesInMemory(
    Uint8Array.from({ length: count }, (_, i) => 8 * i),
    1,
  ),
  count,
  height: 1,
  width: 1,
  channels: 1,
  ids: Array.from({ length: count }, (_, i) => `${i}`),
  skipped: [],
  notes: [],
  fingerprint: '',
  fromCache: false,
  labels: Int32Array.from({ length: count }, (_, i) => i % nullClass),
  classNames,
};

const network = new UNet2DModel({
  sampleSize: 1,
  inChannels: 1,
  outChannels: 1,
  numClassEmbeds: 4,
  addAttention: false,
  blockOutChannels: [4],
  layersPerBlock: 1,
  normNumGroups: 2,
  downBlockTypes: ['DownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
});

function inputsOf({
  batch = 0,
  seed = 0,
  labelDropout = 0.2,
  batchSize = 400,
  any = nullClass as number | null,
} = {}): Promise<Record<string, HostArray>> {
  return denoisingTask({
    network,
    examples: imageExamples(dataset, { seed }),
    batchSize,
    seed,
    dropouts: [{ names: [classLabelsName], probability: labelDropout }],
    ...(any !== null && { nothing: classConditions([any]) }),
  }).inputs(batch);
}
const labelsOf = async (options: Parameters<typeof inputsOf>[0] = {}) =>
  Array.from((await inputsOf(options))[classLabelsName]!.data, Number);

test('hides the share of classes that it is told to, of every class alike', async () => {
  const batches = 10;
  const hidden = classNames.map(() => 0);
  for (let batch = 0; batch < batches; batch++) {
    const own = await labelsOf({ batch, labelDropout: 0 });
    (await labelsOf({ batch })).forEach((label, b) => {
      if (label === nullClass) hidden[own[b]!]!++;
    });
  }
  // Of n = 4000 samples in three classes a share p = 1/5: four standard deviations √(n p (1 − p)).
  const n = (batches * 400) / 3;
  for (const found of hidden) expect(Math.abs(found - 0.2 * n)).toBeLessThan(4 * Math.sqrt(n * 0.2 * 0.8));
});

test('hides each alone: whether one is hidden says nothing of the next', async () => {
  const hidden = (await Promise.all(Array.from({ length: 10 }, (_, batch) => labelsOf({ batch, labelDropout: 0.5 }))))
    .flat()
    .map((label) => label === nullClass);
  const both = hidden.filter((one, i) => one && hidden[i + 1]).length;
  // Pairs of fair coins, each coin in two of them: the variance of the count is n (3/16 + 2 · 1/16).
  const n = hidden.length - 1;
  expect(Math.abs(both - n / 4)).toBeLessThan(4 * Math.sqrt((5 / 16) * n));
});

test('puts the class that stands for any in the place of those hidden, and leaves the others', async () => {
  const own = await labelsOf({ labelDropout: 0 });
  const shown = await labelsOf();
  shown.forEach((label, b) => expect([own[b], nullClass]).toContain(label));
  expect(new Set(shown)).toEqual(new Set([0, 1, 2, nullClass]));
  expect(new Set(await labelsOf({ labelDropout: 1 }))).toEqual(new Set([nullClass]));
});

test('hides nothing at 0, whether or not there is a class for any', async () => {
  const own = Array.from(
    (await inputsOf({ labelDropout: 0 }))['x0']!.data as Float32Array,
    (x) => (Math.round((x + 1) * 127.5) / 8) % nullClass,
  );
  expect(await labelsOf({ labelDropout: 0 })).toEqual(own);
  expect(await labelsOf({ labelDropout: 0, any: null })).toEqual(own);
});

test('is a function of seed and batch, and changes nothing else of the batch', async () => {
  expect(await labelsOf({ batch: 3 })).toEqual(await labelsOf({ batch: 3 }));
  // Which places are hidden, not which classes are there.
  const places = async (options: Parameters<typeof inputsOf>[0]) =>
    (await labelsOf({ ...options, labelDropout: 0.5 })).map((label) => label === nullClass);
  expect(await places({ batch: 3 })).not.toEqual(await places({ batch: 4 }));
  expect(await places({ seed: 1 })).not.toEqual(await places({ seed: 0 }));
  const { [classLabelsName]: _, ...without } = await inputsOf({ labelDropout: 0 });
  const { [classLabelsName]: __, ...rest } = await inputsOf();
  expect(rest).toEqual(without);
});

test('a larger share hides what a smaller one does, and more', async () => {
  const [some, more] = [await labelsOf({ labelDropout: 0.2 }), await labelsOf({ labelDropout: 0.6 })];
  some.forEach((label, b) => {
    if (label === nullClass) expect(more[b]).toBe(nullClass);
  });
  expect(more.filter((label) => label === nullClass).length).toBeGreaterThan(
    some.filter((label) => label === nullClass).length,
  );
});

test('without a class for any there is nothing to hide them behind', async () => {
  expect(() => inputsOf({ any: null })).toThrow(
    'denoisingTask: class_labels has dropout, and no null row is given; give it as nothing',
  );
});
