import { add, channelAffine, mul, reshape, slice, type Tensor } from '../core/index.ts';
import { activations, type ActivationName } from './activations.ts';
import { Conv2d } from './conv.ts';
import { uniformFanAvg } from './init.ts';
import { Linear } from './linear.ts';
import { Module, type Context } from './module.ts';
import { GroupNorm } from './norm.ts';

/** DDPM starts the last layer of every residual branch at (nearly) zero: the network begins as the identity. */
export const nearlyZero = uniformFanAvg(1e-10);

/** How the time enters a residual block: added before the second norm, or as a gain and a shift after it. */
export type TimeScaleShift = 'default' | 'scale_shift';

/** Options of `ResnetBlock2D`. */
export interface ResnetBlockOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Width of the time embedding. */
  readonly tembChannels: number;
  /** Groups of the first norm, and of the second unless `groupsOut` says otherwise. */
  readonly groups: number;
  readonly groupsOut?: number;
  readonly eps: number;
  /** Default silu. */
  readonly activation?: ActivationName;
  /** Default `default`. */
  readonly timeScaleShift?: TimeScaleShift;
  /** Share of the values before the second convolution that training sets to zero; default 0. */
  readonly dropout?: number;
  /** The sum of branch and shortcut is divided by this; 1 in DDPM. */
  readonly outputScaleFactor?: number;
  /** Changes height and width of branch and shortcut alike, before the first convolution. */
  readonly resample?: (x: Tensor) => Tensor;
  /** A 1 × 1 convolution in the shortcut; default where the number of channels changes. */
  readonly convShortcut?: boolean;
}

/**
 * The residual block of DDPM's U-Net:
 *
 *     h = conv1(act(norm1(x))) + time_emb_proj(act(temb)),   y = (shortcut(x) + conv2(dropout(act(norm2(h))))) / scale
 *
 * With `scale_shift` the time gives [γ, β] instead: h = conv1(act(norm1(x))), and norm2(h) · (1 + γ) + β.
 *
 * @see Ho et al. 2020, appendix B; Dhariwal & Nichol 2021, §3.1 (adaptive group normalization) — https://arxiv.org/abs/2105.05233
 */
export class ResnetBlock2D extends Module {
  readonly norm1: GroupNorm;
  readonly conv1: Conv2d;
  readonly timeEmbProj: Linear;
  readonly norm2: GroupNorm;
  readonly conv2: Conv2d;
  readonly convShortcut: Conv2d | null;
  readonly #options: ResnetBlockOptions;

  constructor(options: ResnetBlockOptions) {
    super();
    const {
      inChannels,
      outChannels,
      tembChannels,
      groups,
      groupsOut = groups,
      eps,
      timeScaleShift,
      convShortcut = inChannels !== outChannels,
    } = options;
    this.norm1 = new GroupNorm(groups, inChannels, eps);
    this.conv1 = new Conv2d(inChannels, outChannels, 3, { padding: 1 });
    this.timeEmbProj = new Linear(tembChannels, timeScaleShift === 'scale_shift' ? 2 * outChannels : outChannels);
    this.norm2 = new GroupNorm(groupsOut, outChannels, eps);
    this.conv2 = new Conv2d(outChannels, outChannels, 3, { padding: 1, init: nearlyZero });
    this.convShortcut = convShortcut ? new Conv2d(inChannels, outChannels, 1) : null;
    this.#options = options;
  }

  get inChannels(): number {
    return this.#options.inChannels;
  }

  /**
   * @param x     [B, inChannels, H, W]
   * @param temb  [B, tembChannels], already through the activation: every block needs the same one
   */
  forward(ctx: Context, x: Tensor, temb: Tensor): Tensor {
    const {
      activation = 'silu',
      timeScaleShift = 'default',
      dropout = 0,
      outputScaleFactor = 1,
      resample = (same: Tensor) => same,
    } = this.#options;
    const act = activations[activation];
    const time = this.timeEmbProj.forward(ctx, temb);
    let h = this.conv1.forward(ctx, resample(act(this.norm1.forward(ctx, x))));
    if (timeScaleShift === 'default') h = this.norm2.forward(ctx, add(h, reshape(time, [...time.shape, 1, 1])));
    else h = scaleShift(this.norm2.forward(ctx, h), time);
    h = this.conv2.forward(ctx, ctx.dropout(act(h), dropout));
    const shortcut = resample(x);
    const total = add(this.convShortcut ? this.convShortcut.forward(ctx, shortcut) : shortcut, h);
    return outputScaleFactor === 1 ? total : mul(total, 1 / outputScaleFactor);
  }
}

/** x · (1 + γ) + β by channel, with [γ, β] = `scaleAndShift` [B, 2C]. */
export function scaleShift(x: Tensor, scaleAndShift: Tensor): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const half = (start: number) => slice(scaleAndShift, [0, start], [batch, channels]);
  return channelAffine(x, add(half(0), 1), half(channels));
}
