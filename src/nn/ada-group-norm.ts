import { constant, float32, groupNorm, type Tensor } from '../core/index.ts';
import { Linear } from './linear.ts';
import { Module, type Context } from './module.ts';
import { scaleShift } from './resnet.ts';

/**
 * Group normalization whose gain and shift are computed from the time:
 *
 *     y = norm(x) · (1 + γ) + β,   [γ, β] = linear(temb)
 *
 * @see Dhariwal & Nichol 2021, eq. 2 — https://arxiv.org/abs/2105.05233
 */
export class AdaGroupNorm extends Module {
  readonly linear: Linear;
  readonly #attrs: { readonly groups: number; readonly eps: number };

  /** @throws if the groups do not divide the channels */
  constructor(tembChannels: number, channels: number, groups: number, eps = 1e-5) {
    super();
    if (groups < 1 || channels % groups !== 0)
      throw new Error(`adaGroupNorm: ${channels} channels do not split into ${groups} groups`);
    this.linear = new Linear(tembChannels, 2 * channels);
    this.#attrs = { groups, eps };
  }

  /**
   * @param x     [B, C, H, W]
   * @param temb  [B, tembChannels]
   */
  forward(ctx: Context, x: Tensor, temb: Tensor): Tensor {
    const channels = x.shape[1]!;
    const row = (value: number) => constant(float32([channels], new Float32Array(channels).fill(value)));
    return scaleShift(groupNorm(x, row(1), row(0), this.#attrs), this.linear.forward(ctx, temb));
  }
}
