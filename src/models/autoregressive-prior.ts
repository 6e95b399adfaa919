/** DALL·E 2's autoregressive prior: an image's CLIP embedding as a sequence of quantized principal components, each predicted from those before it. */
import { z } from 'zod';
import {
  add,
  and,
  arange,
  cast,
  concat,
  equal,
  gather,
  less,
  lessEqual,
  pad,
  reshape,
  slice,
  sub,
  where,
  type Tensor,
} from '../core/index.ts';
import type { ConditionInput } from '../diffusion/conditions.ts';
import {
  Embedding,
  LayerNorm,
  Linear,
  Module,
  normal,
  ones,
  Parameter,
  SequenceTransformerBlock,
  zeros,
  type Context,
  type KeysAndValues,
} from '../nn/index.ts';
import { embeddingInitStd } from './prior-transformer.ts';
import { textConditionNames } from './text-conditioned.ts';
import { captionConditions } from './unclip.ts';

const positiveInteger = z.number().int().positive();

/** The options of an `AutoregressivePrior`; the defaults are those of the paper where it says them. */
export const autoregressivePriorConfigSchema = z.strictObject({
  /** Heads of each attention. */
  numAttentionHeads: positiveInteger.default(26), // Ramesh et al. 2022, table 3
  /** Width of a head; the tokens are as wide as all heads together. */
  attentionHeadDim: positiveInteger.default(64), // Ramesh et al. 2022, table 3
  /** Transformer blocks. */
  numLayers: positiveInteger.default(24), // Ramesh et al. 2022, table 3
  /** Width of the embeddings, and of the text's hidden states. */
  embeddingDim: positiveInteger,
  /** Tokens of a text. @unit tokens */
  numEmbeddings: positiveInteger,
  /** Principal components of an embedding that are predicted. */
  numComponents: positiveInteger.default(319), // Ramesh et al. 2022, section 2.2
  /** Buckets that each component is quantized into. */
  numBuckets: positiveInteger.min(2).default(1024), // Ramesh et al. 2022, section 2.2
  /** Buckets of the cosine of text and image, each with as many pairs of the data as any other. */
  numSimilarities: positiveInteger.min(2).default(32),
  /** The probability that training sets a value of attention and feed-forward networks to zero. */
  dropout: z.number().min(0).lt(1).default(0),
});

/** Every option of an `AutoregressivePrior`. */
export type AutoregressivePriorConfig = z.output<typeof autoregressivePriorConfigSchema>;
/** What has to be said of an `AutoregressivePrior`; the rest has the paper's values. */
export type AutoregressivePriorOptions = z.input<typeof autoregressivePriorConfigSchema>;

/** The name of the condition on how well text and image fit: [B] of i64, a bucket, or `numSimilarities` for "not said". */
export const similarityName = 'similarity';

/** What a position sees of the sequence before it. */
export interface PrefixStates {
  /** [B, V] the logits of the next component's bucket. */
  readonly logits: Tensor;
  /** Of each block, [B, numTokens, W] each; what lies behind the position is zero. */
  readonly caches: readonly KeysAndValues[];
}

/**
 * A causal transformer over [the caption's tokens, its CLIP embedding, the bucket of cos(z_i, z_t), the buckets of z_i's principal
 * components by falling variance], which predicts each component's bucket from everything before it.
 *
 * The table of buckets and the output layer are shared by all components, each of which has a position of its own.
 *
 * @see Ramesh et al. 2022 (unCLIP), section 2.2 — https://arxiv.org/abs/2204.06125
 */
export class AutoregressivePrior extends Module {
  readonly encoderHiddenStatesProj: Linear;
  readonly embeddingProj: Linear;
  readonly similarityEmbedding: Embedding;
  readonly bucketEmbedding: Embedding;
  /** [1, numTokens, W] */
  readonly positionalEmbedding: Parameter;
  readonly transformerBlocks: readonly SequenceTransformerBlock[];
  readonly normOut: LayerNorm;
  readonly projToBuckets: Linear;
  /** [1, D] the mean of the image embeddings that the network was trained on. */
  readonly clipMean: Parameter;
  /** [numComponents, D] orthonormal rows: their principal components, the one of the largest variance first. */
  readonly clipComponents: Parameter;
  /** [1, numComponents] where the first bucket of each component begins. */
  readonly bucketStart: Parameter;
  /** [1, numComponents] how wide the buckets of each component are. */
  readonly bucketWidth: Parameter;
  readonly #config: AutoregressivePriorConfig;

  /** @throws if an option is missing, none, or there are more components than values */
  constructor(options: AutoregressivePriorOptions) {
    super();
    const config = autoregressivePriorConfigSchema.parse(options);
    const { embeddingDim, numComponents } = config;
    if (numComponents > embeddingDim)
      throw new Error(
        `autoregressive prior: numComponents is ${numComponents}, and an embedding of ${embeddingDim} values has no more components than values`,
      );
    this.#config = config;
    const { numAttentionHeads: heads, attentionHeadDim: dimHead, dropout } = config;
    const width = heads * dimHead;
    this.encoderHiddenStatesProj = new Linear(embeddingDim, width);
    this.embeddingProj = new Linear(embeddingDim, width);
    this.similarityEmbedding = new Embedding(config.numSimilarities + 1, width, normal(embeddingInitStd));
    this.bucketEmbedding = new Embedding(config.numBuckets, width, normal(embeddingInitStd));
    this.positionalEmbedding = new Parameter([1, this.numTokens, width], normal(embeddingInitStd));
    this.transformerBlocks = Array.from(
      { length: config.numLayers },
      () => new SequenceTransformerBlock({ dim: width, heads, dimHead, dropout }),
    );
    this.normOut = new LayerNorm(width);
    // Small, so that all buckets are about as likely at first.
    this.projToBuckets = new Linear(width, config.numBuckets, { init: normal(embeddingInitStd) });
    this.clipMean = new Parameter([1, embeddingDim], zeros, 'buffer');
    this.clipComponents = new Parameter([numComponents, embeddingDim], zeros, 'buffer');
    this.bucketStart = new Parameter([1, numComponents], zeros, 'buffer');
    this.bucketWidth = new Parameter([1, numComponents], ones, 'buffer');
  }

  get config(): AutoregressivePriorConfig {
    return this.#config;
  }

  /** Positions of the sequence: the caption, its embedding, the similarity, and every component but the last, which nothing follows. */
  get numTokens(): number {
    return this.#prefix + this.#config.numComponents - 1;
  }

  /** What it is conditioned on besides the components before. */
  get conditions(): readonly ConditionInput[] {
    const { numEmbeddings, embeddingDim } = this.#config;
    return [
      ...captionConditions(numEmbeddings, embeddingDim, embeddingDim),
      { name: similarityName, dtype: 'i64', shape: [] },
    ];
  }

  /** Positions before the first component. */
  get #prefix(): number {
    return this.#config.numEmbeddings + 2;
  }

  /**
   * @param buckets  [B, numComponents] of i64
   * @param given    by the names of `conditions`
   * @returns        [B, numComponents, numBuckets] the logits of each component's bucket given those before it
   */
  forward(ctx: Context, buckets: Tensor, given: Readonly<Record<string, Tensor>>): Tensor {
    const [batch, count] = buckets.shape as [number, number];
    const before = this.bucketEmbedding.forward(ctx, slice(buckets, [0, 0], [batch, count - 1]));
    const tokens = concat([this.#prefixTokens(ctx, given), before], 1);
    const masks = { causal: true, keyMask: this.#present(given, this.numTokens) };
    let h = add(tokens, ctx.param(this.positionalEmbedding));
    for (const block of this.transformerBlocks) h = block.forward(ctx, h, masks);
    return this.#logits(ctx, slice(h, [0, this.#prefix - 1, 0], [batch, count, h.shape[2]!]));
  }

  /**
   * The logits of the first component, and what the next ones need of the conditions.
   *
   * @param given  by the names of `conditions`
   */
  begin(ctx: Context, given: Readonly<Record<string, Tensor>>): PrefixStates {
    const tokens = this.#prefixTokens(ctx, given);
    const [batch, length, width] = tokens.shape as [number, number, number];
    const masks = { causal: true, keyMask: this.#present(given, length) };
    const caches: KeysAndValues[] = [];
    const later = (x: Tensor) => pad(x, [0, 0, 0], [0, this.numTokens - length, 0]);
    let h = add(tokens, slice(ctx.param(this.positionalEmbedding), [0, 0, 0], [1, length, width]));
    for (const block of this.transformerBlocks)
      h = block.forwardWith(ctx, h, (normalized) => {
        const own = block.attn1.keysAndValues(ctx, normalized);
        caches.push({ keys: later(own.keys), values: later(own.values) });
        return block.attn1.attendTo(ctx, normalized, own, masks);
      });
    const last = this.#logits(ctx, slice(h, [0, length - 1, 0], [batch, 1, width]));
    return { logits: reshape(last, [batch, this.#config.numBuckets]), caches };
  }

  /**
   * The logits of the next component, and the caches with this one in them.
   *
   * @param bucket     [B] of i64: the component before it
   * @param component  [1] of i64: which one that is, from 0
   * @param caches     of each block, as the step before left them
   * @param given      by the names of `conditions`: which of the caption's tokens are there
   */
  next(
    ctx: Context,
    {
      bucket,
      component,
      caches,
      given,
    }: {
      readonly bucket: Tensor;
      readonly component: Tensor;
      readonly caches: readonly KeysAndValues[];
      readonly given: Readonly<Record<string, Tensor>>;
    },
  ): PrefixStates {
    const [batch] = bucket.shape as [number];
    const total = this.numTokens;
    const width = this.positionalEmbedding.shape[2]!;
    const position = add(cast(component, 'i32'), this.#prefix); // [1]
    const places = arange(total, 'i32');
    const isHere = reshape(equal(places, position), [1, total, 1]);
    const seen = and(this.#present(given, total), reshape(lessEqual(places, position), [1, total]));
    const positions = reshape(ctx.param(this.positionalEmbedding), [total, width]);
    const updated: KeysAndValues[] = [];
    let h = add(
      reshape(this.bucketEmbedding.forward(ctx, bucket), [batch, 1, width]),
      reshape(gather(positions, position), [1, 1, width]),
    );
    for (const [layer, block] of this.transformerBlocks.entries())
      h = block.forwardWith(ctx, h, (normalized) => {
        const own = block.attn1.keysAndValues(ctx, normalized);
        const cache = {
          keys: where(isHere, own.keys, caches[layer]!.keys),
          values: where(isHere, own.values, caches[layer]!.values),
        };
        updated.push(cache);
        return block.attn1.attendTo(ctx, normalized, cache, { keyMask: seen });
      });
    return { logits: reshape(this.#logits(ctx, h), [batch, this.#config.numBuckets]), caches: updated };
  }

  /** [B, numEmbeddings + 2, W] */
  #prefixTokens(ctx: Context, given: Readonly<Record<string, Tensor>>): Tensor {
    const states = given[textConditionNames.states]!;
    const [batch] = states.shape as [number];
    const one = (x: Tensor) => reshape(x, [batch, 1, x.shape[1]!]);
    return concat(
      [
        this.encoderHiddenStatesProj.forward(ctx, states),
        one(this.embeddingProj.forward(ctx, given[textConditionNames.pooled]!)),
        one(this.similarityEmbedding.forward(ctx, given[similarityName]!)),
      ],
      1,
    );
  }

  /** [B, length] of bool: the caption's padding is not seen, everything else is. */
  #present(given: Readonly<Record<string, Tensor>>, length: number): Tensor {
    const mask = given[textConditionNames.mask]!;
    return less(pad(sub(1, mask), [0, 0], [0, length - mask.shape[1]!]), 0.5);
  }

  #logits(ctx: Context, h: Tensor): Tensor {
    return this.projToBuckets.forward(ctx, this.normOut.forward(ctx, h));
  }
}
