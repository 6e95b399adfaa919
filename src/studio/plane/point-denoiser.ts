/** A small network that denoises points in the plane, of a class or of any. */
import { concat, silu, type Tensor } from '../../core/index.ts';
import type { DenoisingNetwork } from '../../models/index.ts';
import { Embedding, Linear, Module, Timesteps, type Context } from '../../nn/index.ts';

/** The class that stands for both. */
export const anyClass = 2;

const width = 96;

/** Four layers of the point, sines of its time, and its class. */
export class PointDenoiser extends Module implements DenoisingNetwork {
  readonly className = 'PointDenoiser';
  readonly config = {};
  readonly sample = [2];
  readonly outputs = [2];
  readonly conditions = [{ name: 'class_labels', dtype: 'i64', shape: [], count: 3 }] as const;
  readonly times = new Timesteps(32, { flipSinToCos: false, freqShift: 1 });
  readonly classes = new Embedding(3, 8);
  readonly layers = [2 + 32 + 8, width, width, width].map((inputs, i) => new Linear(inputs, i === 3 ? 2 : width));

  get module(): this {
    return this;
  }

  /** @param xt  [B, 2];  @param t  [B];  @param labels  [B];  @returns  [B, 2] ε̂ */
  forward(ctx: Context, xt: Tensor, t: Tensor, labels: Tensor): Tensor {
    const first = concat([xt, this.times.forward(ctx, t), this.classes.forward(ctx, labels)], 1);
    return this.layers.reduce((x, layer, i) => layer.forward(ctx, i === 0 ? x : silu(x)), first);
  }

  denoise(ctx: Context, xt: Tensor, t: Tensor, conditions: Readonly<Record<string, Tensor>>): Tensor {
    return this.forward(ctx, xt, t, conditions['class_labels']!);
  }
}
