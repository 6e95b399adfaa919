import { broadcastTo, reshape, type Tensor } from '../core/index.ts';
import { Conv2d } from './conv.ts';
import { Module, type Context } from './module.ts';

/** Repeats every pixel `factor` times in both directions: [B, C, H, W] → [B, C, H·f, W·f]. */
export function upsampleNearest(x: Tensor, factor: number): Tensor {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const spread = broadcastTo(reshape(x, [batch, channels, height, 1, width, 1]), [batch, channels, height, factor, width, factor]);
  return reshape(spread, [batch, channels, height * factor, width * factor]);
}

/** Halves height and width by a convolution of stride 2. */
export class Downsample2D extends Module {
  readonly conv: Conv2d;

  /** @param padding  0 pads right and bottom only, as DDPM's TensorFlow code does; 1 pads every side */
  constructor(channels: number, padding: number) {
    super();
    this.conv = new Conv2d(channels, channels, 3, { stride: 2, padding: padding === 0 ? [0, 0, 1, 1] : padding });
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return this.conv.forward(ctx, x);
  }
}

/** Doubles height and width by repeating pixels, then convolves. */
export class Upsample2D extends Module {
  readonly conv: Conv2d;

  constructor(channels: number) {
    super();
    this.conv = new Conv2d(channels, channels, 3, { padding: 1 });
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return this.conv.forward(ctx, upsampleNearest(x, 2));
  }
}
