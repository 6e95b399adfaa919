import { upsampleNearest, type Tensor } from '../core/index.ts';
import { Conv2d } from './conv.ts';
import { Module, type Context } from './module.ts';

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
