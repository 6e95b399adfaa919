/** diffusers' `UnCLIPTextProjModel`: how CLIP embeddings and a caption reach DALL·E 2's decoder. */
import { z } from 'zod';
import { add, concat, mul, reshape, sub, transpose, type Tensor } from '../core/index.ts';
import { LayerNorm, Linear, Module, normal, Parameter, type Context } from '../nn/index.ts';

const positiveInteger = z.number().int().positive();

/** The options of an `UnCLIPTextProjModel` with diffusers' defaults. */
export const unclipTextProjConfigSchema = z.strictObject({
  /** Tokens of context that an image embedding becomes. @unit tokens */
  clipExtraContextTokens: positiveInteger.default(4), // Ramesh et al. 2022, section 2.1
  /** Width of both CLIP embeddings and of the caption's hidden states. */
  clipEmbeddingsDim: positiveInteger.default(768),
  /** Width of the decoder's time embedding. */
  timeEmbedDim: positiveInteger,
  /** Width of what the decoder attends to. */
  crossAttentionDim: positiveInteger,
});

/** Every option of an `UnCLIPTextProjModel`. */
export type UnCLIPTextProjConfig = z.output<typeof unclipTextProjConfigSchema>;
/** What has to be said of an `UnCLIPTextProjModel`; the rest has diffusers' defaults. */
export type UnCLIPTextProjOptions = z.input<typeof unclipTextProjConfigSchema>;

/** What a decoder is conditioned on. */
export interface UnCLIPConditions {
  /** [B, D] CLIP image embeddings. */
  readonly imageEmbeds: Tensor;
  /** [B] 1 where the image embedding counts, 0 where a learned one takes its place: dropped in training, for guidance. */
  readonly imagePresent: Tensor;
  /** [B, D] the caption's CLIP embedding. */
  readonly textEmbeds: Tensor;
  /** [B, L, D] the caption's hidden states. */
  readonly encoderHiddenStates: Tensor;
}

/** What a decoder gets. */
export interface UnCLIPStates {
  /** [B, n + L, crossAttentionDim] tokens of the image embedding, then the caption's. */
  readonly states: Tensor;
  /** [B, timeEmbedDim] added to the time embedding. */
  readonly timeEmbeds: Tensor;
}

/**
 * Both CLIP embeddings projected and added to the time embedding; the image embedding as further tokens before the caption's.
 *
 * @see Ramesh et al. 2022 (unCLIP), section 2.1 — https://arxiv.org/abs/2204.06125
 */
export class UnCLIPTextProjModel extends Module {
  /** [D] in the place of an image embedding that is left out. */
  readonly learnedClassifierFreeGuidanceEmbeddings: Parameter;
  readonly embeddingProj: Linear;
  readonly clipImageEmbeddingsProjectToTimeEmbeddings: Linear;
  readonly clipExtraContextTokensProj: Linear;
  readonly encoderHiddenStatesProj: Linear;
  readonly textEncoderHiddenStatesNorm: LayerNorm;
  readonly #config: UnCLIPTextProjConfig;

  /** @throws if an option is missing, none, or has no such value */
  constructor(options: UnCLIPTextProjOptions) {
    super();
    const config = unclipTextProjConfigSchema.parse(options);
    this.#config = config;
    const { clipEmbeddingsDim: width, timeEmbedDim, crossAttentionDim, clipExtraContextTokens } = config;
    this.learnedClassifierFreeGuidanceEmbeddings = new Parameter([width], normal(1));
    this.embeddingProj = new Linear(width, timeEmbedDim);
    this.clipImageEmbeddingsProjectToTimeEmbeddings = new Linear(width, timeEmbedDim);
    this.clipExtraContextTokensProj = new Linear(width, clipExtraContextTokens * crossAttentionDim);
    this.encoderHiddenStatesProj = new Linear(width, crossAttentionDim);
    this.textEncoderHiddenStatesNorm = new LayerNorm(crossAttentionDim);
  }

  get config(): UnCLIPTextProjConfig {
    return this.#config;
  }

  forward(
    ctx: Context,
    { imageEmbeds, imagePresent, textEmbeds, encoderHiddenStates }: UnCLIPConditions,
  ): UnCLIPStates {
    const { clipExtraContextTokens: tokens, crossAttentionDim } = this.#config;
    const [batch] = imageEmbeds.shape as [number];
    const present = reshape(imagePresent, [batch, 1]);
    const image = add(
      mul(present, imageEmbeds),
      mul(sub(1, present), ctx.param(this.learnedClassifierFreeGuidanceEmbeddings)),
    );
    const timeEmbeds = add(
      this.clipImageEmbeddingsProjectToTimeEmbeddings.forward(ctx, image),
      this.embeddingProj.forward(ctx, textEmbeds),
    );
    // The values of a token lie apart: diffusers reads the projection as [D, n].
    const imageTokens = transpose(
      reshape(this.clipExtraContextTokensProj.forward(ctx, image), [batch, crossAttentionDim, tokens]),
      [0, 2, 1],
    );
    const caption = this.textEncoderHiddenStatesNorm.forward(
      ctx,
      this.encoderHiddenStatesProj.forward(ctx, encoderHiddenStates),
    );
    return { states: concat([imageTokens, caption], 1), timeEmbeds };
  }
}
