import { conv2d, type Conv2dAttrs, type Tensor } from '../core/index.ts';
import { uniformFanAvg, zeros, type Initializer } from './init.ts';
import { Module, Parameter, type Context } from './module.ts';

/** Options of `Conv2d`. */
export interface Conv2dOptions {
  readonly stride?: number;
  /** Zeros on every side, or at the top, left, bottom and right. */
  readonly padding?: number | readonly [number, number, number, number];
  readonly bias?: boolean;
  readonly init?: Initializer;
}

/** Two-dimensional convolution with a square kernel. */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #attrs: Partial<Conv2dAttrs>;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    { stride = 1, padding = 0, bias = true, init = uniformFanAvg() }: Conv2dOptions = {},
  ) {
    super();
    this.weight = new Parameter([outChannels, inChannels, kernelSize, kernelSize], init);
    this.bias = bias ? new Parameter([outChannels], zeros) : null;
    this.#attrs = {
      strides: [stride, stride],
      pads: typeof padding === 'number' ? [padding, padding, padding, padding] : padding,
    };
  }

  /** @param x  [B, C, H, W] → [B, O, H′, W′] */
  forward(ctx: Context, x: Tensor): Tensor {
    return conv2d(x, ctx.param(this.weight), this.bias ? ctx.param(this.bias) : undefined, this.#attrs);
  }
}
