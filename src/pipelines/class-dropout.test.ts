import { expect, test } from 'vitest';
import type { Dataset } from '../data/index.ts';
import { networkProcess, objectiveDefaults, schedulerConfig } from '../diffusion/index.ts';
import { trainingInputs } from './ddpm.ts';

const classNames = ['a', 'b', 'c'];
const nullClass = classNames.length;
const count = 30;
/** Every class ten times, one pixel each. */
const dataset: Dataset = {
  name: 'classes',
  images: Uint8Array.from({ length: count }, (_, i) => 8 * i),
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

function inputsOf({ batch = 0, seed = 0, labelDropout = 0.2, batchSize = 400, any = nullClass as number | null } = {}) {
  const target = { diffusion: networkProcess(schedulerConfig()), objective: { ...objectiveDefaults, labelDropout } };
  return trainingInputs(dataset, {
    seed,
    batch,
    batchSize,
    horizontalFlip: false,
    target,
    ...(any !== null && { nullClass: any }),
  });
}
const labelsOf = (options: Parameters<typeof inputsOf>[0] = {}) =>
  Array.from(inputsOf(options)['classLabels']!.data, Number);

test('hides the share of classes that it is told to, of every class alike', () => {
  const batches = 10;
  const hidden = classNames.map(() => 0);
  for (let batch = 0; batch < batches; batch++) {
    const own = labelsOf({ batch, labelDropout: 0 });
    labelsOf({ batch }).forEach((label, b) => {
      if (label === nullClass) hidden[own[b]!]!++;
    });
  }
  // Of n = 4000 samples in three classes a share p = 1/5: four standard deviations √(n p (1 − p)).
  const n = (batches * 400) / 3;
  for (const found of hidden) expect(Math.abs(found - 0.2 * n)).toBeLessThan(4 * Math.sqrt(n * 0.2 * 0.8));
});

test('hides each alone: whether one is hidden says nothing of the next', () => {
  const hidden = Array.from({ length: 10 }, (_, batch) =>
    labelsOf({ batch, labelDropout: 0.5 }).map((label) => label === nullClass),
  ).flat();
  const both = hidden.filter((one, i) => one && hidden[i + 1]).length;
  // Pairs of fair coins, each coin in two of them: the variance of the count is n (3/16 + 2 · 1/16).
  const n = hidden.length - 1;
  expect(Math.abs(both - n / 4)).toBeLessThan(4 * Math.sqrt((5 / 16) * n));
});

test('puts the class that stands for any in the place of those hidden, and leaves the others', () => {
  const own = labelsOf({ labelDropout: 0 });
  const shown = labelsOf();
  shown.forEach((label, b) => expect([own[b], nullClass]).toContain(label));
  expect(new Set(shown)).toEqual(new Set([0, 1, 2, nullClass]));
  expect(new Set(labelsOf({ labelDropout: 1 }))).toEqual(new Set([nullClass]));
});

test('hides nothing at 0, whether or not there is a class for any', () => {
  const own = Array.from(
    inputsOf({ labelDropout: 0 })['x0']!.data as Float32Array,
    (x) => (Math.round((x + 1) * 127.5) / 8) % nullClass,
  );
  expect(labelsOf({ labelDropout: 0 })).toEqual(own);
  expect(labelsOf({ labelDropout: 0, any: null })).toEqual(own);
});

test('is a function of seed and batch, and changes nothing else of the batch', () => {
  expect(labelsOf({ batch: 3 })).toEqual(labelsOf({ batch: 3 }));
  // Which places are hidden, not which classes are there.
  const places = (options: Parameters<typeof inputsOf>[0]) =>
    labelsOf({ ...options, labelDropout: 0.5 }).map((label) => label === nullClass);
  expect(places({ batch: 3 })).not.toEqual(places({ batch: 4 }));
  expect(places({ seed: 1 })).not.toEqual(places({ seed: 0 }));
  const { classLabels: _, ...without } = inputsOf({ labelDropout: 0 });
  const { classLabels: __, ...rest } = inputsOf();
  expect(rest).toEqual(without);
});

test('a larger share hides what a smaller one does, and more', () => {
  const [some, more] = [labelsOf({ labelDropout: 0.2 }), labelsOf({ labelDropout: 0.6 })];
  some.forEach((label, b) => {
    if (label === nullClass) expect(more[b]).toBe(nullClass);
  });
  expect(more.filter((label) => label === nullClass).length).toBeGreaterThan(
    some.filter((label) => label === nullClass).length,
  );
});

test('without a class for any there is nothing to hide them behind', () => {
  expect(() => inputsOf({ any: null })).toThrow('trainingInputs: labelDropout needs a class that stands for "any"');
});
