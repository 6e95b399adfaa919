import { float32, type FloatArray } from '../../core/dtype.ts';
import { sampleSize } from '../array-arithmetic.ts';
import { classLabelsName, classLabelsOf } from '../conditions.ts';
import type { Denoiser } from '../denoiser.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';
import { datasetDenoiser } from './mixture.ts';

/**
 * The exact class-conditional denoiser of a data set (the condition `class_labels`): for each sample the mean over its class,
 * E[x_0 | x_t, y]. Its loss is the irreducible loss of class-conditional networks, below that of unconditional ones.
 *
 * @param images  [N, ...]
 * @param labels    [N] the class of each
 * @throws if there is not a class for each image; when run, if a sample has no class, or one without images
 */
export function classDatasetDenoiser(schedule: NoiseSchedule, images: FloatArray, labels: ArrayLike<number>): Denoiser {
  const size = sampleSize('classDatasetDenoiser', images, labels.length, 'classes');
  const ofClass = new Map<number, Denoiser>();
  const open = (label: number): Denoiser => {
    const places = Array.from(labels, (_, place) => place).filter((place) => labels[place] === label);
    if (places.length === 0) throw new Error(`classDatasetDenoiser: there is no image of class ${label}`);
    const data = new Float32Array(places.length * size);
    for (const [i, place] of places.entries())
      data.set(images.data.subarray(place * size, (place + 1) * size), i * size);
    return datasetDenoiser(schedule, float32([places.length, ...images.shape.slice(1)], data));
  };
  return async (xt, t, { conditions }) => {
    const asked = classLabelsOf(conditions);
    if (asked?.length !== t.length)
      throw new Error(
        `classDatasetDenoiser: ${asked?.length ?? 'no'} classes for ${t.length} samples; give one for each as the condition ${classLabelsName}`,
      );
    const [x0, eps] = [new Float32Array(xt.data.length), new Float32Array(xt.data.length)];
    for (const [b, label] of asked.entries()) {
      let denoise = ofClass.get(label);
      if (!denoise) ofClass.set(label, (denoise = open(label)));
      const one = await denoise(
        float32([1, ...xt.shape.slice(1)], xt.data.slice(b * size, (b + 1) * size)),
        [t[b]!],
        {},
      );
      x0.set(one.x0.data, b * size);
      eps.set(one.eps.data, b * size);
    }
    return { x0: float32(xt.shape, x0), eps: float32(xt.shape, eps) };
  };
}
