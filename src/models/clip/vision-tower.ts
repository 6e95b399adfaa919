/** CLIP's image tower. */
import { add, broadcastTo, concat, matmul, reshape, slice, transpose, type Tensor } from '../../core/index.ts';
import { Conv2d, Embedding, LayerNorm, Module, normal, Parameter, type Context } from '../../nn/index.ts';
import { checkTower, type CLIPVisionConfig } from './config.ts';
import { Encoder } from './encoder.ts';
import type { TowerOutput } from './text-tower.ts';

class VisionEmbeddings extends Module {
  readonly classEmbedding: Parameter;
  readonly patchEmbedding: Conv2d;
  readonly positionEmbedding: Embedding;

  constructor({
    hiddenSize,
    numChannels,
    imageSize,
    patchSize,
    initializerRange,
    initializerFactor,
  }: CLIPVisionConfig) {
    super();
    const std = hiddenSize ** -0.5 * initializerFactor;
    this.classEmbedding = new Parameter([hiddenSize], normal(std));
    this.patchEmbedding = new Conv2d(numChannels, hiddenSize, patchSize, {
      stride: patchSize,
      bias: false,
      init: normal(initializerRange * initializerFactor),
    });
    this.positionEmbedding = new Embedding(Math.floor(imageSize / patchSize) ** 2 + 1, hiddenSize, normal(std));
  }

  /** @param pixels  [B, C, H, W] → [B, 1 + patches, D], the class's position first */
  forward(ctx: Context, pixels: Tensor): Tensor {
    const [batch, channels, height] = pixels.shape as [number, number, number];
    const [positions, width] = this.positionEmbedding.weight.shape as [number, number];
    // A convolution whose patches do not overlap is one product: so is its gradient, and the positions come out in a row.
    const patch = this.patchEmbedding.weight.shape[3]!;
    const across = Math.floor(height / patch);
    const whole =
      across * patch === height
        ? pixels
        : slice(pixels, [0, 0, 0, 0], [batch, channels, across * patch, across * patch]);
    const cut = transpose(reshape(whole, [batch, channels, across, patch, across, patch]), [0, 2, 4, 1, 3, 5]); // [B, y, x, C, p, p]
    const size = channels * patch * patch;
    const product = matmul(
      reshape(cut, [batch * (positions - 1), size]),
      reshape(ctx.param(this.patchEmbedding.weight), [width, size]),
      { transB: true },
    );
    const patches = reshape(product, [batch, positions - 1, width]);
    const first = broadcastTo(reshape(ctx.param(this.classEmbedding), [1, 1, width]), [batch, 1, width]);
    return add(concat([first, patches], 1), ctx.param(this.positionEmbedding.weight));
  }
}

/**
 * The vision transformer: patches and a class token; the class token's output is the image's embedding.
 *
 * @see Dosovitskiy et al. 2021 — https://arxiv.org/abs/2010.11929
 */
export class VisionTransformer extends Module {
  readonly embeddings: VisionEmbeddings;
  /** As transformers spells it. */
  readonly preLayrnorm: LayerNorm;
  readonly encoder: Encoder;
  readonly postLayernorm: LayerNorm;
  readonly #config: CLIPVisionConfig;

  /** @throws if the heads do not divide the width, or a patch is larger than the image */
  constructor(config: CLIPVisionConfig) {
    super();
    checkTower('visionConfig', config);
    if (config.patchSize > config.imageSize)
      throw new Error(
        `clip: visionConfig: a patch of ${config.patchSize} pixels is larger than an image of ${config.imageSize} (patchSize, imageSize)`,
      );
    const norm = () => new LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.#config = config;
    this.embeddings = new VisionEmbeddings(config);
    this.preLayrnorm = norm();
    this.encoder = new Encoder(config);
    this.postLayernorm = norm();
  }

  get config(): CLIPVisionConfig {
    return this.#config;
  }

  /**
   * @param pixels  [B, numChannels, imageSize, imageSize], normalized as the model was trained
   * @throws if the images are of another size
   */
  forward(ctx: Context, pixels: Tensor): TowerOutput {
    const lastHiddenState = this.encoder.forward(ctx, this.#embed(ctx, pixels));
    return { lastHiddenState, pooled: this.#pool(ctx, this.#first(lastHiddenState)) };
  }

  /**
   * The `pooled` of `forward` alone, with an eighth less to compute in eight blocks.
   *
   * @returns  [B, D]
   */
  pooled(ctx: Context, pixels: Tensor): Tensor {
    return this.#pool(
      ctx,
      this.encoder.forwardAt(ctx, this.#embed(ctx, pixels), (x) => this.#first(x)),
    );
  }

  #embed(ctx: Context, pixels: Tensor): Tensor {
    const { numChannels, imageSize } = this.#config;
    if (pixels.shape.slice(1).join() !== [numChannels, imageSize, imageSize].join())
      throw new Error(
        `clip: the images are [${pixels.shape.join(', ')}], expected [B, ${numChannels}, ${imageSize}, ${imageSize}]; resize them`,
      );
    return this.preLayrnorm.forward(ctx, this.embeddings.forward(ctx, pixels));
  }

  /** The class token: [B, L, D] → [B, 1, D]. */
  #first(x: Tensor): Tensor {
    const [batch, , width] = x.shape as [number, number, number];
    return slice(x, [0, 0, 0], [batch, 1, width]);
  }

  /** @param first  [B, 1, D] → [B, D] */
  #pool(ctx: Context, first: Tensor): Tensor {
    return this.postLayernorm.forward(ctx, reshape(first, [first.shape[0]!, this.#config.hiddenSize]));
  }
}
