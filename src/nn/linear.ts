import { add, matmul, reshape, sameShape, sizeOf, type Tensor } from '../core/index.ts';
import { uniformFanAvg, zeros, type Initializer } from './init.ts';
import { Module, Parameter, type Context } from './module.ts';

/** y = x Wᵀ + b over the last axis. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  /**
   * @param options.weight  [outFeatures, inFeatures] of another module, which both then share: an embedding's table as the output layer
   * @throws if that has another shape
   */
  constructor(
    inFeatures: number,
    outFeatures: number,
    { bias = true, init = uniformFanAvg(), weight }: { bias?: boolean; init?: Initializer; weight?: Parameter } = {},
  ) {
    super();
    const shape = [outFeatures, inFeatures];
    if (weight && !sameShape(weight.shape, shape))
      throw new Error(`linear: the shared weight is [${weight.shape.join(', ')}], expected [${shape.join(', ')}]`);
    this.weight = weight ?? new Parameter(shape, init);
    this.bias = bias ? new Parameter([outFeatures], zeros) : null;
  }

  /** @param x  [..., inFeatures] → [..., outFeatures] */
  forward(ctx: Context, x: Tensor): Tensor {
    const [outFeatures, inFeatures] = this.weight.shape as [number, number];
    const rows = reshape(x, [sizeOf(x.shape) / inFeatures, inFeatures]);
    const product = matmul(rows, ctx.param(this.weight), { transB: true });
    const y = this.bias ? add(product, ctx.param(this.bias)) : product;
    return reshape(y, [...x.shape.slice(0, -1), outFeatures]);
  }
}
