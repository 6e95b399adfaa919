/** The least loss that is possible on a run's images, for its figure. */
import { setImmediate } from 'node:timers/promises';
import { float32, type FloatArray } from '../core/index.ts';
import { fromBitmaps, imagesAt, type Dataset } from '../data/index.ts';
import {
  classDatasetDenoiser,
  datasetDenoiser,
  classConditions,
  denoisingLossByNoise,
  spreadTimes,
  type Denoiser,
  type NetworkProcess,
} from '../diffusion/index.ts';
import { noiseLevels, type LossByNoise } from '../train/log/noise-levels.ts';

/** The most values of a data set for which training computes the irreducible loss: up to here it takes two seconds. */
export const mostIrreducibleLossValues = 2 ** 20;

/** Times looked at in each level, and noisy images at each: enough for a curve. */
const timesOfLevel = 4;
const draws = 8;

/** How the run trains on its images. */
export interface IrreducibleLossOptions {
  /** Whether images are mirrored: those belong to the data too. */
  readonly horizontalFlip: boolean;
  /** Label dropout, 0 for none; absent for an unconditional network. */
  readonly labelDropout?: number | undefined;
}

/**
 * The irreducible loss in each of the ten noise levels: the error of the data's exact denoiser in the network's prediction
 * target. A class-conditional network is compared with the denoiser of each class, and for the share of label dropout with that of all.
 *
 * @returns undefined if there are so many images that it would take long
 */
export function irreducibleLossOf(
  dataset: Dataset,
  diffusion: NetworkProcess,
  { horizontalFlip, labelDropout: dropped }: IrreducibleLossOptions,
): (() => Promise<LossByNoise>) | undefined {
  const { count, channels, height, width, labels } = dataset;
  if (dropped !== undefined && !labels)
    throw new Error('internal: the irreducible loss of a class-conditional network needs classes in the data');
  const values = count * channels * height * width * (horizontalFlip ? 2 : 1);
  const {
    schedule,
    preconditioning: { target },
  } = diffusion;
  const times = spreadTimes(diffusion, noiseLevels * timesOfLevel);
  if (values > mostIrreducibleLossValues || times.length < noiseLevels * timesOfLevel) return undefined;
  return async () => {
    const images = fromBitmaps(
      imagesAt(
        dataset,
        Array.from({ length: count }, (_, i) => i),
      ),
    );
    const all = horizontalFlip ? withMirrored(images) : images;
    const measure = async (exact: Denoiser) => {
      // Training goes on next to it: between two batches it gets its turn.
      const losses = await denoisingLossByNoise(
        async (...asked) => (await setImmediate(), exact(...asked)),
        all,
        schedule,
        {
          times,
          draws,
          batchSize: draws,
          seed: 0,
          target,
          ...(labels && { conditions: (places) => classConditions(places.map((place) => labels[place % count]!)) }),
        },
      );
      return Array.from(
        { length: noiseLevels },
        (_, level) =>
          losses.slice(level * timesOfLevel, (level + 1) * timesOfLevel).reduce((sum, { loss }) => sum + loss, 0) /
          timesOfLevel,
      );
    };
    // Not computed where its share is nothing.
    const unconditional = dropped === 0 ? undefined : await measure(datasetDenoiser(schedule, all));
    if (dropped === undefined) return unconditional!;
    const conditional = await measure(
      classDatasetDenoiser(
        schedule,
        all,
        Array.from({ length: all.shape[0]! }, (_, place) => labels![place % count]!),
      ),
    );
    return conditional.map(
      (loss, level) => (1 - dropped) * loss + (unconditional ? dropped * unconditional[level]! : 0),
    );
  };
}

/** All images, then all of them mirrored left to right. */
function withMirrored({ shape, data }: FloatArray): FloatArray {
  const width = shape.at(-1)!;
  const both = new Float32Array(2 * data.length);
  both.set(data);
  for (let i = 0; i < data.length; i++) both[data.length + i] = data[i - (i % width) + width - 1 - (i % width)]!;
  return float32([2 * shape[0]!, ...shape.slice(1)], both);
}
