/** CLIP's text tower. */
import {
  add,
  and,
  argMax,
  cast,
  describeType,
  equal,
  gather,
  less,
  lowerTriangle,
  matmul,
  oneHot,
  reshape,
  slice,
  type Tensor,
} from '../../core/index.ts';
import { Embedding, LayerNorm, Module, normal, type Context } from '../../nn/index.ts';
import { checkTower, type CLIPTextConfig } from './config.ts';
import { Encoder } from './encoder.ts';

/** What the configurations of early checkpoints call the end token, whatever it is. */
export const legacyEosTokenId = 2;

/** What a tower computes. */
export interface TowerOutput {
  /** [B, L, D], every position. */
  readonly lastHiddenState: Tensor;
  /** [B, D], the position that stands for the whole. */
  readonly pooled: Tensor;
}

class TextEmbeddings extends Module {
  readonly tokenEmbedding: Embedding;
  readonly positionEmbedding: Embedding;

  constructor({ vocabSize, hiddenSize, maxPositionEmbeddings, initializerFactor }: CLIPTextConfig) {
    super();
    // Standard deviations of OpenAI's code.
    this.tokenEmbedding = new Embedding(vocabSize, hiddenSize, normal(0.02 * initializerFactor));
    this.positionEmbedding = new Embedding(maxPositionEmbeddings, hiddenSize, normal(0.01 * initializerFactor));
  }

  /** @param ids  [B, L] → [B, L, D] */
  forward(ctx: Context, ids: Tensor): Tensor {
    const [context, width] = this.positionEmbedding.weight.shape as [number, number];
    const length = ids.shape[1]!;
    if (length > context)
      throw new Error(
        `clip: texts of ${length} tokens are longer than the context of ${context} (maxPositionEmbeddings); truncate them, keeping the end token`,
      );
    return add(
      gather(ctx.param(this.tokenEmbedding.weight), ids),
      slice(ctx.param(this.positionEmbedding.weight), [0, 0], [length, width]),
    );
  }
}

/** The transformer over tokens, with causal attention; the end token's output is the text's embedding. */
export class TextTransformer extends Module {
  readonly embeddings: TextEmbeddings;
  readonly encoder: Encoder;
  readonly finalLayerNorm: LayerNorm;
  readonly #config: CLIPTextConfig;

  /** @throws if the heads do not divide the width */
  constructor(config: CLIPTextConfig) {
    super();
    checkTower('textConfig', config);
    this.#config = config;
    this.embeddings = new TextEmbeddings(config);
    this.encoder = new Encoder(config);
    this.finalLayerNorm = new LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
  }

  get config(): CLIPTextConfig {
    return this.#config;
  }

  /**
   * @param ids      [B, L] of i64 or i32, 0 … vocabSize − 1, L at most maxPositionEmbeddings
   * @param keyMask  [B, L] of bool: the tokens that are there. Padding after the end token changes no embedding, so none is needed for it.
   * @throws if the ids are no such tensor
   */
  forward(ctx: Context, ids: Tensor, keyMask?: Tensor): TowerOutput {
    const hidden = this.encoder.forward(ctx, this.#embed(ctx, ids), { causal: true, ...(keyMask && { keyMask }) });
    const lastHiddenState = this.finalLayerNorm.forward(ctx, hidden);
    return { lastHiddenState, pooled: this.#flat(matmul(this.#atEnd(ids), lastHiddenState)) };
  }

  /**
   * The `pooled` of `forward` alone, with less to compute.
   *
   * @returns  [B, D]
   */
  pooled(ctx: Context, ids: Tensor, keyMask?: Tensor): Tensor {
    const embedded = this.#embed(ctx, ids);
    const end = this.#atEnd(ids); // [B, 1, L]
    const [batch, , length] = end.shape as [number, number, number];
    // Up to the end: a product with the triangle of those that each position sees.
    const earlier = less(0.5, reshape(matmul(end, cast(lowerTriangle(length, length), 'f32')), [batch, length]));
    const hidden = this.encoder.forwardAt(
      ctx,
      embedded,
      (x) => matmul(end, x),
      { causal: true, ...(keyMask && { keyMask }) },
      { keyMask: keyMask ? and(keyMask, earlier) : earlier },
    );
    return this.#flat(this.finalLayerNorm.forward(ctx, hidden));
  }

  #embed(ctx: Context, ids: Tensor): Tensor {
    if (ids.shape.length !== 2 || (ids.dtype !== 'i64' && ids.dtype !== 'i32'))
      throw new Error(`clip: tokens must be i64[B, L], got ${describeType(ids)}`);
    return this.embeddings.forward(ctx, ids);
  }

  /** A one in each row at the first end token; where a text has none, at its first token, as in transformers: [B, L] → [B, 1, L]. */
  #atEnd(ids: Tensor): Tensor {
    const { eosTokenId } = this.#config;
    const [batch, length] = ids.shape as [number, number];
    // Ids are below 2^24, so they are exact as f32, in which every engine finds a maximum.
    const position = argMax(cast(eosTokenId === legacyEosTokenId ? ids : equal(ids, eosTokenId), 'f32'), 1); // [B]
    return reshape(oneHot(position, length), [batch, 1, length]);
  }

  /** [B, 1, D] → [B, D] */
  #flat(x: Tensor): Tensor {
    return reshape(x, [x.shape[0]!, this.#config.hiddenSize]);
  }
}
