/**
 * Contrastive language–image pre-training: the loss, and embeddings from a trained model.
 *
 * @see Radford et al. 2021, figure 3 — https://arxiv.org/abs/2103.00020
 */
import {
  add,
  arange,
  argMax,
  cast,
  clip,
  equal,
  exp,
  input,
  logSumExp,
  matmul,
  mean,
  mul,
  program,
  reshape,
  sub,
  type Program,
  type Tensor,
} from '../core/index.ts';
import type { Tokenizer } from '../data/browser.ts';
import { imageTowerConfig, unitVectors, type CLIPImageTower, type CLIPModel } from '../models/clip.ts';
import type { CLIPTextConfig } from '../models/clip/config.ts';
import { clipPixels, openAIPreprocessing, type ClipPreprocessing } from '../models/clip/preprocess.ts';
import { legacyEosTokenId } from '../models/clip/text-tower.ts';
import { bind, type Context } from '../nn/index.ts';
import { sumOverTransforms, augmentedImages, type TtaTransform } from './test-time-augmentation.ts';

/** What comes of comparing the images and texts of a batch. */
export interface ContrastiveResult {
  /** [B] in nats, of which the mean is trained. A model that knows nothing has ln B. */
  readonly losses: Tensor;
  /** The share of images whose own text is the nearest of the batch. */
  readonly imageAccuracy: Tensor;
  /** The share of texts whose own image is the nearest. */
  readonly textAccuracy: Tensor;
}

/** The loss at chance, in nats: ln B. A loss that stays there means that nothing is learned. */
export function chanceLoss(batchSize: number): number {
  return Math.log(batchSize);
}

/**
 * The symmetric contrastive loss: cross-entropy of each image's text among all texts of the batch, and of each text's
 * image among all images,
 *
 *     ℓ_i = ½ (ln Σ_j e^{s_ij} − s_ii) + ½ (ln Σ_j e^{s_ji} − s_ii),   s = e^logitScale · Î T̂ᵀ
 *
 * with unit vectors Î and T̂.
 *
 * @param imageFeatures  [B, D], of any length
 * @param textFeatures   [B, D], row by row those of the images
 * @param logitScale     [] ln of the inverse temperature
 * @throws if the two differ in shape
 */
export function contrastiveLoss(imageFeatures: Tensor, textFeatures: Tensor, logitScale: Tensor): ContrastiveResult {
  const [batch, width] = imageFeatures.shape as [number, number];
  if (imageFeatures.shape.length !== 2 || textFeatures.shape.join() !== imageFeatures.shape.join())
    throw new Error(
      `contrastiveLoss: images are [${imageFeatures.shape.join(', ')}] and texts [${textFeatures.shape.join(', ')}]; both must be [B, D], a text for each image`,
    );
  const images = unitVectors(imageFeatures);
  const texts = unitVectors(textFeatures);
  const scale = exp(logitScale);
  const logits = mul(matmul(images, texts, { transB: true }), scale); // [images, texts]
  // The diagonal: each image with its own text.
  const own = mul(
    reshape(matmul(reshape(images, [batch, 1, width]), reshape(texts, [batch, width, 1])), [batch]),
    scale,
  );
  const share = (axis: number) => mean(cast(equal(argMax(logits, axis), arange(batch)), 'f32'));
  return {
    losses: sub(mul(add(logSumExp(logits, [1]), logSumExp(logits, [0])), 0.5), own),
    imageAccuracy: share(1),
    textAccuracy: share(0),
  };
}

/** The largest logit scale: logits up to 100. */
export const maxLogitScale = Math.log(100);

/**
 * The logit scale brought back to 0 … ln 100, as it has to be after each step of the optimizer.
 *
 * @see Radford et al. 2021, §2.5: "clipped to prevent scaling the logits by more than 100"
 */
export function clampLogitScale(logitScale: Tensor): Tensor {
  return clip(logitScale, 0, maxLogitScale);
}

/** What the loss of a batch is built for. */
export interface ClipBatch {
  readonly batchSize: number;
  /** Tokens of a text, at most the model's context. */
  readonly length: number;
  readonly preprocessing: ClipPreprocessing;
}

/** A context that, in training, may join the embeddings of several batches, and report what is measured. */
export interface ClipLossContext extends Context {
  /** The rows of all batches of an update in place of those of this one. */
  readonly gradCache?: (x: Tensor) => Tensor;
  readonly measure?: (name: string, value: Tensor) => void;
}

/**
 * The mean contrastive loss of a batch, or of all batches of an update where the context joins them. Measured are
 * `image_accuracy`, `text_accuracy` and the logit scale.
 *
 * The program's inputs are `images` [B, C, H, W] in [−1, 1] and `ids` [B, L].
 *
 * @returns []
 */
export function clipLoss(
  model: CLIPModel,
  ctx: ClipLossContext,
  { batchSize, length, preprocessing }: ClipBatch,
): Tensor {
  const { numChannels, imageSize } = model.config.visionConfig;
  const { gradCache = (x: Tensor) => x, measure } = ctx;
  const imageFeatures = model.imageFeatures(
    ctx,
    clipPixels(input('images', [batchSize, numChannels, imageSize, imageSize]), preprocessing),
  );
  const textFeatures = model.textFeatures(ctx, input('ids', [batchSize, length], 'i64'));
  const logitScale = ctx.param(model.logitScale);
  const { losses, imageAccuracy, textAccuracy } = contrastiveLoss(
    gradCache(imageFeatures),
    gradCache(textFeatures),
    logitScale,
  );
  measure?.('image_accuracy', imageAccuracy);
  measure?.('text_accuracy', textAccuracy);
  measure?.('logit_scale', logitScale);
  return mean(losses);
}

/** Options of `imageProgram`. */
export interface ImageProgramOptions {
  /** Default OpenAI's. */
  readonly preprocessing?: ClipPreprocessing;
  /** Before the names of the weights in the store. */
  readonly prefix?: string;
  /** Test-time augmentation: the transforms whose unit vectors are averaged; default none. */
  readonly transforms?: readonly TtaTransform[];
  /** False gives the projected embeddings as they are, as transformers' `CLIPVisionModelWithProjection` does; default true, unit vectors. */
  readonly normalize?: boolean;
}

/**
 * The image tower as a program: `images` [B, C, H, W] in [−1, 1] → `image_embeds` [B, D], unit vectors. Of the store it
 * reads its own weights alone; `freeze` makes them constants. With test-time augmentation it averages the unit vectors of the transforms, and makes their
 * mean one again, as `zeroShotClassifier` does with sentences.
 */
export function imageProgram(
  model: CLIPImageTower,
  batchSize: number,
  { preprocessing = openAIPreprocessing, prefix = '', transforms, normalize = true }: ImageProgramOptions = {},
): Program {
  if (transforms && !normalize)
    throw new Error('imageProgram: transforms are averaged as unit vectors; normalize them');
  const { numChannels, imageSize } = imageTowerConfig(model);
  const images = input('images', [batchSize, numChannels, imageSize, imageSize]);
  const embed = (seen: Tensor) => {
    const features = model.imageFeatures(bind(model, { prefix }), clipPixels(seen, preprocessing));
    return normalize ? unitVectors(features) : features;
  };
  return program({
    outputs: {
      image_embeds: transforms
        ? unitVectors(sumOverTransforms(embed(augmentedImages(images, transforms)), transforms.length))
        : embed(images),
    },
  });
}

/** The text tower as a program: `input_ids` [B, L] → `text_embeds` [B, D], unit vectors; see `imageProgram`. */
export function textProgram(
  model: CLIPModel,
  batchSize: number,
  length = model.config.textConfig.maxPositionEmbeddings,
  prefix = '',
): Program {
  return program({
    outputs: {
      text_embeds: unitVectors(
        model.textFeatures(bind(model, { prefix }), input('input_ids', [batchSize, length], 'i64')),
      ),
    },
  });
}

/**
 * Checks that a tokenizer's numbers are those that a model was made for.
 *
 * @throws one line that names the tokenizer and says which number differs
 */
export function checkTokenizer(
  { where, vocabSize, eosTokenId }: Tokenizer,
  config: Pick<CLIPTextConfig, 'vocabSize' | 'eosTokenId'>,
): void {
  const hint = 'take the tokenizer.json that came with the model';
  if (vocabSize > config.vocabSize)
    throw new Error(`${where}: has ${vocabSize} tokens, the model knows ${config.vocabSize}; ${hint}`);
  if (eosTokenId === legacyEosTokenId)
    throw new Error(
      `${where}: its end token has the id ${legacyEosTokenId}, by which transformers knows early checkpoints, and looks for the largest id instead; learn a tokenizer with its end token last`,
    );
  if (config.eosTokenId === legacyEosTokenId ? eosTokenId !== vocabSize - 1 : eosTokenId !== config.eosTokenId) {
    throw new Error(
      `${where}: its end token is ${eosTokenId}, the model reads texts at ${config.eosTokenId === legacyEosTokenId ? 'the largest token' : config.eosTokenId}; ${hint}`,
    );
  }
}
