/** transformers' `BertModel`: BERT, MiniLM and their kind, as an encoder of texts. */
import { z } from 'zod';
import { add, describeType, reshape, slice, tanh, type Tensor } from '../core/index.ts';
import {
  activations,
  attend,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  normal,
  type ActivationName,
  type AttentionMasks,
  type Context,
} from '../nn/index.ts';
import type { TowerOutput } from './clip/text-tower.ts';
import { parseConfig } from './config.ts';
import { transformersConfig } from './transformers-config.ts';
import type { JsonObject } from '../formats/json-object.ts';

const positive = z.number().int().positive();
const probability = z.number().min(0).lt(1);
const activationNames = Object.keys(activations) as [ActivationName, ...ActivationName[]];

/** transformers' option names in camelCase, with its defaults. */
export const bertConfigSchema = z.strictObject({
  vocabSize: positive.default(30522),
  hiddenSize: positive.default(768),
  numHiddenLayers: positive.max(512).default(12),
  numAttentionHeads: positive.default(12),
  intermediateSize: positive.default(3072),
  hiddenAct: z.enum(activationNames).default('gelu'),
  /** The share of activations set to zero in training. */
  hiddenDropoutProb: probability.default(0.1),
  /** The share of attention weights set to zero in training. */
  attentionProbsDropoutProb: probability.default(0.1),
  /** The most tokens of a text. */
  maxPositionEmbeddings: positive.default(512),
  typeVocabSize: positive.default(2),
  /** Standard deviation of first weights. */
  initializerRange: z.number().nonnegative().default(0.02),
  layerNormEps: z.number().positive().default(1e-12),
  padTokenId: z.number().int().nonnegative().nullable().default(0),
  positionEmbeddingType: z
    .literal('absolute', { error: 'relative positions are not supported; expected "absolute"' })
    .default('absolute'),
});

/** A checked configuration with every default filled in. */
export type BertConfig = z.output<typeof bertConfigSchema>;
/** A configuration as a person writes it: every field is optional. */
export type BertOptions = z.input<typeof bertConfigSchema>;

/** What else transformers writes for a BERT, which changes nothing in its encoder. */
const withoutEffect = new Set(['bos_token_id', 'classifier_dropout', 'eos_token_id']);

/**
 * A configuration as transformers writes it.
 *
 * @throws one line that names a key that is unknown or has no such value
 */
export function bertConfig(json: JsonObject, where: string): BertConfig {
  return parseConfig(bertConfigSchema, transformersConfig(json, withoutEffect), where);
}

class BertEmbeddings extends Module {
  readonly wordEmbeddings: Embedding;
  readonly positionEmbeddings: Embedding;
  readonly tokenTypeEmbeddings: Embedding;
  readonly layerNorm: LayerNorm;
  readonly #dropout: number;

  constructor(config: BertConfig) {
    super();
    const { vocabSize, hiddenSize, maxPositionEmbeddings, typeVocabSize, layerNormEps } = config;
    const table = (count: number) => new Embedding(count, hiddenSize, normal(config.initializerRange));
    this.wordEmbeddings = table(vocabSize);
    this.positionEmbeddings = table(maxPositionEmbeddings);
    this.tokenTypeEmbeddings = table(typeVocabSize);
    this.layerNorm = new LayerNorm(hiddenSize, { eps: layerNormEps });
    this.#dropout = config.hiddenDropoutProb;
  }

  /** @param ids  [B, L] → [B, L, D] */
  forward(ctx: Context, ids: Tensor): Tensor {
    const [context, width] = this.positionEmbeddings.weight.shape as [number, number];
    const length = ids.shape[1]!;
    if (length > context) {
      throw new Error(`bert: texts of ${length} tokens are longer than the context of ${context}; truncate them`);
    }
    // Every token is of the first type: a text has no second sentence here.
    const type = slice(ctx.param(this.tokenTypeEmbeddings.weight), [0, 0], [1, width]);
    const position = slice(ctx.param(this.positionEmbeddings.weight), [0, 0], [length, width]);
    const sum = add(add(this.wordEmbeddings.forward(ctx, ids), type), position);
    return ctx.dropout(this.layerNorm.forward(ctx, sum), this.#dropout);
  }
}

/** A map back to the width of the stream, dropout, and the sum with what came in, normalized. */
class AddAndNorm extends Module {
  readonly dense: Linear;
  readonly layerNorm: LayerNorm;
  readonly #dropout: number;

  constructor(inWidth: number, { hiddenSize, layerNormEps, hiddenDropoutProb, initializerRange }: BertConfig) {
    super();
    this.dense = new Linear(inWidth, hiddenSize, { init: normal(initializerRange) });
    this.layerNorm = new LayerNorm(hiddenSize, { eps: layerNormEps });
    this.#dropout = hiddenDropoutProb;
  }

  /**
   * @param x      [B, L, inWidth]
   * @param input  [B, L, D]
   */
  forward(ctx: Context, x: Tensor, input: Tensor): Tensor {
    return this.layerNorm.forward(ctx, add(ctx.dropout(this.dense.forward(ctx, x), this.#dropout), input));
  }
}

class Projections extends Module {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;

  constructor({ hiddenSize, initializerRange }: BertConfig) {
    super();
    const map = () => new Linear(hiddenSize, hiddenSize, { init: normal(initializerRange) });
    this.query = map();
    this.key = map();
    this.value = map();
  }

  forward(): never {
    throw new Error('internal: the maps of an attention are applied by it');
  }
}

class BertAttention extends Module {
  readonly self: Projections;
  readonly output: AddAndNorm;
  readonly #config: BertConfig;

  constructor(config: BertConfig) {
    super();
    this.self = new Projections(config);
    this.output = new AddAndNorm(config.hiddenSize, config);
    this.#config = config;
  }

  /** @param x  [B, L, D] → [B, L, D] */
  forward(ctx: Context, x: Tensor, masks: AttentionMasks): Tensor {
    const { query: toQ, key: toK, value: toV } = this.self;
    const { numAttentionHeads, attentionProbsDropoutProb: p } = this.#config;
    const weights = (shares: Tensor) => ctx.dropout(shares, p);
    // The map after attention belongs to the output, with its sum and norm.
    return this.output.forward(ctx, attend(ctx, { toQ, toK, toV }, x, x, numAttentionHeads, { ...masks, weights }), x);
  }
}

class Intermediate extends Module {
  readonly dense: Linear;
  readonly #activation: ActivationName;

  constructor({ hiddenSize, intermediateSize, hiddenAct, initializerRange }: BertConfig) {
    super();
    this.dense = new Linear(hiddenSize, intermediateSize, { init: normal(initializerRange) });
    this.#activation = hiddenAct;
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return activations[this.#activation](this.dense.forward(ctx, x));
  }
}

/** Self-attention and a two-layer network, each added to what came in and normalized after. */
class BertLayer extends Module {
  readonly attention: BertAttention;
  readonly intermediate: Intermediate;
  readonly output: AddAndNorm;

  constructor(config: BertConfig) {
    super();
    this.attention = new BertAttention(config);
    this.intermediate = new Intermediate(config);
    this.output = new AddAndNorm(config.intermediateSize, config);
  }

  forward(ctx: Context, x: Tensor, masks: AttentionMasks): Tensor {
    const attended = this.attention.forward(ctx, x, masks);
    return this.output.forward(ctx, this.intermediate.forward(ctx, attended), attended);
  }
}

class BertEncoder extends Module {
  readonly layer: readonly BertLayer[];

  constructor(config: BertConfig) {
    super();
    this.layer = Array.from({ length: config.numHiddenLayers }, () => new BertLayer(config));
  }

  forward(ctx: Context, x: Tensor, masks: AttentionMasks): Tensor {
    return this.layer.reduce((h, layer) => layer.forward(ctx, h, masks), x);
  }
}

class BertPooler extends Module {
  readonly dense: Linear;

  constructor({ hiddenSize, initializerRange }: BertConfig) {
    super();
    this.dense = new Linear(hiddenSize, hiddenSize, { init: normal(initializerRange) });
  }

  /** @param x  [B, L, D] → [B, D], from the first token */
  forward(ctx: Context, x: Tensor): Tensor {
    const [batch, , width] = x.shape as [number, number, number];
    return tanh(this.dense.forward(ctx, reshape(slice(x, [0, 0, 0], [batch, 1, width]), [batch, width])));
  }
}

/**
 * BERT as an encoder of texts, with transformers' configuration and checkpoint names.
 *
 * @see Devlin et al. 2019 — https://arxiv.org/abs/1810.04805
 */
export class BertModel extends Module {
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  readonly pooler: BertPooler | null;
  readonly #config: BertConfig;

  /**
   * @param addPoolingLayer  whether it has the map over the first token; default true. Many checkpoints of encoders have not.
   * @throws if the heads do not divide the width
   */
  constructor(
    options: BertOptions,
    { addPoolingLayer = true }: { readonly addPoolingLayer?: boolean | undefined } = {},
  ) {
    super();
    const config = bertConfigSchema.parse(options);
    const { hiddenSize, numAttentionHeads } = config;
    if (hiddenSize % numAttentionHeads !== 0) {
      throw new Error(
        `bert: hiddenSize ${hiddenSize} does not split into ${numAttentionHeads} heads (numAttentionHeads)`,
      );
    }
    this.#config = config;
    this.embeddings = new BertEmbeddings(config);
    this.encoder = new BertEncoder(config);
    this.pooler = addPoolingLayer ? new BertPooler(config) : null;
  }

  get config(): BertConfig {
    return this.#config;
  }

  /**
   * @param ids      [B, L] of i64 or i32, L at most maxPositionEmbeddings
   * @param keyMask  [B, L] of bool: the tokens that are there
   * @returns `pooled` only with a pooling layer
   * @throws if the ids are no such tensor
   */
  forward(
    ctx: Context,
    ids: Tensor,
    keyMask?: Tensor,
  ): Pick<TowerOutput, 'lastHiddenState'> & Partial<Pick<TowerOutput, 'pooled'>> {
    if (ids.shape.length !== 2 || (ids.dtype !== 'i64' && ids.dtype !== 'i32')) {
      throw new Error(`bert: tokens must be i64[B, L], got ${describeType(ids)}`);
    }
    const hidden = this.encoder.forward(ctx, this.embeddings.forward(ctx, ids), keyMask ? { keyMask } : {});
    return { lastHiddenState: hidden, ...(this.pooler && { pooled: this.pooler.forward(ctx, hidden) }) };
  }
}

/** Names of BERT's checkpoints that a property cannot have, and those that early ones had: published, then ours. */
const bertNames = [
  [/^bert\./, ''],
  [/\bLayerNorm\b/, 'layer_norm'],
  [/layer_norm\.gamma$/, 'layer_norm.weight'],
  [/layer_norm\.beta$/, 'layer_norm.bias'],
] as const;

/** Tensors of a checkpoint that the encoder does not use: heads of other tasks, and the position ids of early versions. */
const notBert = /^(cls|classifier|qa_outputs|lm_head)\.|(^|\.)position_ids$/;

/** The name that a tensor of a checkpoint has in `BertModel`, or null if it is no part of it. */
export function bertTensorName(published: string): string | null {
  if (notBert.test(published)) return null;
  return bertNames.reduce((name, [from, to]) => name.replace(from, to), published);
}

/** The name in a checkpoint of a tensor of `BertModel`. */
export function bertPublishedName(name: string): string {
  return name.replaceAll(/\blayer_norm\b/g, 'LayerNorm');
}
