/** transformers' `T5EncoderModel`: the encoder of T5 and FLAN-T5, the language model of Imagen. */
import { z } from 'zod';
import { add, constant, describeType, gather, mul, reshape, transpose, type Tensor } from '../core/index.ts';
import {
  activations,
  attend,
  Embedding,
  Linear,
  Module,
  normal,
  RMSNorm,
  type ActivationName,
  type AttentionMasks,
  type Context,
} from '../nn/index.ts';
import { parseConfig } from './config.ts';
import { transformersConfig } from './transformers-config.ts';
import type { JsonObject } from '../formats/json-object.ts';

const positive = z.number().int().positive();
const activationNames = Object.keys(activations) as [ActivationName, ...ActivationName[]];

/** What T5's short names of a gated network stand for; `gated-gelu` has always meant the tanh form. */
const gatedActivations: Readonly<Record<string, ActivationName>> = { gelu: 'gelu_new' };

/** transformers' option names in camelCase, with its defaults. */
export const t5ConfigSchema = z.strictObject({
  vocabSize: positive.default(32128),
  dModel: positive.default(512),
  /** Width of a head; heads need not divide dModel. */
  dKv: positive.default(64),
  dFf: positive.default(2048),
  numLayers: positive.max(512).default(6),
  numHeads: positive.default(8),
  relativeAttentionNumBuckets: positive.refine((count) => count % 2 === 0, 'expected an even number').default(32),
  relativeAttentionMaxDistance: positive.default(128),
  /** The share of activations set to zero in training. */
  dropoutRate: z.number().min(0).lt(1).default(0.1),
  layerNormEpsilon: z.number().positive().default(1e-6),
  /** Scales all standard deviations of first weights. */
  initializerFactor: z.number().nonnegative().default(1),
  /** An activation's name, `gated-` in front of it for a gated network. */
  feedForwardProj: z
    .string()
    .refine((name) => feedForwardOf(name) !== null, {
      error: `expected an activation (${activationNames.join(', ')}), with "gated-" in front or not`,
    })
    .default('relu'),
  padTokenId: z.number().int().nonnegative().nullable().default(0),
  eosTokenId: z.number().int().nonnegative().nullable().default(1),
});

/** A checked configuration with every default filled in. */
export type T5Config = z.output<typeof t5ConfigSchema>;
/** A configuration as a person writes it: every field is optional. */
export type T5Options = z.input<typeof t5ConfigSchema>;

function feedForwardOf(name: string): { readonly gated: boolean; readonly activation: ActivationName } | null {
  const gated = name.startsWith('gated-');
  const plain = gated ? name.slice('gated-'.length) : name;
  const activation = gated ? (gatedActivations[plain] ?? plain) : plain;
  return Object.hasOwn(activations, activation) ? { gated, activation: activation as ActivationName } : null;
}

/** What else transformers writes for a T5, which changes nothing in its encoder. */
const withoutEffect = new Set([
  'bos_token_id',
  'classifier_dropout',
  'dense_act_fn',
  'is_gated_act',
  'n_positions',
  'num_decoder_layers',
  'output_past',
  'scale_decoder_outputs',
]);

/**
 * A configuration as transformers writes it.
 *
 * @throws one line that names a key that is unknown or has no such value
 */
export function t5Config(json: JsonObject, where: string): T5Config {
  return parseConfig(t5ConfigSchema, transformersConfig(json, withoutEffect), where);
}

/**
 * The bucket of each distance from a query to a key: half of them for keys before it, half for those after; the first
 * half of each exact, the others growing by a constant factor up to the largest distance.
 *
 * @returns [L · L] of 0 … buckets − 1, row by query
 * @see Raffel et al. 2020, §2.1 — https://arxiv.org/abs/1910.10683
 */
export function relativePositionBuckets(length: number, buckets: number, maxDistance: number): BigInt64Array {
  const side = buckets / 2;
  const exact = Math.floor(side / 2);
  // In float32 as PyTorch computes them: a distance on the edge of two buckets must fall into the same one.
  const factor = Math.fround(Math.log(maxDistance / exact));
  const bucketOf = (distance: number) => {
    if (distance < exact) return distance;
    const share = Math.fround(Math.fround(Math.log(Math.fround(distance / exact))) / factor);
    return Math.min(exact + Math.trunc(Math.fround(share * (side - exact))), side - 1);
  };
  return BigInt64Array.from({ length: length * length }, (_, i) => {
    const offset = (i % length) - Math.floor(i / length); // key − query
    return BigInt((offset > 0 ? side : 0) + bucketOf(Math.abs(offset)));
  });
}

class T5Attention extends Module {
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  /** The first block has it and all use it. */
  readonly relativeAttentionBias: Embedding | null;
  readonly #config: T5Config;

  constructor(config: T5Config, hasBias: boolean) {
    super();
    const { dModel, dKv, numHeads, initializerFactor } = config;
    const inner = dKv * numHeads;
    const map = (from: number, to: number, std: number) =>
      new Linear(from, to, { bias: false, init: normal(initializerFactor * std) });
    this.q = map(dModel, inner, (dModel * dKv) ** -0.5);
    this.k = map(dModel, inner, dModel ** -0.5);
    this.v = map(dModel, inner, dModel ** -0.5);
    this.o = map(inner, dModel, inner ** -0.5);
    const buckets = config.relativeAttentionNumBuckets;
    this.relativeAttentionBias = hasBias
      ? new Embedding(buckets, numHeads, normal(initializerFactor * dModel ** -0.5))
      : null;
    this.#config = config;
  }

  /** What is added to the scores by distance: [1, N, L, L]. */
  bias(ctx: Context, length: number): Tensor {
    const { relativeAttentionNumBuckets: buckets, relativeAttentionMaxDistance: far, numHeads } = this.#config;
    if (!this.relativeAttentionBias) throw new Error('internal: the first block of a T5 has the bias of all');
    const data = relativePositionBuckets(length, buckets, far);
    const rows = constant({ dtype: 'i64', shape: [length * length], data });
    const byPair = gather(ctx.param(this.relativeAttentionBias.weight), rows); // [L · L, N]
    return reshape(transpose(byPair, [1, 0]), [1, numHeads, length, length]);
  }

  /** @param x  [B, L, D] → [B, L, D] */
  forward(ctx: Context, x: Tensor, masks: AttentionMasks): Tensor {
    const { q: toQ, k: toK, v: toV, o: out } = this;
    const { numHeads, dropoutRate } = this.#config;
    // T5 does not scale its scores: the first weights of q do.
    const weights = (shares: Tensor) => ctx.dropout(shares, dropoutRate);
    return attend(ctx, { toQ, toK, toV, out }, x, x, numHeads, { ...masks, scale: 1, weights });
  }
}

class T5LayerSelfAttention extends Module {
  readonly selfAttention: T5Attention;
  readonly layerNorm: RMSNorm;
  readonly #dropout: number;

  constructor(config: T5Config, hasBias: boolean) {
    super();
    this.selfAttention = new T5Attention(config, hasBias);
    this.layerNorm = new RMSNorm(config.dModel, config.layerNormEpsilon);
    this.#dropout = config.dropoutRate;
  }

  forward(ctx: Context, x: Tensor, masks: AttentionMasks): Tensor {
    const attended = this.selfAttention.forward(ctx, this.layerNorm.forward(ctx, x), masks);
    return add(x, ctx.dropout(attended, this.#dropout));
  }
}

/** act(x W_i) W_o, or gated: (act(x W_0) · x W_1) W_o. */
class T5FeedForward extends Module {
  readonly wi: Linear | null;
  readonly wi_0: Linear | null;
  readonly wi_1: Linear | null;
  readonly wo: Linear;
  readonly #act: (x: Tensor) => Tensor;
  readonly #dropout: number;

  constructor({ dModel, dFf, feedForwardProj, initializerFactor, dropoutRate }: T5Config) {
    super();
    const { gated, activation } = feedForwardOf(feedForwardProj)!;
    const into = () => new Linear(dModel, dFf, { bias: false, init: normal(initializerFactor * dModel ** -0.5) });
    this.wi = gated ? null : into();
    this.wi_0 = gated ? into() : null;
    this.wi_1 = gated ? into() : null;
    this.wo = new Linear(dFf, dModel, { bias: false, init: normal(initializerFactor * dFf ** -0.5) });
    this.#act = activations[activation];
    this.#dropout = dropoutRate;
  }

  forward(ctx: Context, x: Tensor): Tensor {
    const h = this.#act((this.wi ?? this.wi_0)!.forward(ctx, x));
    return this.wo.forward(ctx, ctx.dropout(this.wi_1 ? mul(h, this.wi_1.forward(ctx, x)) : h, this.#dropout));
  }
}

class T5LayerFF extends Module {
  readonly denseReluDense: T5FeedForward;
  readonly layerNorm: RMSNorm;
  readonly #dropout: number;

  constructor(config: T5Config) {
    super();
    this.denseReluDense = new T5FeedForward(config);
    this.layerNorm = new RMSNorm(config.dModel, config.layerNormEpsilon);
    this.#dropout = config.dropoutRate;
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return add(x, ctx.dropout(this.denseReluDense.forward(ctx, this.layerNorm.forward(ctx, x)), this.#dropout));
  }
}

class T5Block extends Module {
  readonly layer: readonly [T5LayerSelfAttention, T5LayerFF];

  constructor(config: T5Config, hasBias: boolean) {
    super();
    this.layer = [new T5LayerSelfAttention(config, hasBias), new T5LayerFF(config)];
  }

  forward(ctx: Context, x: Tensor, masks: AttentionMasks): Tensor {
    const [attention, feedForward] = this.layer;
    return feedForward.forward(ctx, attention.forward(ctx, x, masks));
  }
}

class T5Stack extends Module {
  readonly block: readonly T5Block[];
  readonly finalLayerNorm: RMSNorm;
  readonly #dropout: number;

  constructor(config: T5Config) {
    super();
    this.block = Array.from({ length: config.numLayers }, (_, i) => new T5Block(config, i === 0));
    this.finalLayerNorm = new RMSNorm(config.dModel, config.layerNormEpsilon);
    this.#dropout = config.dropoutRate;
  }

  /** @param x  [B, L, D] → [B, L, D] */
  forward(ctx: Context, x: Tensor, keyMask: Tensor | undefined): Tensor {
    const bias = this.block[0]!.layer[0].selfAttention.bias(ctx, x.shape[1]!);
    const masks = { bias, ...(keyMask && { keyMask }) };
    const embedded = ctx.dropout(x, this.#dropout);
    const h = this.block.reduce((hidden, block) => block.forward(ctx, hidden, masks), embedded);
    return ctx.dropout(this.finalLayerNorm.forward(ctx, h), this.#dropout);
  }
}

/**
 * T5's encoder, with transformers' configuration and checkpoint names.
 *
 * @see Raffel et al. 2020 — https://arxiv.org/abs/1910.10683; Shazeer 2020 (gated GELU) — https://arxiv.org/abs/2002.05202
 */
export class T5EncoderModel extends Module {
  readonly shared: Embedding;
  readonly encoder: T5Stack;
  readonly #config: T5Config;

  constructor(options: T5Options) {
    super();
    const config = t5ConfigSchema.parse(options);
    this.#config = config;
    this.shared = new Embedding(config.vocabSize, config.dModel, normal(config.initializerFactor));
    this.encoder = new T5Stack(config);
  }

  get config(): T5Config {
    return this.#config;
  }

  /**
   * @param ids      [B, L] of i64 or i32; L is free, since positions are relative
   * @param keyMask  [B, L] of bool: the tokens that are there
   * @throws if the ids are no such tensor
   */
  forward(ctx: Context, ids: Tensor, keyMask?: Tensor): { readonly lastHiddenState: Tensor } {
    if (ids.shape.length !== 2 || (ids.dtype !== 'i64' && ids.dtype !== 'i32')) {
      throw new Error(`t5: tokens must be i64[B, L], got ${describeType(ids)}`);
    }
    return { lastHiddenState: this.encoder.forward(ctx, this.shared.forward(ctx, ids), keyMask) };
  }
}

/** Names of T5's checkpoints that a property cannot have: published, then ours. */
const t5Names = [
  [/\.SelfAttention\./, '.self_attention.'],
  [/\.DenseReluDense\./, '.dense_relu_dense.'],
] as const;

/** Tensors of a whole T5 checkpoint that the encoder does not use, and its second name for the shared embedding. */
const notT5Encoder = /^(decoder\.|lm_head\.|encoder\.embed_tokens\.)/;

/** The name that a tensor of a checkpoint has in `T5EncoderModel`, or null if it is no part of it. */
export function t5TensorName(published: string): string | null {
  if (notT5Encoder.test(published)) return null;
  return t5Names.reduce((name, [from, to]) => name.replace(from, to), published);
}

/** The name in a checkpoint of a tensor of `T5EncoderModel`. */
export function t5PublishedName(name: string): string {
  return name.replace('.self_attention.', '.SelfAttention.').replace('.dense_relu_dense.', '.DenseReluDense.');
}
