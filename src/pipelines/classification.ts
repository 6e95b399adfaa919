/** Image classification: the loss, its inputs, and the classes and features that a trained network predicts. */
import {
  input,
  logSoftmax,
  mul,
  oneHot,
  program,
  sum,
  type HostArray,
  type Program,
  type Tensor,
} from '../core/index.ts';
import { batchAt, type BatchOptions, type Dataset } from '../data/browser.ts';
import type { ImageClassifier } from '../models/index.ts';
import { bind, type Context } from '../nn/index.ts';

/**
 * The cross-entropy of each image's class in nats: −log softmax(logits)[label].
 *
 * Inputs of the program, by `classificationInputs`: `images` [B, C, H, W] in [−1, 1] and `labels` [B].
 *
 * @returns [B]
 */
export function classificationLoss(model: ImageClassifier, ctx: Context, batchSize: number): Tensor {
  const { inChannels, sampleSize, classNames } = model.config;
  const { logits } = model.forward(ctx, input('images', [batchSize, inChannels, sampleSize, sampleSize]));
  const chosen = oneHot(input('labels', [batchSize], 'i64'), classNames.length);
  return mul(sum(mul(chosen, logSoftmax(logits)), [1]), -1);
}

/**
 * The inputs of `classificationLoss` for one batch, a pure function of (seed, step).
 *
 * @throws if the data set has no classes
 */
export function classificationInputs(dataset: Dataset, options: BatchOptions): Record<string, HostArray> {
  const { images, labels } = batchAt(dataset, options);
  if (!labels) throw new Error(`classification: ${dataset.name} has no classes; put each class in a folder of its own`);
  return { images, labels: { dtype: 'i64', shape: [labels.length], data: BigInt64Array.from(labels, BigInt) } };
}

/** The network as a program: input `images` [B, C, H, W] in [−1, 1], outputs `features` [B, D] and `logits` [B, classes]. */
export function classifierProgram(model: ImageClassifier, batchSize: number, prefix = ''): Program {
  const { inChannels, sampleSize } = model.config;
  const { features, logits } = model.forward(
    bind(model, { prefix }),
    input('images', [batchSize, inChannels, sampleSize, sampleSize]),
  );
  return program({ outputs: { features, logits } });
}
