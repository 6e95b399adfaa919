/** The transformer that both towers of CLIP are. */
import { add, type Tensor } from '../../core/index.ts';
import {
  activations,
  attend,
  LayerNorm,
  Linear,
  Module,
  normal,
  type ActivationName,
  type AttentionMasks,
  type Context,
} from '../../nn/index.ts';

/** What a tower's configuration says of its transformer. */
export interface EncoderSettings {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly hiddenAct: ActivationName;
  readonly layerNormEps: number;
  readonly attentionDropout: number;
  readonly initializerFactor: number;
}

/**
 * Standard deviations of first weights: D^−½ for the maps into attention, (2D)^−½ into the MLP, and D^−½ (2 · layers)^−½
 * for what is added to the residual, so that its variance does not grow with depth.
 *
 * @see OpenAI's code, `CLIP.initialize_parameters` — https://github.com/openai/CLIP/blob/main/clip/model.py
 */
function deviations({ hiddenSize, numHiddenLayers, initializerFactor }: EncoderSettings): {
  readonly attention: number;
  readonly mlp: number;
  readonly residual: number;
} {
  const attention = hiddenSize ** -0.5 * initializerFactor;
  return {
    attention,
    mlp: (2 * hiddenSize) ** -0.5 * initializerFactor,
    residual: attention * (2 * numHiddenLayers) ** -0.5,
  };
}

class SelfAttention extends Module {
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly qProj: Linear;
  readonly outProj: Linear;
  readonly #settings: EncoderSettings;

  constructor(settings: EncoderSettings) {
    super();
    const { hiddenSize } = settings;
    const { attention, residual } = deviations(settings);
    const map = (std: number) => new Linear(hiddenSize, hiddenSize, { init: normal(std) });
    this.kProj = map(attention);
    this.vProj = map(attention);
    this.qProj = map(attention);
    this.outProj = map(residual);
    this.#settings = settings;
  }

  /**
   * @param x        [B, Lq, D] the positions that look
   * @param context  [B, L, D] those that are looked at
   */
  forward(ctx: Context, x: Tensor, context: Tensor, masks: AttentionMasks): Tensor {
    const { qProj: toQ, kProj: toK, vProj: toV, outProj: out } = this;
    const { numAttentionHeads, attentionDropout } = this.#settings;
    return attend(ctx, { toQ, toK, toV, out }, x, context, numAttentionHeads, {
      ...masks,
      weights: (weights) => ctx.dropout(weights, attentionDropout),
    });
  }
}

class Mlp extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly #activation: ActivationName;

  constructor(settings: EncoderSettings) {
    super();
    const { mlp, residual } = deviations(settings);
    this.fc1 = new Linear(settings.hiddenSize, settings.intermediateSize, { init: normal(mlp) });
    this.fc2 = new Linear(settings.intermediateSize, settings.hiddenSize, { init: normal(residual) });
    this.#activation = settings.hiddenAct;
  }

  /** @param x  [B, L, D] */
  forward(ctx: Context, x: Tensor): Tensor {
    return this.fc2.forward(ctx, activations[this.#activation](this.fc1.forward(ctx, x)));
  }
}

/** Takes positions out of a sequence: [B, L, D] → [B, Lq, D]. */
type Pick = (x: Tensor) => Tensor;

class EncoderLayer extends Module {
  readonly selfAttn: SelfAttention;
  readonly layerNorm1: LayerNorm;
  readonly mlp: Mlp;
  readonly layerNorm2: LayerNorm;

  constructor(settings: EncoderSettings) {
    super();
    const norm = () => new LayerNorm(settings.hiddenSize, { eps: settings.layerNormEps });
    this.selfAttn = new SelfAttention(settings);
    this.layerNorm1 = norm();
    this.mlp = new Mlp(settings);
    this.layerNorm2 = norm();
  }

  /**
   * @param x     [B, L, D]
   * @param pick  of [B, L, D] the positions that are wanted, [B, Lq, D]; default all
   * @returns     [B, Lq, D]
   */
  forward(ctx: Context, x: Tensor, masks: AttentionMasks, pick: Pick = (all) => all): Tensor {
    const normed = this.layerNorm1.forward(ctx, x);
    const attended = add(pick(x), this.selfAttn.forward(ctx, pick(normed), normed, masks));
    return add(attended, this.mlp.forward(ctx, this.layerNorm2.forward(ctx, attended)));
  }
}

/** Blocks of self-attention and a two-layer network, each normalized before and added to what came in. */
export class Encoder extends Module {
  readonly layers: readonly EncoderLayer[];

  constructor(settings: EncoderSettings) {
    super();
    this.layers = Array.from({ length: settings.numHiddenLayers }, () => new EncoderLayer(settings));
  }

  /** @param x  [B, L, D] → [B, L, D] */
  forward(ctx: Context, x: Tensor, masks: AttentionMasks = {}): Tensor {
    return this.layers.reduce((h, layer) => layer.forward(ctx, h, masks), x);
  }

  /**
   * Some positions of what `forward` gives. Of the last block nothing else is computed but the keys and values of the
   * others, which spares most of it, and most of its gradients.
   *
   * @param pick   takes the positions out of a sequence: [B, L, D] → [B, Lq, D]
   * @param masks  of the blocks before the last
   * @param last   of the last block, for Lq queries
   */
  forwardAt(
    ctx: Context,
    x: Tensor,
    pick: (x: Tensor) => Tensor,
    masks: AttentionMasks = {},
    last: AttentionMasks = {},
  ): Tensor {
    return this.layers.reduce(
      (h, layer, i) =>
        i === this.layers.length - 1 ? layer.forward(ctx, h, last, pick) : layer.forward(ctx, h, masks),
      x,
    );
  }
}
