/** Ops that give back their values: they change what has a gradient, or what is computed first. */
import { describeType, sameShape } from '../dtype.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';

export const stopGradientOp = defineOp<'stopGradient', Record<string, never>>({
  name: 'stopGradient',
  infer([x, instead]) {
    if (instead && (!sameShape(x!.shape, instead.shape) || x!.dtype !== instead.dtype))
      throw new Error(`straightThrough: ${describeType(x!)} and ${describeType(instead)} differ`);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  evaluate: ([x]) => [x!.data],
  vjp: ([g], { inputs }) => [undefined, inputs[1] && g],
});

export const controlDependencyOp = defineOp<'controlDependency', Record<string, never>>({
  name: 'controlDependency',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  evaluate: ([x]) => [x!.data],
  vjp: ([g]) => [g],
});

/** The same values, not to be had before `earlier` is computed: so that what is made of them is not there too soon. */
export function controlDependency(x: Tensor, earlier: Tensor): Tensor {
  return apply(controlDependencyOp, [x, earlier], {});
}

/** The same values, through which no gradient passes: for the loss they are constants. */
export function stopGradient(x: Tensor): Tensor {
  return apply(stopGradientOp, [x], {});
}

/**
 * The values of `quantized` with the gradient of `continuous`, as if rounding were the identity.
 *
 * @param quantized   [...] a rounded, looked up or sampled version of `continuous`; gets no gradient
 * @param continuous  [...] of the same type
 * @throws if the two differ in shape or type
 * @see Bengio, Léonard & Courville 2013, §4 — https://arxiv.org/abs/1308.3432; van den Oord et al. 2017, §3.2
 */
export function straightThrough(quantized: Tensor, continuous: Tensor): Tensor {
  return apply(stopGradientOp, [quantized, continuous], {});
}
