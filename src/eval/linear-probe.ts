/** Linear probing: the accuracy of a linear classifier on a network's features, and of nearest neighbors. */
import { dotOfRows } from './dot-products.ts';
import { minimize } from './l-bfgs.ts';

/** Vectors and their classes. */
export interface LabeledFeatures {
  readonly count: number;
  readonly dim: number;
  /** [count, D] */
  readonly data: ArrayLike<number>;
  /** [count] classes 0 … classes − 1. */
  readonly labels: ArrayLike<number>;
}

/** Options of `linearProbe`. */
export interface ProbeOptions {
  /** C of scikit-learn: the weight of the data against the penalty. */
  readonly inverseRegularization?: number;
  readonly maxIterations?: number;
  /** The search ends when no value of the gradient is larger than this part of the largest at zero. */
  readonly tolerance?: number;
  /** [classes, D + 1] where the search starts; it ends at the same minimum. Default zeros. */
  readonly start?: Float64Array;
}

/** The defaults of `linearProbe`. */
export const probeDefaults = {
  // CLIP's README, for CIFAR-100; the paper sweeps it on validation data.
  inverseRegularization: 0.316,
  // CLIP, appendix A.3
  maxIterations: 1000,
  tolerance: 1e-5,
} as const satisfies ProbeOptions;

/** A linear classifier. */
export interface LinearProbe {
  readonly classes: number;
  readonly dim: number;
  /** [classes, D + 1]: weights, then the bias. */
  readonly weights: Float64Array;
  /** The class of each vector. */
  predict(features: Pick<LabeledFeatures, 'count' | 'dim' | 'data'>): Int32Array;
}

/**
 * Multinomial logistic regression, by L-BFGS in float64:
 *
 *     minimize  C Σ_i −log softmax(W x_i + b)[y_i] + ½ ‖W‖²
 *
 * as scikit-learn's `LogisticRegression` has it: the bias is not penalized.
 *
 * @throws if there are fewer than two classes, labels that are none, or values that are not finite
 * @see Radford et al. 2021, appendix A.3 — https://arxiv.org/abs/2103.00020
 */
export function linearProbe(train: LabeledFeatures, options: ProbeOptions = {}): LinearProbe {
  const {
    inverseRegularization: c,
    maxIterations,
    tolerance: relativeTolerance,
    start,
  } = { ...probeDefaults, ...options };
  const { count, dim, data, labels } = train;
  const classes = checkLabeled('linearProbe', train);
  const width = dim + 1;
  if (start && start.length !== classes * width)
    throw new Error(`linearProbe: start: expected ${classes} × ${width} values, got ${start.length}`);
  // Rows of zeros fill the last four up.
  const rows = new Float64Array(Math.ceil(count / together) * together * dim);
  for (let j = 0; j < data.length; j++) rows[j] = data[j]!;
  const logits = new Float64Array(together * classes);

  const objective = (w: Float64Array, gradient: Float64Array): number => {
    gradient.fill(0);
    let loss = 0;
    for (let first = 0; first < count; first += together) {
      logitsOf(w, rows, first * dim, dim, logits);
      for (let r = 0; r < together; r++)
        loss += lossOf(
          logits.subarray(r * classes, (r + 1) * classes),
          first + r < count ? labels[first + r]! : undefined,
        );
      addProducts(gradient, logits, rows, first * dim, dim);
    }
    let penalty = 0;
    for (let j = 0; j < w.length; j++) {
      const free = j % width === dim;
      gradient[j] = c * gradient[j]! + (free ? 0 : w[j]!);
      if (!free) penalty += w[j]! * w[j]!;
    }
    return c * loss + penalty / 2;
  };

  // By what the gradient is at zero, wherever the search starts: near the minimum it is small already.
  const atZero = new Float64Array(classes * width);
  objective(new Float64Array(classes * width), atZero);
  const tolerance = relativeTolerance * atZero.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  const weights = minimize(objective, start ?? new Float64Array(classes * width), { maxIterations, tolerance }).x;
  return {
    classes,
    dim,
    weights,
    predict(features) {
      if (features.dim !== dim)
        throw new Error(`linearProbe: was fitted to features of ${dim} numbers, these have ${features.dim}`);
      const found = new Int32Array(features.count);
      const four = new Float64Array(together * dim);
      for (let first = 0; first < features.count; first += together) {
        for (let j = 0; j < four.length; j++) four[j] = features.data[first * dim + j] ?? 0;
        logitsOf(weights, four, 0, dim, logits);
        for (let r = 0; r < together && first + r < features.count; r++)
          found[first + r] = largestAt(logits.subarray(r * classes, (r + 1) * classes));
      }
      return found;
    },
  };
}

/**
 * Vectors that the loops below take at once: each weight is read once for all of them, and their sums do not wait for each
 * other. One by one takes twice as long.
 */
const together = 4;

/** Writes W x + b of four rows [4, D] into `out` [4, classes]. */
function logitsOf(w: Float64Array, rows: Float64Array, from: number, dim: number, out: Float64Array): void {
  const classes = out.length / together;
  for (let k = 0; k < classes; k++) {
    const start = k * (dim + 1);
    let s0 = w[start + dim]!;
    let [s1, s2, s3] = [s0, s0, s0];
    for (let d = 0; d < dim; d++) {
      const weight = w[start + d]!;
      s0 += weight * rows[from + d]!;
      s1 += weight * rows[from + dim + d]!;
      s2 += weight * rows[from + 2 * dim + d]!;
      s3 += weight * rows[from + 3 * dim + d]!;
    }
    out[k] = s0;
    out[classes + k] = s1;
    out[2 * classes + k] = s2;
    out[3 * classes + k] = s3;
  }
}

/** Adds rᵀ x of four rows to the gradient [classes, D + 1], r [4, classes] what the loss changes by with each logit. */
function addProducts(
  gradient: Float64Array,
  residuals: Float64Array,
  rows: Float64Array,
  from: number,
  dim: number,
): void {
  const classes = residuals.length / together;
  for (let k = 0; k < classes; k++) {
    const start = k * (dim + 1);
    const [r0, r1, r2, r3] = [
      residuals[k]!,
      residuals[classes + k]!,
      residuals[2 * classes + k]!,
      residuals[3 * classes + k]!,
    ];
    for (let d = 0; d < dim; d++)
      gradient[start + d]! +=
        r0 * rows[from + d]! +
        r1 * rows[from + dim + d]! +
        r2 * rows[from + 2 * dim + d]! +
        r3 * rows[from + 3 * dim + d]!;
    gradient[start + dim]! += r0 + r1 + r2 + r3;
  }
}

/** −log softmax(z)[label]; z becomes its gradient softmax(z) − onehot(label). Of no label both are zero. */
function lossOf(z: Float64Array, label: number | undefined): number {
  if (label === undefined) {
    z.fill(0);
    return 0;
  }
  const largest = z[largestAt(z)]!;
  const wanted = z[label]! - largest;
  let total = 0;
  for (let k = 0; k < z.length; k++) total += z[k] = Math.exp(z[k]! - largest);
  for (let k = 0; k < z.length; k++) z[k]! /= total;
  z[label]! -= 1;
  return Math.log(total) - wanted;
}

/** The place of the largest value, of equal ones the first. */
function largestAt(values: Float64Array): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k;
  return best;
}

/**
 * The class that most of the k nearest training vectors have, by cosine; of classes with as many, that of the nearest.
 *
 * @throws if k is not in 1 … count, or the features do not fit
 */
export function nearestNeighbors(
  train: LabeledFeatures,
  features: Pick<LabeledFeatures, 'count' | 'dim' | 'data'>,
  k: number,
): Int32Array {
  const classes = checkLabeled('nearestNeighbors', train);
  const { count, dim, data, labels } = train;
  if (!Number.isInteger(k) || k < 1 || k > count)
    throw new Error(`nearestNeighbors: k: expected an integer from 1 to ${count}, got ${k}`);
  if (features.dim !== dim)
    throw new Error(`nearestNeighbors: the training features have ${dim} numbers, these ${features.dim}`);
  // The training vectors, and behind them the one that is asked about.
  const rows = new Float64Array((count + 1) * dim);
  for (let i = 0; i < count * dim; i++) rows[i] = data[i]!;
  const lengths = Float64Array.from(
    { length: count },
    (_, i) => Math.sqrt(dotOfRows(rows, i * dim, i * dim, dim)) || 1,
  );
  const cosines = new Float64Array(k);
  const nearest = new Int32Array(k);
  return Int32Array.from({ length: features.count }, (_, row) => {
    for (let d = 0; d < dim; d++) rows[count * dim + d] = features.data[row * dim + d]!;
    cosines.fill(-Infinity);
    for (let i = 0; i < count; i++) {
      const cosine = dotOfRows(rows, i * dim, count * dim, dim) / lengths[i]!;
      if (!(cosine > cosines[k - 1]!)) continue;
      // Behind those that are as near: they came first.
      let place = k - 1;
      for (; place > 0 && cosines[place - 1]! < cosine; place--) {
        cosines[place] = cosines[place - 1]!;
        nearest[place] = nearest[place - 1]!;
      }
      cosines[place] = cosine;
      nearest[place] = i;
    }
    const votes = new Uint32Array(classes);
    for (const i of nearest) votes[labels[i]!]!++;
    const most = votes.reduce((a, b) => Math.max(a, b), 0);
    return labels[nearest.find((i) => votes[labels[i]!] === most)!]!;
  });
}

/** The number of classes. */
function checkLabeled(name: string, { count, dim, data, labels }: LabeledFeatures): number {
  if (count === 0 || data.length !== count * dim || labels.length !== count)
    throw new Error(`${name}: ${data.length} values and ${labels.length} labels do not fit ${count} vectors of ${dim}`);
  let classes = 0;
  for (let i = 0; i < count; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0)
      throw new Error(`${name}: label ${i}: expected a class from 0, got ${label}`);
    classes = Math.max(classes, label + 1);
  }
  if (classes < 2) throw new Error(`${name}: there is only one class; a probe needs two or more`);
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i])) throw new Error(`${name}: vector ${Math.floor(i / dim)} is not finite`);
  return classes;
}
