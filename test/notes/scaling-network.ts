/** The smallest network there is: a number times x_t. */
import { mul, type Tensor } from '../../src/core/index.ts';
import type { ConditionInput } from '../../src/diffusion/index.ts';
import type { DenoisingNetwork } from '../../src/models/index.ts';
import { bind, Module, Parameter, type Binding, type Context } from '../../src/nn/index.ts';

class ScalingNetwork extends Module implements DenoisingNetwork {
  readonly className = 'ScalingNetwork';
  readonly config = {};
  readonly conditions: readonly ConditionInput[] = [];
  readonly sample: readonly number[];
  readonly weight = new Parameter([1, 1], (shape) => new Float32Array(shape.length).fill(1));

  constructor(values: number) {
    super();
    this.sample = [values];
  }

  get outputs(): readonly number[] {
    return this.sample;
  }

  get module(): this {
    return this;
  }

  forward(ctx: Context, xt: Tensor): Tensor {
    return mul(ctx.param(this.weight), xt);
  }

  denoise(ctx: Context, xt: Tensor): Tensor {
    return this.forward(ctx, xt);
  }
}

/** Of samples [values]; its parameter is `weight`, [1, 1]. */
export function scalingNetwork(values: number): DenoisingNetwork {
  return new ScalingNetwork(values);
}

export function scalingContext(network: DenoisingNetwork): Binding {
  return bind(network.module);
}
