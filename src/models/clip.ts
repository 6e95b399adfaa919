/** transformers' `CLIPModel`: embeds images and texts into one space, matching pairs near each other. */
import { div, exp, matmul, maximum, mul, sqrt, sumSquares, transpose, type Tensor } from '../core/index.ts';
import { filled, Linear, Module, normal, Parameter, type Context } from '../nn/index.ts';
import { parseConfig } from './config.ts';
import {
  clipConfigSchema,
  clipTextConfigSchema,
  clipVisionConfigSchema,
  type CLIPConfig,
  type CLIPOptions,
  type CLIPTextConfig,
  type CLIPTextOptions,
  type CLIPVisionConfig,
  type CLIPVisionOptions,
} from './clip/config.ts';
import { TextTransformer, type TowerOutput } from './clip/text-tower.ts';
import { VisionTransformer } from './clip/vision-tower.ts';

/** What a whole model computes from images and texts. */
export interface CLIPOutput {
  /** [images, texts]: e^logitScale times the cosines. */
  readonly logitsPerImage: Tensor;
  /** [texts, images] */
  readonly logitsPerText: Tensor;
  /** [images, projectionDim], unit vectors. */
  readonly imageEmbeds: Tensor;
  /** [texts, projectionDim], unit vectors. */
  readonly textEmbeds: Tensor;
}

/** Each vector divided by its length: `[..., D]` → `[..., D]`. A vector of zeros stays one. */
export function unitVectors(x: Tensor): Tensor {
  return div(x, sqrt(maximum(sumSquares(x, [x.shape.length - 1], true), 1e-24)));
}

/** A tower's last map: no bias, no function after it. */
function projection(width: number, projectionDim: number, factor: number): Linear {
  return new Linear(width, projectionDim, { bias: false, init: normal(width ** -0.5 * factor) });
}

/**
 * CLIP with transformers' configuration and checkpoint names.
 *
 * @see Radford et al. 2021 — https://arxiv.org/abs/2103.00020
 */
export class CLIPModel extends Module {
  readonly logitScale: Parameter;
  readonly textModel: TextTransformer;
  readonly visionModel: VisionTransformer;
  readonly visualProjection: Linear;
  readonly textProjection: Linear;
  readonly #config: CLIPConfig;

  /** @throws if the options contradict each other */
  constructor(options: CLIPOptions = {}) {
    super();
    const config = parseConfig(clipConfigSchema, options, 'CLIPModel');
    const { textConfig, visionConfig, projectionDim, initializerFactor } = config;
    this.#config = config;
    this.logitScale = new Parameter([], filled(config.logitScaleInitValue));
    this.textModel = new TextTransformer(textConfig);
    this.visionModel = new VisionTransformer(visionConfig);
    this.visualProjection = projection(visionConfig.hiddenSize, projectionDim, initializerFactor);
    this.textProjection = projection(textConfig.hiddenSize, projectionDim, initializerFactor);
  }

  get config(): CLIPConfig {
    return this.#config;
  }

  /**
   * Image embeddings, not normalized; `unitVectors` of them are compared.
   *
   * @param pixels  [B, numChannels, imageSize, imageSize], normalized as the model was trained
   * @returns       [B, projectionDim]
   */
  imageFeatures(ctx: Context, pixels: Tensor): Tensor {
    return this.visualProjection.forward(ctx, this.visionModel.pooled(ctx, pixels));
  }

  /**
   * Text embeddings, not normalized; `unitVectors` of them are compared.
   *
   * @param ids      [B, L] of i64 or i32, with the end token
   * @param keyMask  [B, L] of bool, needed only for padding before the text
   * @returns        [B, projectionDim]
   */
  textFeatures(ctx: Context, ids: Tensor, keyMask?: Tensor): Tensor {
    return this.textProjection.forward(ctx, this.textModel.pooled(ctx, ids, keyMask));
  }

  /**
   * How well each text says what is in each image.
   *
   * @param pixels  [images, numChannels, imageSize, imageSize]
   * @param ids     [texts, L]
   */
  forward(ctx: Context, pixels: Tensor, ids: Tensor, keyMask?: Tensor): CLIPOutput {
    const imageEmbeds = unitVectors(this.imageFeatures(ctx, pixels));
    const textEmbeds = unitVectors(this.textFeatures(ctx, ids, keyMask));
    const logitsPerText = mul(matmul(textEmbeds, imageEmbeds, { transB: true }), exp(ctx.param(this.logitScale)));
    return { imageEmbeds, textEmbeds, logitsPerText, logitsPerImage: transpose(logitsPerText, [1, 0]) };
  }
}

/** The text tower alone: the encoder of texts in many diffusion models. */
export class CLIPTextModel extends Module {
  readonly textModel: TextTransformer;

  /** @throws if the options contradict each other */
  constructor(options: CLIPTextOptions = {}) {
    super();
    this.textModel = new TextTransformer(parseConfig(clipTextConfigSchema, options, 'CLIPTextModel'));
  }

  get config(): CLIPTextConfig {
    return this.textModel.config;
  }

  /** @param ids  [B, L] */
  forward(ctx: Context, ids: Tensor, keyMask?: Tensor): TowerOutput {
    return this.textModel.forward(ctx, ids, keyMask);
  }
}

/** The text tower alone, with its projection. */
export class CLIPTextModelWithProjection extends CLIPTextModel {
  readonly textProjection: Linear;

  constructor(options: CLIPTextOptions = {}) {
    super(options);
    this.textProjection = projection(this.config.hiddenSize, this.config.projectionDim, this.config.initializerFactor);
  }

  /** As of `CLIPModel`. */
  textFeatures(ctx: Context, ids: Tensor, keyMask?: Tensor): Tensor {
    return this.textProjection.forward(ctx, this.textModel.pooled(ctx, ids, keyMask));
  }
}

/** The image tower alone. */
export class CLIPVisionModel extends Module {
  readonly visionModel: VisionTransformer;

  /** @throws if the options contradict each other */
  constructor(options: CLIPVisionOptions = {}) {
    super();
    this.visionModel = new VisionTransformer(parseConfig(clipVisionConfigSchema, options, 'CLIPVisionModel'));
  }

  get config(): CLIPVisionConfig {
    return this.visionModel.config;
  }

  /** @param pixels  [B, numChannels, imageSize, imageSize] */
  forward(ctx: Context, pixels: Tensor): TowerOutput {
    return this.visionModel.forward(ctx, pixels);
  }
}

/** The image tower alone, with its projection. */
export class CLIPVisionModelWithProjection extends CLIPVisionModel {
  readonly visualProjection: Linear;

  constructor(options: CLIPVisionOptions = {}) {
    super(options);
    this.visualProjection = projection(
      this.config.hiddenSize,
      this.config.projectionDim,
      this.config.initializerFactor,
    );
  }

  /** As of `CLIPModel`. */
  imageFeatures(ctx: Context, pixels: Tensor): Tensor {
    return this.visualProjection.forward(ctx, this.visionModel.pooled(ctx, pixels));
  }
}

/** What embeds images: a whole model, or its image tower alone. */
export type CLIPImageTower = CLIPModel | CLIPVisionModelWithProjection;

/** The configuration of the image tower, with the width of the embeddings. */
export function imageTowerConfig({ config }: CLIPImageTower): CLIPVisionConfig {
  return 'visionConfig' in config ? { ...config.visionConfig, projectionDim: config.projectionDim } : config;
}
