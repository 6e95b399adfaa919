import { add, mul, slice, sub, type Tensor } from '../core/index.ts';
import { pixelsToTokens, tokensToPixels } from './attention.ts';
import { Conv2d } from './conv.ts';
import { Linear } from './linear.ts';
import { Module, type Context } from './module.ts';
import { GroupNorm } from './norm.ts';
import { nearlyZero } from './resnet.ts';
import { BasicTransformerBlock, type TextStates } from './transformer-block.ts';

/** diffusers fixes it for the norm before a transformer. */
const normEps = 1e-6;

/** Options of `Transformer2DModel`. */
export interface Transformer2DOptions {
  readonly channels: number;
  readonly heads: number;
  readonly layers: number;
  readonly crossAttentionDim: number;
  readonly groups: number;
  /** The maps into and out of the blocks are linear layers, not 1 × 1 convolutions: the same function, other names. */
  readonly useLinearProjection?: boolean;
  readonly onlyCrossAttention?: boolean;
}

/** What a U-Net puts after a residual block so that its pixels attend to a text. */
export abstract class TextAttention extends Module {
  /** @param x  [B, C, H, W] → [B, C, H, W] */
  abstract override forward(ctx: Context, x: Tensor, text: TextStates): Tensor;
}

/**
 * Transformer blocks over the pixels of a feature map, with a residual connection around them.
 *
 * @see Rombach et al. 2022, appendix E.2.1 — https://arxiv.org/abs/2112.10752
 */
export class Transformer2DModel extends TextAttention {
  readonly norm: GroupNorm;
  readonly projIn: Conv2d | Linear;
  readonly transformerBlocks: readonly BasicTransformerBlock[];
  readonly projOut: Conv2d | Linear;

  /** @throws if there are more heads than channels */
  constructor(options: Transformer2DOptions) {
    super();
    const { channels, heads, layers, crossAttentionDim, groups } = options;
    const { useLinearProjection = false, onlyCrossAttention = false } = options;
    const dimHead = Math.floor(channels / heads);
    if (dimHead < 1) throw new Error(`transformer: ${heads} heads do not fit into ${channels} channels`);
    const dim = heads * dimHead;
    this.norm = new GroupNorm(groups, channels, normEps);
    this.projIn = useLinearProjection ? new Linear(channels, dim) : new Conv2d(channels, dim, 1);
    this.transformerBlocks = Array.from(
      { length: layers },
      () => new BasicTransformerBlock({ dim, heads, dimHead, crossAttentionDim, onlyCrossAttention }),
    );
    const out = { init: nearlyZero };
    this.projOut = useLinearProjection ? new Linear(dim, channels, out) : new Conv2d(dim, channels, 1, out);
  }

  override forward(ctx: Context, x: Tensor, text: TextStates): Tensor {
    const [, , height, width] = x.shape as [number, number, number, number];
    const { projIn, projOut } = this;
    const normed = this.norm.forward(ctx, x);
    const into =
      projIn instanceof Linear
        ? projIn.forward(ctx, pixelsToTokens(normed))
        : pixelsToTokens(projIn.forward(ctx, normed));
    const h = this.transformerBlocks.reduce((tokens, block) => block.forward(ctx, tokens, text), into);
    const out =
      projOut instanceof Linear
        ? tokensToPixels(projOut.forward(ctx, h), height, width)
        : projOut.forward(ctx, tokensToPixels(h, height, width));
    return add(out, x);
  }
}

/** Tokens of the two conditions that `DualTransformer2DModel` takes one after the other: diffusers fixes them. */
const dualLengths = [77, 257] as const;

/** Two transformers, each over its own part of the condition; what they add to the image is averaged. */
export class DualTransformer2DModel extends TextAttention {
  readonly transformers: readonly [Transformer2DModel, Transformer2DModel];

  constructor(options: Omit<Transformer2DOptions, 'layers' | 'useLinearProjection' | 'onlyCrossAttention'>) {
    super();
    const transformer = () => new Transformer2DModel({ ...options, layers: 1 });
    this.transformers = [transformer(), transformer()];
  }

  /** @throws if the sequence is not longer than the first condition, or a mask is given, which diffusers has none for */
  override forward(ctx: Context, x: Tensor, { states, bias }: TextStates): Tensor {
    const [batch, length, width] = states.shape as [number, number, number];
    const [first, second] = dualLengths;
    if (bias) throw new Error('transformer: dualCrossAttention takes no mask');
    if (length <= first) {
      throw new Error(
        `transformer: dualCrossAttention takes ${first} tokens of one condition and up to ${second} of another, got ${length}`,
      );
    }
    const part = (start: number, count: number) => ({ states: slice(states, [0, start, 0], [batch, count, width]) });
    // diffusers pairs the first condition with the second transformer.
    const parts = [part(first, Math.min(second, length - first)), part(0, first)] as const;
    const added = this.transformers.map((transformer, i) => sub(transformer.forward(ctx, x, parts[i]!), x));
    return add(mul(add(added[0]!, added[1]!), 0.5), x);
  }
}
