import { add, mul, reshape, silu, type Tensor } from '../core/index.ts';
import { Conv2d } from './conv.ts';
import { uniformFanAvg } from './init.ts';
import { Linear } from './linear.ts';
import { Module, type Context } from './module.ts';
import { GroupNorm } from './norm.ts';

/** DDPM starts the last layer of every residual branch at (nearly) zero: the network begins as the identity. */
export const nearlyZero = uniformFanAvg(1e-10);

/** Options of `ResnetBlock2D`. */
export interface ResnetBlockOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Width of the time embedding. */
  readonly tembChannels: number;
  readonly groups: number;
  readonly eps: number;
  /** The sum of branch and shortcut is divided by this; 1 in DDPM. */
  readonly outputScaleFactor?: number;
}

/**
 * The residual block of DDPM's U-Net:
 *
 *     h = conv1(silu(norm1(x))) + time_emb_proj(silu(temb)),   y = (shortcut(x) + conv2(silu(norm2(h)))) / scale
 *
 * @see Ho et al. 2020, appendix B
 */
export class ResnetBlock2D extends Module {
  readonly norm1: GroupNorm;
  readonly conv1: Conv2d;
  readonly timeEmbProj: Linear;
  readonly norm2: GroupNorm;
  readonly conv2: Conv2d;
  readonly convShortcut: Conv2d | null;
  readonly #scale: number;

  constructor({ inChannels, outChannels, tembChannels, groups, eps, outputScaleFactor = 1 }: ResnetBlockOptions) {
    super();
    this.norm1 = new GroupNorm(groups, inChannels, eps);
    this.conv1 = new Conv2d(inChannels, outChannels, 3, { padding: 1 });
    this.timeEmbProj = new Linear(tembChannels, outChannels);
    this.norm2 = new GroupNorm(groups, outChannels, eps);
    this.conv2 = new Conv2d(outChannels, outChannels, 3, { padding: 1, init: nearlyZero });
    this.convShortcut = inChannels === outChannels ? null : new Conv2d(inChannels, outChannels, 1);
    this.#scale = outputScaleFactor;
  }

  /**
   * @param x     [B, inChannels, H, W]
   * @param temb  [B, tembChannels], already through silu: every block needs the same one
   */
  forward(ctx: Context, x: Tensor, temb: Tensor): Tensor {
    const time = this.timeEmbProj.forward(ctx, temb);
    let h = this.conv1.forward(ctx, silu(this.norm1.forward(ctx, x)));
    h = add(h, reshape(time, [...time.shape, 1, 1]));
    h = this.conv2.forward(ctx, silu(this.norm2.forward(ctx, h)));
    const shortcut = this.convShortcut ? this.convShortcut.forward(ctx, x) : x;
    const total = add(shortcut, h);
    return this.#scale === 1 ? total : mul(total, 1 / this.#scale);
  }
}
