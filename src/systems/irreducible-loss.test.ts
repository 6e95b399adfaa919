import { expect, test } from 'vitest';
import { fromBitmaps, imagesAt, imagesInMemory, openDataset } from '../data/index.ts';
import { networkProcess, schedulerConfig } from '../diffusion/index.ts';
import { irreducibleLossOf, mostIrreducibleLossValues } from './irreducible-loss.ts';

const steps = networkProcess(schedulerConfig());

test('the irreducible loss of a few images is zero at low noise, rises, and falls where only noise is left', async () => {
  const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
  const irreducibleLoss = (await irreducibleLossOf(dataset, steps, { horizontalFlip: false })!()).map((loss) => loss!);
  expect(irreducibleLoss).toHaveLength(10);
  expect(irreducibleLoss[0]).toBeLessThan(1e-3);
  const highest = Math.max(...irreducibleLoss);
  expect(highest).toBeGreaterThan(1e-3);
  expect(irreducibleLoss.at(-1)).toBeLessThan(highest / 20);
});

test('of one image it is zero, of one image with its flipped copy it is not', async () => {
  const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
  // Half dark, half light.
  const pixels = Uint8Array.from({ length: 192 }, (_, i) => (i % 24 < 12 ? 0 : 255));
  const one = { ...dataset, count: 1, images: imagesInMemory(pixels, 192) };
  const sum = async (horizontalFlip: boolean) =>
    (await irreducibleLossOf(one, steps, { horizontalFlip })!()).reduce<number>((total, loss) => total + loss!, 0);
  expect(await sum(false)).toBeLessThan(1e-9);
  expect(await sum(true)).toBeGreaterThan(1e-3);
});

test('it is not computed for many images, which would take long, and not for few steps', async () => {
  const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
  expect(
    irreducibleLossOf({ ...dataset, count: Math.ceil(mostIrreducibleLossValues / 192) + 1 }, steps, {
      horizontalFlip: false,
    }),
  ).toBeUndefined();
  expect(
    irreducibleLossOf(dataset, networkProcess(schedulerConfig({ numTrainTimesteps: 30 })), { horizontalFlip: false }),
  ).toBeUndefined();
});

test.each([{ process: 'flow' }, { process: 'edm' }, { predictionType: 'v_prediction' }] as const)(
  'of %j it is the error of the exact prediction',
  async (options) => {
    const process = networkProcess(schedulerConfig(options));
    const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
    const irreducibleLoss = (await irreducibleLossOf(dataset, process, { horizontalFlip: false })!()).map(
      (loss) => loss!,
    );
    expect(irreducibleLoss.every((loss) => loss >= 0 && loss < 1)).toBe(true);
    // Where only noise is left, the error is the variance of x_0.
    const { data } = fromBitmaps(
      imagesAt(
        dataset,
        Array.from({ length: dataset.count }, (_, i) => i),
      ),
    );
    const size = data.length / dataset.count;
    const variance =
      Array.from({ length: size }, (_, i) => {
        const values = Array.from({ length: dataset.count }, (_, n) => data[n * size + i]!);
        const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
        return values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
      }).reduce((sum, x) => sum + x, 0) / size;
    const [onX0] = process.preconditioning.target(process.schedule.last);
    expect(irreducibleLoss.at(-1)! / (onX0 ** 2 * variance)).toBeGreaterThan(0.6);
    expect(irreducibleLoss.at(-1)! / (onX0 ** 2 * variance)).toBeLessThan(1.4);
  },
);

test('who is conditioned on the class has only its images to guess among, and all of them where it is hidden', async () => {
  const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
  const of = (labels: (i: number) => number, labelDropout?: number, horizontalFlip = false) =>
    irreducibleLossOf({ ...dataset, labels: Int32Array.from({ length: dataset.count }, (_, i) => labels(i)) }, steps, {
      horizontalFlip,
      labelDropout,
    })!();
  const sum = (losses: readonly (number | null)[]) => losses.reduce<number>((total, loss) => total + loss!, 0);
  const plain = await of(() => 0);
  // One class is no news, and a network that takes none hears of no labels.
  expect(await of(() => 0, 0)).toEqual(plain);
  expect(await of((i) => i)).toEqual(plain);
  // A class for each image says all, mirrored ones apart; of two classes there is less to guess than of one.
  expect(sum(await of((i) => i, 0))).toBeLessThan(1e-9);
  expect(sum(await of((i) => i, 0, true))).toBeGreaterThan(1e-3);
  const halves = await of((i) => i % 2, 0);
  expect(sum(halves)).toBeGreaterThan(1e-3);
  expect(sum(halves)).toBeLessThan(sum(plain));
  // A quarter hidden: in a quarter of the samples the class is not known.
  (await of((i) => i % 2, 0.25)).forEach((loss, level) =>
    expect(loss).toBeCloseTo(0.75 * halves[level]! + 0.25 * plain[level]!, 12),
  );
});
