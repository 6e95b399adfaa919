import { add, type Tensor } from '../core/index.ts';
import { activations, type ActivationName } from './activations.ts';
import { AdaGroupNorm } from './ada-group-norm.ts';
import { Conv2d } from './conv.ts';
import { Module, type Context } from './module.ts';
import { nearlyZero } from './resnet.ts';

/** Options of `ResnetBlockCondNorm2D`. */
export interface ResnetCondNormOptions {
  readonly inChannels: number;
  /** Between the two convolutions. */
  readonly midChannels: number;
  /** After them; default midChannels. */
  readonly outChannels?: number;
  readonly tembChannels: number;
  readonly groups: number;
  readonly groupsOut: number;
  readonly eps: number;
  readonly activation: ActivationName;
  /** Share of the values before the second convolution that training sets to zero. */
  readonly dropout: number;
}

/**
 * A residual block that the time enters through both normalizations:
 *
 *     y = shortcut(x) + conv2(dropout(act(norm2(conv1(act(norm1(x, temb))), temb))))
 */
export class ResnetBlockCondNorm2D extends Module {
  readonly norm1: AdaGroupNorm;
  readonly conv1: Conv2d;
  readonly norm2: AdaGroupNorm;
  readonly conv2: Conv2d;
  /** Without a bias, where the number of channels changes. */
  readonly convShortcut: Conv2d | null;
  readonly #act: (x: Tensor) => Tensor;
  readonly #dropout: number;

  constructor({
    inChannels,
    midChannels,
    outChannels = midChannels,
    tembChannels,
    groups,
    groupsOut,
    eps,
    activation,
    dropout,
  }: ResnetCondNormOptions) {
    super();
    this.norm1 = new AdaGroupNorm(tembChannels, inChannels, groups, eps);
    this.conv1 = new Conv2d(inChannels, midChannels, 3, { padding: 1 });
    this.norm2 = new AdaGroupNorm(tembChannels, midChannels, groupsOut, eps);
    this.conv2 = new Conv2d(midChannels, outChannels, 3, { padding: 1, init: nearlyZero });
    this.convShortcut = inChannels === outChannels ? null : new Conv2d(inChannels, outChannels, 1, { bias: false });
    this.#act = activations[activation];
    this.#dropout = dropout;
  }

  get inChannels(): number {
    return this.conv1.weight.shape[1]!;
  }

  /**
   * @param x     [B, inChannels, H, W]
   * @param temb  [B, tembChannels], as it comes: no activation before the linear layers
   */
  forward(ctx: Context, x: Tensor, temb: Tensor): Tensor {
    let h = this.conv1.forward(ctx, this.#act(this.norm1.forward(ctx, x, temb)));
    h = this.conv2.forward(ctx, ctx.dropout(this.#act(this.norm2.forward(ctx, h, temb)), this.#dropout));
    return add(this.convShortcut ? this.convShortcut.forward(ctx, x) : x, h);
  }
}
