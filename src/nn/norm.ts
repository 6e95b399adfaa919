import { groupNorm, type Tensor } from '../core/index.ts';
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
