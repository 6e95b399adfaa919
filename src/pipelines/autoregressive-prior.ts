/** Training an autoregressive prior: the cross-entropy of each component's bucket given the caption and the components before. */
import {
  input,
  logSoftmax,
  mean,
  mul,
  RandomStream,
  reshape,
  takeAlongAxis,
  type HostArray,
  type Tensor,
} from '../core/index.ts';
// Not the layer's index: what draws batches runs in a browser too, what reads files does not.
import { batchIndices, type Dataset } from '../data/browser.ts';
import { dropConditions, takeRows, type Conditions } from '../diffusion/index.ts';
import { conditionTensors, similarityName, textConditionNames, type AutoregressivePrior } from '../models/index.ts';
import type { Context, Module } from '../nn/index.ts';
import { captionsAt } from './unclip-examples.ts';
import { textConditions, type TextEncoding } from './text-conditions.ts';

/** What an autoregressive prior is trained on. */
export interface AutoregressivePriorTaskOptions {
  readonly prior: AutoregressivePrior;
  readonly dataset: Dataset;
  readonly encoding: TextEncoding;
  /** [N, K] of i64, the buckets of each image's embedding; asked when a batch is made. */
  readonly buckets: () => HostArray;
  /** [N] of i64, the bucket of each image's similarity to its caption; asked when a batch is made. */
  readonly similarities: () => HostArray;
  /** [1, …] the conditions of the empty text, with `similarityNotSaid`. */
  readonly nothing: Conditions;
  /** The share of samples without caption and similarity. */
  readonly textDropout: number;
  readonly batchSize: number;
  readonly seed: number;
}

/** A task for a trainer. */
export interface AutoregressivePriorTask {
  readonly module: Module;
  readonly loss: (ctx: Context) => Tensor;
  readonly inputs: (batch: number) => Promise<Record<string, HostArray>>;
}

/** The name of the input that has a batch's buckets. */
const bucketsName = 'buckets';

/** The bucket of "how well text and image fit is not said". */
export function similarityNotSaid({ config: { numSimilarities } }: AutoregressivePrior): HostArray {
  return similarityBuckets([numSimilarities]);
}

/** Buckets of similarities as a condition: [N]. */
export function similarityBuckets(buckets: readonly number[]): HostArray {
  return { dtype: 'i64', shape: [buckets.length], data: BigInt64Array.from(buckets, BigInt) };
}

/**
 * −log p(b_k | b_0 … b_{k−1}, caption, z_t, cos(z_i, z_t)) in nats, the mean over the components of each sample.
 *
 * @returns  [B]
 * @see Ramesh et al. 2022 (unCLIP), section 2.2 — https://arxiv.org/abs/2204.06125
 */
export function autoregressivePriorLoss(prior: AutoregressivePrior, ctx: Context, batchSize: number): Tensor {
  const { numComponents } = prior.config;
  const buckets = input(bucketsName, [batchSize, numComponents], 'i64');
  const logits = prior.forward(ctx, buckets, conditionTensors(prior, batchSize));
  const likelihood = takeAlongAxis(logSoftmax(logits), reshape(buckets, [batchSize, numComponents, 1]), 2);
  return mul(mean(reshape(likelihood, [batchSize, numComponents]), [1]), -1);
}

/** The task of training an autoregressive prior. */
export function autoregressivePriorTask({
  prior,
  dataset,
  encoding,
  buckets,
  similarities,
  nothing,
  textDropout,
  batchSize,
  seed,
}: AutoregressivePriorTaskOptions): AutoregressivePriorTask {
  // How well a text fits says nothing without it.
  const names = [...Object.values(textConditionNames), similarityName];
  return {
    module: prior,
    loss: (ctx) => autoregressivePriorLoss(prior, ctx, batchSize),
    async inputs(batch) {
      const indices = batchIndices(dataset, { seed, step: batch, batchSize });
      const shown: Conditions = {
        ...textConditions(await encoding.encode(captionsAt(dataset, indices)), prior.conditions),
        [similarityName]: takeRows(similarities(), [...indices]),
      };
      const random = new RandomStream(seed, 'caption dropout', batch);
      return {
        ...dropConditions(shown, nothing, [{ names, probability: textDropout, random }]),
        [bucketsName]: takeRows(buckets(), [...indices]),
      };
    },
  };
}
