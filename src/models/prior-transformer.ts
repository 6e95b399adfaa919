/** diffusers' `PriorTransformer`: the network of DALL·E 2's diffusion prior, a transformer that predicts an image's CLIP embedding. */
import { z } from 'zod';
import { add, broadcastTo, concat, less, pad, reshape, slice, sub, type Tensor } from '../core/index.ts';
import {
  activations,
  LayerNorm,
  Linear,
  Module,
  normal,
  ones,
  Parameter,
  SequenceTransformerBlock,
  TimestepEmbedding,
  Timesteps,
  zeros,
  type ActivationName,
  type AttentionMasks,
  type Context,
} from '../nn/index.ts';

const positiveInteger = z.number().int().positive();
const activationNames = Object.keys(activations) as [ActivationName, ...ActivationName[]];

/** The options of a `PriorTransformer` with diffusers' defaults. */
export const priorTransformerConfigSchema = z.strictObject({
  /** Heads of each attention. */
  numAttentionHeads: positiveInteger.default(32),
  /** Width of a head; the tokens are as wide as all heads together. */
  attentionHeadDim: positiveInteger.default(64),
  /** Transformer blocks. */
  numLayers: positiveInteger.default(20),
  /** Width of the noised embeddings, and of the text's hidden states. */
  embeddingDim: positiveInteger.default(768),
  /** Tokens of a text, or those of a noised sequence: positions have embeddings of their own. @unit tokens */
  numEmbeddings: z.number().int().nonnegative().default(77),
  /** Tokens after those: the text's embedding, the time, the noised embedding and the query. @unit tokens */
  additionalEmbeddings: z.number().int().nonnegative().default(4),
  /** The probability that training sets a value of attention and feed-forward networks to zero. */
  dropout: z.number().min(0).lt(1).default(0),
  /** Between the two layers of the time embedding. */
  timeEmbedActFn: z.enum(activationNames).default('silu'),
  /** `layer` normalizes the tokens before the first block. */
  normInType: z.literal('layer').nullable().default(null),
  /** `layer` normalizes the text's embedding before it is projected. */
  embeddingProjNormType: z.literal('layer').nullable().default(null),
  /** `linear` projects the text's hidden states; null for a network without. */
  encoderHidProjType: z.literal('linear').nullable().default('linear'),
  /** `prd` reads the prediction at a learned query at the end; null at the noised embeddings themselves. */
  addedEmbType: z.literal('prd').nullable().default('prd'),
  /** Width inside the time embedding; null for that of the tokens. */
  timeEmbedDim: positiveInteger.nullable().default(null),
  /** Width of the text's embedding; null for `embeddingDim`. */
  embeddingProjDim: positiveInteger.nullable().default(null),
  /** Width of the prediction; null for `embeddingDim`. */
  clipEmbedDim: positiveInteger.nullable().default(null),
});

/** Every option of a `PriorTransformer`. */
export type PriorTransformerConfig = z.output<typeof priorTransformerConfigSchema>;
/** What has to be said of a `PriorTransformer`; the rest has diffusers' defaults. */
export type PriorTransformerOptions = z.input<typeof priorTransformerConfigSchema>;

/** What a prior is conditioned on. */
export interface PriorConditions {
  /** [B, P] or [B, n, P] the text's CLIP embedding. */
  readonly projEmbedding: Tensor;
  /** [B, L, embeddingDim] the text's hidden states; L = numEmbeddings. */
  readonly encoderHiddenStates?: Tensor | undefined;
  /** [B, L] of f32: 1 for a token, 0 for padding. With it attention is causal, without it every token sees all, as in diffusers. */
  readonly attentionMask?: Tensor | undefined;
}

/**
 * A causal transformer over [the caption's tokens, its CLIP embedding, the time, the noised image embedding, a query], which
 * predicts the clean image embedding at the query.
 *
 * @see Ramesh et al. 2022 (unCLIP), section 2.2 — https://arxiv.org/abs/2204.06125
 */
export class PriorTransformer extends Module {
  readonly timeEmbedding: TimestepEmbedding;
  readonly projIn: Linear;
  readonly embeddingProjNorm: LayerNorm | null;
  readonly embeddingProj: Linear;
  readonly encoderHiddenStatesProj: Linear | null;
  /** [1, numEmbeddings + additionalEmbeddings, D] */
  readonly positionalEmbedding: Parameter;
  /** [1, 1, D] the query. */
  readonly prdEmbedding: Parameter | null;
  readonly transformerBlocks: readonly SequenceTransformerBlock[];
  readonly normIn: LayerNorm | null;
  readonly normOut: LayerNorm;
  readonly projToClipEmbeddings: Linear;
  /** [1, clipEmbedDim] the mean of the image embeddings that the network was trained on: an embedding is clipMean + clipStd · what is predicted. */
  readonly clipMean: Parameter;
  /** [1, clipEmbedDim] their standard deviation. */
  readonly clipStd: Parameter;
  readonly #timeProj: Timesteps;
  readonly #config: PriorTransformerConfig;

  /** @throws if an option is none, or has no such value */
  constructor(options: PriorTransformerOptions) {
    super();
    const config = priorTransformerConfigSchema.parse(options);
    this.#config = config;
    const { numAttentionHeads: heads, attentionHeadDim: dimHead, embeddingDim, numEmbeddings } = config;
    const width = heads * dimHead;
    const { timeEmbedDim, embeddingProjDim, clipEmbedDim } = this.widths;
    this.#timeProj = new Timesteps(width, { flipSinToCos: true, freqShift: 0 });
    this.timeEmbedding = new TimestepEmbedding(width, timeEmbedDim, {
      activation: config.timeEmbedActFn,
      outDim: width,
    });
    this.projIn = new Linear(embeddingDim, width);
    this.embeddingProjNorm = config.embeddingProjNormType === null ? null : new LayerNorm(embeddingProjDim);
    this.embeddingProj = new Linear(embeddingProjDim, width);
    this.encoderHiddenStatesProj = config.encoderHidProjType === null ? null : new Linear(embeddingDim, width);
    this.positionalEmbedding = new Parameter(
      [1, numEmbeddings + config.additionalEmbeddings, width],
      normal(embeddingInitStd),
    );
    this.prdEmbedding = config.addedEmbType === null ? null : new Parameter([1, 1, width], normal(embeddingInitStd));
    this.transformerBlocks = Array.from(
      { length: config.numLayers },
      () => new SequenceTransformerBlock({ dim: width, heads, dimHead, dropout: config.dropout }),
    );
    this.normIn = config.normInType === null ? null : new LayerNorm(width);
    this.normOut = new LayerNorm(width);
    this.projToClipEmbeddings = new Linear(width, clipEmbedDim);
    this.clipMean = new Parameter([1, clipEmbedDim], zeros, 'buffer');
    this.clipStd = new Parameter([1, clipEmbedDim], ones, 'buffer');
  }

  get config(): PriorTransformerConfig {
    return this.#config;
  }

  /** Widths that follow from others where the configuration leaves them out. */
  get widths(): { readonly timeEmbedDim: number; readonly embeddingProjDim: number; readonly clipEmbedDim: number } {
    const { numAttentionHeads, attentionHeadDim, embeddingDim, timeEmbedDim, embeddingProjDim, clipEmbedDim } =
      this.#config;
    return {
      timeEmbedDim: timeEmbedDim ?? numAttentionHeads * attentionHeadDim,
      embeddingProjDim: embeddingProjDim ?? embeddingDim,
      clipEmbedDim: clipEmbedDim ?? embeddingDim,
    };
  }

  /**
   * @param noised    [B, embeddingDim], or [B, n, embeddingDim] where several are denoised together
   * @param timestep  [B]
   * @returns         [B, clipEmbedDim]; [B, n, clipEmbedDim] without a query
   * @throws if an input is missing, or there are more or fewer tokens than positions
   */
  forward(ctx: Context, noised: Tensor, timestep: Tensor, conditions: PriorConditions): Tensor {
    const { projEmbedding, encoderHiddenStates: states, attentionMask } = conditions;
    if (this.encoderHiddenStatesProj && !states) throw new Error('prior: this network needs encoderHiddenStates');
    const [batch] = noised.shape as [number];
    const normalized = this.embeddingProjNorm ? this.embeddingProjNorm.forward(ctx, projEmbedding) : projEmbedding;
    const before = [
      ...(states ? [this.encoderHiddenStatesProj?.forward(ctx, states) ?? states] : []),
      asSequence(this.embeddingProj.forward(ctx, normalized)),
      asSequence(this.timeEmbedding.forward(ctx, this.#timeProj.forward(ctx, timestep))),
    ];
    const samples = asSequence(this.projIn.forward(ctx, noised));
    const width = samples.shape[2]!;
    const query = this.prdEmbedding ? [broadcastTo(ctx.param(this.prdEmbedding), [batch, 1, width])] : [];
    const tokens = concat([...before, samples, ...query], 1);
    const first = before.reduce((length, { shape }) => length + shape[1]!, 0);
    let h = add(tokens, this.#positions(ctx, tokens.shape[1]!, first));
    if (this.normIn) h = this.normIn.forward(ctx, h);
    const masks = attentionMask ? this.#masks(attentionMask) : {};
    for (const block of this.transformerBlocks) h = block.forward(ctx, h, masks);
    const at = this.prdEmbedding ? tokens.shape[1]! - 1 : first;
    const read = this.normOut.forward(ctx, slice(h, [0, at, 0], [batch, tokens.shape[1]! - at, width]));
    const predicted = this.projToClipEmbeddings.forward(ctx, read);
    return this.prdEmbedding ? reshape(predicted, [batch, predicted.shape[2]!]) : predicted;
  }

  /** [1, length, D]; where the network has positions for the noised embeddings alone, the tokens around them have none. */
  #positions(ctx: Context, length: number, first: number): Tensor {
    const positions = ctx.param(this.positionalEmbedding);
    const known = positions.shape[1]!;
    if (known === length) return positions;
    const after = this.prdEmbedding ? 1 : 0;
    if (first + known + after !== length)
      throw new Error(
        `prior: ${length} tokens and ${known} positions do not fit (numEmbeddings ${this.#config.numEmbeddings}, additionalEmbeddings ${this.#config.additionalEmbeddings})`,
      );
    return pad(positions, [0, first, 0], [0, after, 0]);
  }

  /** Attention is causal, and padding is not seen; what follows the text always is. */
  #masks(attentionMask: Tensor): AttentionMasks {
    const missing = pad(sub(1, attentionMask), [0, 0], [0, this.#config.additionalEmbeddings]);
    return { causal: true, keyMask: less(missing, 0.5) };
  }
}

/** As GPT's and CLIP's: small next to what is projected, and no two alike. */
export const embeddingInitStd = 0.02;

/** [B, D] → [B, 1, D]; a sequence stays what it is. */
function asSequence(x: Tensor): Tensor {
  const [batch, width] = x.shape as [number, number];
  return x.shape.length === 2 ? reshape(x, [batch, 1, width]) : x;
}
