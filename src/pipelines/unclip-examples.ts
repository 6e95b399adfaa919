/** What DALL·E 2's prior and decoder are trained on: images by their CLIP embeddings, with captions. */
import { float32, type FloatArray } from '../core/index.ts';
// Not the layer's index: what draws batches runs in a browser too, what reads files does not.
import { batchAt, batchIndices, type Dataset } from '../data/browser.ts';
import { takeRows, type ConditionInput, type Conditions } from '../diffusion/index.ts';
import { imageConditionNames } from '../models/index.ts';
import type { Examples } from './denoising-task.ts';
import { textConditions, type TextEncoding } from './text-conditions.ts';

/** The mean and the standard deviation of each value of embeddings. */
export interface EmbeddingStatistics {
  /** [D] */
  readonly mean: Float32Array;
  /** [D] above 0. */
  readonly std: Float32Array;
}

/**
 * The statistics of a data set's embeddings.
 *
 * @param embeddings  [N, D]
 * @throws if a value is the same in all of them, or not finite: the encoder is broken, or there is one image
 */
export function embeddingStatistics({ shape: [count = 0, width = 0], data }: FloatArray): EmbeddingStatistics {
  const mean = new Float64Array(width);
  const squares = new Float64Array(width);
  for (let i = 0; i < data.length; i++) mean[i % width]! += data[i]! / count;
  for (let i = 0; i < data.length; i++) squares[i % width]! += (data[i]! - mean[i % width]!) ** 2 / count;
  const std = Float32Array.from(squares, Math.sqrt);
  const flat = std.findIndex((value) => !(value > 0 && value < Infinity));
  if (flat >= 0)
    throw new Error(
      `embeddings: value ${flat} has a standard deviation of ${std[flat]} over ${count} images; take other images or another CLIP`,
    );
  return { mean: Float32Array.from(mean), std };
}

/** (z − mean) / std: [B, D] → [B, D]. */
export function standardized({ shape, data }: FloatArray, { mean, std }: EmbeddingStatistics): FloatArray {
  return float32(
    shape,
    data.map((value, i) => (value - mean[i % mean.length]!) / std[i % std.length]!),
  );
}

/** mean + std · z, the inverse of `standardized`; diffusers' `post_process_latents`. */
export function unstandardized({ shape, data }: FloatArray, { mean, std }: EmbeddingStatistics): FloatArray {
  return float32(
    shape,
    data.map((value, i) => value * std[i % std.length]! + mean[i % mean.length]!),
  );
}

/** What examples of embeddings are made of. */
export interface EmbeddedExamplesOptions {
  readonly seed: number;
  readonly encoding: TextEncoding;
  /** What the network takes. */
  readonly inputs: readonly ConditionInput[];
  /** [N, D] the image embedding of each image of the data set; asked when a batch is made. */
  readonly embeddings: () => FloatArray;
}

/** Standardized image embeddings under the captions of their images: what a prior learns. */
export function priorExamples(
  dataset: Dataset,
  {
    seed,
    encoding,
    inputs,
    embeddings,
    statistics,
  }: EmbeddedExamplesOptions & { readonly statistics: () => EmbeddingStatistics },
): Examples {
  return {
    async batch(number, size) {
      const indices = batchIndices(dataset, { seed, step: number, batchSize: size });
      return {
        x0: standardized(takeRows(embeddings(), [...indices]) as FloatArray, statistics()),
        conditions: textConditions(await encoding.encode(captionsAt(dataset, indices)), inputs),
      };
    },
  };
}

/** Whose embedding a decoder takes for that of an image: its own, or that of its caption. */
export type DecoderCondition = 'image' | 'text';

/**
 * Images under embeddings and their captions: what a decoder learns.
 *
 * @param condition  whose embeddings; with `text`, those of the images are not asked for
 * @see Ramesh et al. 2022 (unCLIP), section 5.1, which compares a prior with a decoder trained on `text` — https://arxiv.org/abs/2204.06125
 */
export function decoderExamples(
  dataset: Dataset,
  {
    seed,
    encoding,
    inputs,
    embeddings,
    condition = 'image',
  }: EmbeddedExamplesOptions & { readonly condition?: DecoderCondition },
): Examples {
  return {
    async batch(number, size) {
      const { images, indices } = batchAt(dataset, { seed, step: number, batchSize: size });
      const encoded = await encoding.encode(captionsAt(dataset, indices));
      const rows = condition === 'text' ? encoded.pooled : takeRows(embeddings(), [...indices]);
      return {
        x0: images,
        conditions: { ...textConditions(encoded, inputs), ...imageEmbeddingConditions(rows as FloatArray) },
      };
    },
  };
}

/** The conditions of a batch on image embeddings [B, D]. */
export function imageEmbeddingConditions(embeddings: FloatArray): Conditions {
  const [count = 0] = embeddings.shape;
  return {
    [imageConditionNames.embeds]: embeddings,
    [imageConditionNames.present]: float32([count], new Float32Array(count).fill(1)),
  };
}

/** The row of "without an image": a learned embedding takes the place of [D] zeros. */
export function noImageEmbedding(width: number): Conditions {
  return {
    [imageConditionNames.embeds]: float32([1, width], new Float32Array(width)),
    [imageConditionNames.present]: float32([1], new Float32Array(1)),
  };
}

/** The captions of some images. @throws if the data set has none */
export function captionsAt({ captions, name }: Dataset, indices: Uint32Array): string[] {
  if (!captions) throw new Error(`examples: the images of ${name} have no captions`);
  return Array.from(indices, (index) => captions[index]!);
}
