/**
 * The functions between layers. One is an op where an engine has an operator for it or its own gradient saves passes
 * over the values; the others are made of these, and their gradients come by themselves.
 */
import { apply, type Tensor } from '../tensor.ts';
import { less, where } from './compare.ts';
import { add, div, exp, maximum, mul, neg, sub, tanh } from './elementwise.ts';
import { unary } from './pointwise.ts';

export const sigmoidOp = unary('sigmoid', logistic, (g, _, y) => mul(g, mul(y, sub(1, y))));
// silu′ = s + y(1 − s) with s = σ(x): the forward pass has computed s and y already.
export const siluOp = unary(
  'silu',
  (x) => x * logistic(x),
  (g, x, y) => {
    const s = sigmoid(x);
    return mul(g, add(s, mul(y, sub(1, s))));
  },
);
export const reluOp = unary(
  'relu',
  (x) => (x < 0 ? 0 : x),
  (g, _, y) => where(less(0, y), g, 0),
);
// log1p keeps the small values, the sign keeps e^x finite.
export const softplusOp = unary(
  'softplus',
  (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  (g, x) => mul(g, sigmoid(x)),
);
export const erfOp = unary('erf', errorFunction, (g, x) => mul(g, mul(2 / Math.sqrt(Math.PI), exp(neg(mul(x, x))))));
// gelu′ = Φ(x) + x·φ(x) with the normal distribution and its density; engines have the error function computed already.
export const geluOp = unary(
  'gelu',
  (x) => (x * (1 + errorFunction(x / Math.SQRT2))) / 2,
  (g, x) => {
    const distribution = mul(0.5, add(1, erf(div(x, Math.SQRT2))));
    const density = mul(1 / Math.sqrt(2 * Math.PI), exp(mul(-0.5, mul(x, x))));
    return mul(g, add(distribution, mul(x, density)));
  },
);

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/**
 * erf x = 2/√π · e^{−x²} Σ 2ⁿ x^{2n+1} / (2n+1)!!, in which no terms cancel.
 *
 * @see Abramowitz & Stegun 1964, 7.1.6
 */
function errorFunction(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x); // 1 − erf 6 = 2e−17
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

/** σ(x) = 1 / (1 + e^{−x}). */
export const sigmoid = (x: Tensor): Tensor => apply(sigmoidOp, [x], {});
/** x · σ(x), also called swish. */
export const silu = (x: Tensor): Tensor => apply(siluOp, [x], {});
/** max(x, 0); the gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => apply(reluOp, [x], {});
/** ln(1 + e^x), without overflow. */
export const softplus = (x: Tensor): Tensor => apply(softplusOp, [x], {});
/** The error function 2/√π ∫₀ˣ e^{−t²} dt. */
export const erf = (x: Tensor): Tensor => apply(erfOp, [x], {});

/** How the gain of `gelu` is computed: by the error function, or by the hyperbolic tangent of a cubic. */
export type GeluForm = 'erf' | 'tanh';

/**
 * x · Φ(x), where Φ is the normal distribution; or, as BERT and GPT-2 had it,
 *
 *     x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))
 *
 * which is written here with the sigmoid, one pass less: (1 + tanh u)/2 = σ(2u).
 *
 * @see Hendrycks & Gimpel 2016 — https://arxiv.org/abs/1606.08415
 */
export function gelu(x: Tensor, form: GeluForm = 'erf'): Tensor {
  if (form === 'erf') return apply(geluOp, [x], {});
  const slope = 2 * Math.sqrt(2 / Math.PI);
  return mul(x, sigmoid(mul(x, add(slope, mul(slope * 0.044715, mul(x, x))))));
}

/** x · σ(1.702 x), the approximation of `gelu` that OpenAI's CLIP has. */
export const quickGelu = (x: Tensor): Tensor => mul(x, sigmoid(mul(1.702, x)));
/** x · tanh(softplus(x)). See Misra 2019 — https://arxiv.org/abs/1908.08681 */
export const mish = (x: Tensor): Tensor => mul(x, tanh(softplus(x)));

/**
 * x where it is positive, else slope · x.
 *
 * @param slope  in [0, 1]; default 0.01 as in PyTorch, GANs have 0.2
 */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  if (!(slope >= 0 && slope <= 1)) throw new Error(`leakyRelu: the slope must be in [0, 1], got ${slope}`);
  return maximum(x, mul(slope, x));
}
