/** The variational bound and the simple loss, where everything is Gaussian and known; Algorithm 1. */
import { expect } from 'vitest';
import { float32, grad, sum, input } from '../../src/core/index.ts';
import {
  fromOutput,
  fromPrediction,
  gaussianDenoiser,
  gaussianIrreducibleLoss,
  posterior,
  posteriorMean,
  qSample,
  qStep,
  reverseVariances,
  scheduleFromBetas,
  targetOf,
} from '../../src/diffusion/index.ts';
import { likelihoodTerm } from '../../src/eval/bits-per-dimension.ts';
import { denoisingInputs, denoisingLoss } from '../../src/pipelines/index.ts';
import { emaUpdate } from '../../src/train/steps/ema.ts';
import {
  coarse,
  density,
  integrated,
  linear,
  moments,
  normals,
  row,
  same,
  steps,
  valuesOf,
  type Checks,
} from './checks.ts';
import { scalingContext, scalingNetwork } from './scaling-network.ts';

/** Four steps, data N(0.2, 0.5²), and the best reverse process with the variance β_t. */
const schedule = scheduleFromBetas(Float64Array.of(0.1, 0.3, 0.5, 0.8));
const times = [3, 2, 1, 0];
const variances = reverseVariances(schedule, times, 'fixed_large');
const x0 = 0.7;

const logNormal = (x: number, mean: number, variance: number) => Math.log(density(x, mean, variance));
/** E of −ln N over what is off by `mean` on average, with a variance of its own. */
const crossEntropy = (mean: number, spread: number, variance: number) =>
  0.5 * (Math.log(2 * Math.PI * variance) + (mean ** 2 + spread) / variance);
const gaussianKl = (mean1: number, variance1: number, mean2: number, variance2: number) =>
  0.5 * (Math.log(variance2 / variance1) + (variance1 + (mean1 - mean2) ** 2) / variance2 - 1);

/** The reverse process as affine maps: x_{t−1} = slope · x_t + shift + √variance z. */
async function reverseSteps() {
  const denoise = gaussianDenoiser(schedule, { mean: 0.2, std: 0.5 });
  const mean = async (t: number, xt: number) =>
    posteriorMean(schedule, (await denoise(row(xt), [t], {})).x0, row(xt), t, t - 1).data[0]!;
  return Promise.all(
    times.map(async (t, i) => {
      const shift = await mean(t, 0);
      return { t, shift, slope: (await mean(t, 1)) - shift, variance: variances[i]! };
    }),
  );
}
type ReverseStep = Awaited<ReturnType<typeof reverseSteps>>[number];

const q = (t: number) => ({ mean: schedule.alpha(t) * x0, variance: schedule.sigma(t) ** 2 });

/** −ln p_θ(x_0): the model's own marginal is Gaussian. */
function negativeLogLikelihood(reverse: readonly ReverseStep[]): number {
  let [mean, variance] = [0, 1];
  for (const step of reverse)
    [mean, variance] = [step.slope * mean + step.shift, step.slope ** 2 * variance + step.variance];
  return -logNormal(x0, mean, variance);
}

/** L as a sum over the steps of both chains. */
function boundBySteps(reverse: readonly ReverseStep[]): number {
  const last = q(3);
  let bound = crossEntropy(last.mean, last.variance, 1);
  for (const { t, slope, shift, variance } of reverse) {
    const [here, before] = [q(t), q(t - 1)];
    const covariance = Math.sqrt(1 - schedule.betas[t]!) * before.variance;
    bound += crossEntropy(
      before.mean - slope * here.mean - shift,
      before.variance + slope ** 2 * here.variance - 2 * slope * covariance,
      variance,
    );
    bound -= crossEntropy(0, schedule.betas[t]!, schedule.betas[t]!);
  }
  return bound;
}

/** L as L_T, the divergences of the steps, and L_0. */
function boundByTerms(reverse: readonly ReverseStep[]): number {
  const last = q(3);
  let bound = gaussianKl(last.mean, last.variance, 0, 1);
  for (const { t, slope, shift, variance } of reverse) {
    const here = q(t);
    if (t === 0) bound += crossEntropy(x0 - slope * here.mean - shift, slope ** 2 * here.variance, variance);
    else {
      const c = posterior(schedule, t, t - 1);
      // The means are affine in x_t, whose mean and variance are known.
      const off = c.x0 * x0 + (c.xt - slope) * here.mean - shift;
      bound += gaussianKl(off, c.variance, 0, variance) + ((c.xt - slope) ** 2 * here.variance) / (2 * variance);
    }
  }
  return bound;
}

/** Paths of the forward process from x_0, by the code's own steps, each with ln p_θ − ln q. */
function pathRatios(reverse: readonly ReverseStep[], count: number): Float64Array {
  const ratios = new Float64Array(count);
  let x = float32([1, count], new Float32Array(count).fill(x0));
  for (let t = 0; t < schedule.T; t++) {
    const { slope, shift, variance } = reverse.find((step) => step.t === t)!;
    const next = qStep(schedule, x, [t], float32([1, count], normals(count, `path ${t}`)));
    const [alpha, beta] = [1 - schedule.betas[t]!, schedule.betas[t]!];
    for (let i = 0; i < count; i++)
      ratios[i]! +=
        logNormal(x.data[i]!, slope * next.data[i]! + shift, variance) -
        logNormal(next.data[i]!, Math.sqrt(alpha) * x.data[i]!, beta);
    x = next;
  }
  for (let i = 0; i < count; i++) ratios[i]! += logNormal(x.data[i]!, 0, 1);
  return ratios;
}

/** L_{t−1} in nats by the code, for one value, with the variance β_t. */
function term(t: number, image: number, estimate: number): number {
  const denoised = { x0: row(estimate), eps: row(0) };
  return (
    likelihoodTerm({ schedule: coarse, varianceType: 'fixed_large', seed: 0 }, row(image), denoised, t, 0) * Math.LN2
  );
}

export const loss: Checks = {
  async 'reverse-model'() {
    // With the exact denoiser the model's marginal at x_0 is nearly the data's, the nearer the more steps.
    const reverse = await reverseSteps();
    let [mean, variance] = [0, 1];
    for (const step of reverse)
      [mean, variance] = [step.slope * mean + step.shift, step.slope ** 2 * variance + step.variance];
    same(mean, 0.2, 0.05);
    expect(variance).toBeGreaterThan(0.2);
    expect(variance).toBeLessThan(0.4);
    reverse.slice(0, -1).forEach((step) => same(step.variance, schedule.betas[step.t]!, 1e-12));
  },
  async jensen() {
    const reverse = await reverseSteps();
    const exact = negativeLogLikelihood(reverse);
    const ratios = pathRatios(reverse, 100_000);
    // The expectation of the ratio is the likelihood; that of its logarithm is less.
    const likelihood = ratios.reduce((total, value) => total + Math.exp(value), 0) / ratios.length;
    same(-Math.log(likelihood), exact, 0.02);
    expect(boundBySteps(reverse)).toBeGreaterThan(exact + 0.01);
  },
  async 'bound-sum'() {
    const reverse = await reverseSteps();
    const { mean, variance } = moments(pathRatios(reverse, 100_000));
    same(-mean, boundBySteps(reverse), 4 * Math.sqrt(variance / 100_000));
  },
  'bound-bayes'() {
    for (const t of [1, 2, 3])
      for (const [before, here] of [
        [0.3, -0.2],
        [-1, 0.8],
      ] as const) {
        const c = posterior(schedule, t, t - 1);
        const forward = density(here, Math.sqrt(1 - schedule.betas[t]!) * before, schedule.betas[t]!);
        const turned =
          (density(before, c.x0 * x0 + c.xt * here, c.variance) * density(here, q(t).mean, q(t).variance)) /
          density(before, q(t - 1).mean, q(t - 1).variance);
        same(turned / forward, 1, 1e-9);
      }
  },
  'bound-telescope'() {
    const path = [0.4, -0.1, 0.9, -1.2];
    const log = (t: number) => logNormal(path[t]!, q(t).mean, q(t).variance);
    same(
      [1, 2, 3].reduce((total, t) => total + log(t) - log(t - 1), 0),
      log(3) - log(0),
      1e-12,
    );
  },
  async 'bound-terms'() {
    const reverse = await reverseSteps();
    same(boundByTerms(reverse), boundBySteps(reverse));
  },
  'kl-gaussians'() {
    const [mean1, variance1, mean2, variance2] = [0.3, 0.4, -0.2, 0.7];
    const log = (x: number) => logNormal(x, mean1, variance1) - logNormal(x, mean2, variance2);
    same(integrated((x) => density(x, mean1, variance1) * log(x)).mass, gaussianKl(mean1, variance1, mean2, variance2));
    // The code's term: the posterior against the model's step, whose mean is off by x̂_0's error.
    for (const t of [1, 4, 8]) {
      const c = posterior(coarse, t, t - 1);
      same(term(t, 0.7, 0.4), gaussianKl(c.x0 * 0.7, c.variance, c.x0 * 0.4, coarse.betas[t]!));
    }
  },
  'term-mean'() {
    for (const t of [1, 4, 8]) {
      const mean = (estimate: number) => posteriorMean(coarse, row(estimate), row(-0.3), t, t - 1).data[0]!;
      same(term(t, 0.7, 0.4) - term(t, 0.7, 0.7), (mean(0.7) - mean(0.4)) ** 2 / (2 * coarse.betas[t]!), 1e-5);
    }
  },
  async 'mean-parameterization'() {
    for (const { schedule: each, t, alpha, beta, bar } of steps) {
      const eps = 0.45;
      const denoise = fromPrediction(
        async (x) =>
          float32(
            x.shape,
            x.data.map(() => eps),
          ),
        each,
        'epsilon',
      );
      const { x0: estimate } = await denoise(row(0.2), [t], {});
      same(
        posteriorMean(each, estimate, row(0.2), t, t - 1).data[0]!,
        (0.2 - (beta / Math.sqrt(1 - bar)) * eps) / Math.sqrt(alpha),
        1e-6 / Math.sqrt(alpha),
      );
    }
  },
  'weighted-loss'() {
    for (const t of [1, 4, 8]) {
      const [eps, said] = [0.8, 0.5];
      const xt = qSample(coarse, row(0.7), [t], row(eps)).data[0]!;
      const { x0: factors } = fromOutput(targetOf.epsilon(0, 0), coarse.alpha(t), coarse.sigma(t));
      const estimate = factors[0] * xt + factors[1] * said;
      const [beta, bar] = [coarse.betas[t]!, coarse.alphaBar(t)];
      const weight = beta ** 2 / (2 * beta * (1 - beta) * (1 - bar));
      same((term(t, 0.7, estimate) - term(t, 0.7, 0.7)) / (weight * (eps - said) ** 2), 1, 1e-4);
    }
  },
  'simple-loss'() {
    const network = scalingNetwork(2);
    const losses = denoisingLoss(network, scalingContext(network), 1);
    const [image, eps, w, t] = [[0.7, -0.1], [-1.3, 0.4], 0.6, 400];
    const leaves = {
      weight: row(w),
      x0: row(...image),
      noise: row(...eps),
      timestep: float32([1], [t]),
      signalScale: float32([1], [linear.alpha(t)]),
      noiseScale: float32([1], [linear.sigma(t)]),
    };
    const xt = qSample(linear, row(...image), [t], row(...eps)).data;
    // The code takes the mean over the values.
    const expected = (eps[0]! - w * xt[0]!) ** 2 + (eps[1]! - w * xt[1]!) ** 2;
    same(2 * valuesOf({ losses }, leaves).losses[0]!, expected);
  },
  async 'irreducible-loss'() {
    const [count, s] = [20_000, 0.5];
    const denoise = gaussianDenoiser(coarse, { mean: 0, std: s });
    const images = float32(
      [1, count],
      normals(count, 'images').map((z) => s * z),
    );
    const noise = float32([1, count], normals(count, 'noise'));
    for (const t of [1, 4, 8]) {
      const bar = coarse.alphaBar(t);
      const closed = (bar * s ** 2) / (bar * s ** 2 + 1 - bar);
      same(gaussianIrreducibleLoss(coarse, t, s), closed, 1e-12);
      const errorOf = async (scale: number) => {
        const { eps } = await denoise(qSample(coarse, images, [t], noise), [t], {});
        return eps.data.reduce((total, value, i) => total + (noise.data[i]! - scale * value) ** 2, 0) / count;
      };
      const best = await errorOf(1);
      expect(Math.abs(best / closed - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
      for (const scale of [0.8, 1.2]) expect(await errorOf(scale)).toBeGreaterThan(best);
    }
  },
  'algorithm-1-draw'() {
    const count = 20_000;
    const image = float32([count, 1], new Float32Array(count).fill(0.7));
    const drawn = denoisingInputs({ x0: image }, { seed: 0, batch: 3 });
    const t = Float64Array.from(drawn['timestep']!.data as Float32Array);
    expect(Math.min(...t)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...t)).toBeLessThanOrEqual(999);
    same(moments(t).mean, 499.5, 4 / Math.sqrt(12 * count));
    same(moments(t).variance, (1000 ** 2 - 1) / 12, 0.03);
    const noise = moments(drawn['noise']!.data as Float32Array);
    same(noise.mean, 0, 4 / Math.sqrt(count));
    same(noise.variance, 1, 4 * Math.sqrt(2 / count));
    for (const i of [0, 1, 2]) {
      same((drawn['signalScale']!.data as Float32Array)[i]!, Math.sqrt(linear.alphaBar(t[i]!)));
      same((drawn['noiseScale']!.data as Float32Array)[i]!, Math.sqrt(1 - linear.alphaBar(t[i]!)));
    }
  },
  'algorithm-1-gradient'() {
    const network = scalingNetwork(2);
    const ctx = scalingContext(network);
    const total = sum(denoisingLoss(network, ctx, 3));
    const [gradient] = grad(total, [ctx.parameters.get('weight')!]);
    const inputs = denoisingInputs(
      { x0: float32([3, 2], [0.7, -0.1, 0.3, 0.9, -0.5, 0.2]) },
      { seed: 0, batch: 0 },
    ) as Record<string, ReturnType<typeof row>>;
    const at = (w: number) =>
      valuesOf({ total, gradient: gradient! }, { ...inputs, weight: { shape: [1, 1], data: Float64Array.of(w) } });
    const numeric = (at(0.6 + 1e-4).total[0]! - at(0.6 - 1e-4).total[0]!) / 2e-4;
    same(at(0.6).gradient[0]!, numeric);
    // A step against the gradient makes the loss smaller.
    expect(at(0.6 - 0.1 * numeric).total[0]!).toBeLessThan(at(0.6).total[0]!);
  },
  ema() {
    const scalar = (name: string) => input(name, [1, 1]);
    const updated = emaUpdate(scalar('average'), scalar('value'), scalar('oneMinusDecay'));
    const d = 0.9;
    const { updated: next } = valuesOf({ updated }, { average: row(2), value: row(3), oneMinusDecay: row(1 - d) });
    same(next[0]!, 2 + (1 - d) * (3 - 2));
    same(next[0]!, d * 2 + (1 - d) * 3);
  },
};
