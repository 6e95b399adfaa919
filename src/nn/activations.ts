import { gelu, leakyRelu, mish, quickGelu, relu, sigmoid, silu, tanh, type Tensor } from '../core/index.ts';
import { nearest } from '../core/suggest.ts';

/** The functions between layers by the names that configurations of Hugging Face give them. */
export const activations = {
  gelu: (x: Tensor) => gelu(x),
  gelu_new: (x: Tensor) => gelu(x, 'tanh'),
  gelu_pytorch_tanh: (x: Tensor) => gelu(x, 'tanh'),
  leaky_relu: (x: Tensor) => leakyRelu(x),
  linear: (x: Tensor) => x,
  mish,
  quick_gelu: quickGelu,
  relu,
  sigmoid,
  silu,
  swish: silu,
  tanh,
} as const satisfies Readonly<Record<string, (x: Tensor) => Tensor>>;

/** A name in `activations`. */
export type ActivationName = keyof typeof activations;

/**
 * The function of a name that a configuration holds.
 *
 * @throws if there is none of that name, with the nearest one
 */
export function activationNamed(name: string): (x: Tensor) => Tensor {
  if (Object.hasOwn(activations, name)) return activations[name as ActivationName];
  const names = Object.keys(activations);
  const near = nearest(name, names);
  throw new Error(`unknown activation "${name}"${near ? `; did you mean ${near}?` : `; one of ${names.join(', ')}`}`);
}
