import {
  add,
  constant,
  div,
  float32,
  groupNorm,
  layerNorm,
  mean,
  mul,
  reshape,
  rmsNorm,
  sizeOf,
  sqrt,
  stopGradient,
  sub,
  sumSquares,
  type Tensor,
} from '../core/index.ts';
import { ones, zeros } from './init.ts';
import { Module, Parameter, type Context } from './module.ts';

/** Group normalization with a gain and a shift a channel. */
export class GroupNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #attrs: { readonly groups: number; readonly eps: number };

  /** @throws if the groups do not divide the channels */
  constructor(groups: number, channels: number, eps = 1e-5) {
    super();
    if (channels % groups !== 0) throw new Error(`groupNorm: ${channels} channels do not split into ${groups} groups`);
    this.weight = new Parameter([channels], ones);
    this.bias = new Parameter([channels], zeros);
    this.#attrs = { groups, eps };
  }

  /** @param x  [B, C, ...] */
  forward(ctx: Context, x: Tensor): Tensor {
    return groupNorm(x, ctx.param(this.weight), ctx.param(this.bias), this.#attrs);
  }
}

/** Normalization of each vector over its D values, with a gain and a shift for each, or none. */
export class LayerNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly #width: number;
  readonly #eps: number;

  constructor(
    width: number,
    { eps = 1e-5, elementwiseAffine = true }: { eps?: number; elementwiseAffine?: boolean } = {},
  ) {
    super();
    this.weight = elementwiseAffine ? new Parameter([width], ones) : null;
    this.bias = elementwiseAffine ? new Parameter([width], zeros) : null;
    this.#width = width;
    this.#eps = eps;
  }

  /** @param x  [..., D] */
  forward(ctx: Context, x: Tensor): Tensor {
    const filled = (value: number) => constant(float32([this.#width], new Float32Array(this.#width).fill(value)));
    const gain = this.weight ? ctx.param(this.weight) : filled(1);
    return layerNorm(x, gain, this.bias ? ctx.param(this.bias) : filled(0), { eps: this.#eps });
  }
}

/** Division of each vector by its root mean square, with a gain for each value; T5's layer norm. */
export class RMSNorm extends Module {
  readonly weight: Parameter;
  readonly #eps: number;

  constructor(width: number, eps = 1e-6) {
    super();
    this.weight = new Parameter([width], ones);
    this.#eps = eps;
  }

  /** @param x  [..., D] */
  forward(ctx: Context, x: Tensor): Tensor {
    return rmsNorm(x, ctx.param(this.weight), { eps: this.#eps });
  }
}

/**
 * Normalization of each channel over a batch and its pixels. It keeps running statistics while training,
 *
 *     running ← (1 − momentum) · running + momentum · batch's,   the variance with Bessel's n / (n − 1)
 *
 * and normalizes with them otherwise.
 *
 * @see Ioffe & Szegedy 2015, algorithms 1 and 2 — https://arxiv.org/abs/1502.03167
 */
export class BatchNorm2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly runningMean: Parameter;
  readonly runningVar: Parameter;
  /** Training steps done, as PyTorch counts them; nothing depends on it. */
  readonly numBatchesTracked: Parameter;
  readonly #eps: number;
  readonly #momentum: number;

  /** @param momentum  the weight of the newest batch, 0.1 as in PyTorch (other frameworks call 1 minus it the momentum) */
  constructor(channels: number, { eps = 1e-5, momentum = 0.1 }: { eps?: number; momentum?: number } = {}) {
    super();
    this.weight = new Parameter([channels], ones);
    this.bias = new Parameter([channels], zeros);
    this.runningMean = new Parameter([channels], zeros, 'buffer');
    this.runningVar = new Parameter([channels], ones, 'buffer');
    this.numBatchesTracked = new Parameter([], zeros, 'buffer');
    this.#eps = eps;
    this.#momentum = momentum;
  }

  /**
   * @param x  [B, C, H, W]
   * @throws in training, if there is one value a channel: it has no variance
   */
  forward(ctx: Context, x: Tensor): Tensor {
    const [channels] = this.weight.shape as [number];
    const column = [1, channels, 1, 1];
    let centered: Tensor;
    let variance: Tensor; // [1, C, 1, 1]
    if (ctx.training) {
      const count = sizeOf(x.shape) / channels;
      if (count < 2)
        throw new Error(`batchNorm2d: training needs more than one value a channel, x is [${x.shape.join(', ')}]`);
      const average = mean(x, [0, 2, 3], true);
      // Two passes: E[x²] − E[x]² loses digits where the mean is large.
      centered = sub(x, average);
      variance = mul(sumSquares(centered, [0, 2, 3], true), 1 / count);
      this.#track(ctx, this.runningMean, stopGradient(reshape(average, [channels])));
      this.#track(ctx, this.runningVar, mul(stopGradient(reshape(variance, [channels])), count / (count - 1)));
      ctx.update(this.numBatchesTracked, add(ctx.param(this.numBatchesTracked), 1));
    } else {
      centered = sub(x, reshape(ctx.param(this.runningMean), column));
      variance = reshape(ctx.param(this.runningVar), column);
    }
    const scale = div(reshape(ctx.param(this.weight), column), sqrt(add(variance, this.#eps)));
    return add(mul(centered, scale), reshape(ctx.param(this.bias), column));
  }

  #track(ctx: Context, running: Parameter, batch: Tensor): void {
    ctx.update(running, add(mul(ctx.param(running), 1 - this.#momentum), mul(batch, this.#momentum)));
  }
}
