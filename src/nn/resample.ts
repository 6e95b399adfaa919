import {
  concat,
  constant,
  conv2d,
  conv2dInputGrad,
  float32,
  mul,
  slice,
  sumPool,
  upsampleNearest,
  type Tensor,
} from '../core/index.ts';
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

  /**
   * @param x     [B, C, H, W]
   * @param size  [2H or 2H − 1, 2W or 2W − 1] for an image of odd size; default twice the size
   */
  forward(ctx: Context, x: Tensor, size?: readonly [number, number]): Tensor {
    const doubled = upsampleNearest(x, 2);
    if (!size || (size[0] === doubled.shape[2] && size[1] === doubled.shape[3])) return this.conv.forward(ctx, doubled);
    return this.conv.forward(ctx, slice(doubled, [0, 0, 0, 0], [x.shape[0]!, x.shape[1]!, ...size]));
  }
}

/** Halves height and width by averaging blocks of 2 × 2 pixels. */
export function averagePool(x: Tensor): Tensor {
  return mul(sumPool(x, 2), 0.25);
}

/** Doubles height and width by repeating every pixel. */
export function repeatPixels(x: Tensor): Tensor {
  return upsampleNearest(x, 2);
}

/** What is assumed beyond the edges of an image: zeros, or the image mirrored in its outermost pixels. */
export type EdgeMode = 'zeros' | 'reflect';

/** (1, 3, 3, 1)ᵀ (1, 3, 3, 1) / 64: a low-pass filter of two pixels' width. */
const taps = [1, 3, 3, 1] as const;

/** The filter for every channel on its own: [C, 1, 4, 4], its values adding up to `gain`. */
function filter(channels: number, gain: number): Tensor {
  const values = taps.flatMap((a) => taps.map((b) => (a * b * gain) / 64));
  return constant(
    float32(
      [channels, 1, 4, 4],
      Float32Array.from({ length: channels * 16 }, (_, i) => values[i % 16]!),
    ),
  );
}

/**
 * Halves height and width after a low-pass filter, so that fine detail does not turn into false coarse detail.
 *
 * @param x  [B, C, H, W], H and W even
 * @see Karras et al. 2020, StyleGAN2, appendix B; Song et al. 2021, appendix H (FIR) — https://arxiv.org/abs/2011.13456
 */
export function filteredDownsample(x: Tensor, edges: EdgeMode): Tensor {
  const groups = x.shape[1]!;
  const [padded, pad] = edges === 'reflect' ? [reflect(x), 0] : [x, 1];
  return conv2d(padded, filter(groups, 1), undefined, { strides: [2, 2], pads: [pad, pad, pad, pad], groups });
}

/**
 * Doubles height and width by interpolating with the same filter: the transpose of `filteredDownsample`, times four.
 *
 * @param x  [B, C, H, W]
 */
export function filteredUpsample(x: Tensor, edges: EdgeMode): Tensor {
  const [batch, groups, height, width] = x.shape as [number, number, number, number];
  // A reflected pixel on each side gives two pixels too many, which the padding of the transpose cuts off.
  const [padded, pad] = edges === 'reflect' ? [reflect(x), 3] : [x, 1];
  return conv2dInputGrad(padded, filter(groups, 4), [batch, groups, 2 * height, 2 * width], {
    strides: [2, 2],
    pads: [pad, pad, pad, pad],
    groups,
  });
}

/** One pixel more on each side, mirrored in the edge pixel: rows 1, 0, 1, …, H − 1, H − 2. */
function reflect(x: Tensor): Tensor {
  let y = x;
  for (const axis of [2, 3]) {
    const extent = y.shape[axis]!;
    const row = (at: number) =>
      slice(
        y,
        y.shape.map((_, i) => (i === axis ? at : 0)),
        y.shape.map((n, i) => (i === axis ? 1 : n)),
      );
    if (extent < 2) throw new Error(`reflect: an image of [${x.shape.join(', ')}] has no second pixel to mirror`);
    y = concat([row(1), y, row(extent - 2)], axis);
  }
  return y;
}
