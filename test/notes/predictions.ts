/** What a network predicts: mixtures of image and noise, v, rectified flow, EDM. */
import { float32, type FloatArray } from '../../src/core/index.ts';
import {
  edmCoefficients,
  edmPreconditioning,
  edmSchedule,
  euler,
  flowPreconditioning,
  flowSchedule,
  fromOutput,
  fromPrediction,
  targetOf,
} from '../../src/diffusion/index.ts';
import { coarse, row, same, slopeAt, type Checks } from './checks.ts';

const [x0, eps] = [0.7, -1.3];
const flow = flowSchedule();
const sigmas = [0.01, 0.5, 7];
const sigmaData = 0.5;

export const predictions: Checks = {
  prediction() {
    const [alpha, sigma] = [coarse.alpha(4), coarse.sigma(4)];
    const F = Object.fromEntries(
      Object.entries(targetOf).map(([name, target]) => {
        const [a, b] = target(alpha, sigma);
        return [name, a * x0 + b * eps];
      }),
    );
    same(F['epsilon']!, eps, 0);
    same(F['sample']!, x0, 0);
    same(F['v_prediction']!, alpha * eps - sigma * x0, 0);
    same(F['flow_prediction']!, eps - x0, 0);
  },
  'prediction-solved'() {
    for (const [a, b, alpha, sigma] of [
      [0.3, 0.9, 0.6, 0.8],
      [-1, 1, 0.2, 0.8],
      [1.7, -0.4, 1, 5],
    ] as const) {
      const xt = alpha * x0 + sigma * eps;
      const F = a * x0 + b * eps;
      const d = alpha * b - sigma * a;
      const solved = fromOutput([a, b], alpha, sigma);
      same(solved.x0[0] * xt + solved.x0[1] * F, (b * xt - sigma * F) / d, 1e-12);
      same(solved.eps[0] * xt + solved.eps[1] * F, (alpha * F - a * xt) / d, 1e-12);
      same(solved.x0[0] * xt + solved.x0[1] * F, x0, 1e-12);
      same(solved.eps[0] * xt + solved.eps[1] * F, eps, 1e-12);
    }
  },
  'v-prediction'() {
    for (const t of [1, 4, 8]) {
      const phi = Math.atan2(coarse.sigma(t), coarse.alpha(t));
      const [a, b] = targetOf.v_prediction(coarse.alpha(t), coarse.sigma(t));
      const onArc = (angle: number) => Math.cos(angle) * x0 + Math.sin(angle) * eps;
      same(slopeAt(onArc, phi), a * x0 + b * eps);
      same(a * x0 + b * eps, coarse.alpha(t) * eps - coarse.sigma(t) * x0, 1e-12);
    }
  },
  'v-solved'() {
    for (const [alpha, sigma] of [
      [coarse.alpha(4), coarse.sigma(4)],
      // Where no signal is left, v still says what x_0 is.
      [0, 1],
    ] as const) {
      const [v, xt] = [alpha * eps - sigma * x0, alpha * x0 + sigma * eps];
      const solved = fromOutput(targetOf.v_prediction(alpha, sigma), alpha, sigma);
      same(solved.x0[0] * xt + solved.x0[1] * v, alpha * xt - sigma * v, 1e-12);
      same(solved.eps[0] * xt + solved.eps[1] * v, sigma * xt + alpha * v, 1e-12);
      same(alpha * xt - sigma * v, x0, 1e-12);
      same(sigma * xt + alpha * v, eps, 1e-12);
    }
  },
  'flow-line'() {
    for (const t of [0, 0.25, 1]) same(flow.alpha(t) * x0 + flow.sigma(t) * eps, (1 - t) * x0 + t * eps, 1e-12);
  },
  'flow-velocity'() {
    const [a, b] = flowPreconditioning().target(0.4);
    same(
      slopeAt((t) => flow.alpha(t) * x0 + flow.sigma(t) * eps, 0.4),
      a * x0 + b * eps,
    );
    same(a * x0 + b * eps, eps - x0, 0);
  },
  async 'flow-step'() {
    const [t, s, xt] = [0.8, 0.3, 0.9];
    const velocity = (x: number) => 0.5 - 0.4 * x;
    const denoise = fromPrediction(
      async (x: FloatArray) => float32(x.shape, x.data.map(velocity)),
      flow,
      flowPreconditioning(),
    );
    const { value } = await euler(denoise, row(xt), { schedule: flow, timesteps: [t, s], streams: [noDraws] }).next();
    const known = await denoise(row(xt), [t], {});
    same(value!.xt.data[0]!, xt + (s - t) * velocity(xt));
    same(value!.xt.data[0]!, (1 - s) * known.x0.data[0]! + s * known.eps.data[0]!);
  },
  async 'edm-denoiser'() {
    const F = (x: number, time: number) => 0.3 * x - 0.2 * time;
    const denoise = fromPrediction(
      async (x, t) =>
        float32(
          x.shape,
          x.data.map((value) => F(value, t[0]!)),
        ),
      edmSchedule(),
      edmPreconditioning({ sigmaData }),
    );
    for (const sigma of sigmas) {
      const { cSkip, cOut, cIn, cNoise } = edmCoefficients(sigma, sigmaData);
      const x = x0 + sigma * eps;
      same((await denoise(row(x), [sigma], {})).x0.data[0]!, cSkip * x + cOut * F(cIn * x, cNoise), 1e-5);
      same(cNoise, Math.log(sigma) / 4, 0);
    }
  },
  'edm-input'() {
    for (const sigma of sigmas) {
      const { cIn } = edmCoefficients(sigma, sigmaData);
      same(cIn, 1 / Math.sqrt(sigma ** 2 + sigmaData ** 2), 1e-12);
      same(cIn ** 2 * (sigma ** 2 + sigmaData ** 2), 1, 1e-12);
      same(edmPreconditioning({ sigmaData }).inputScale(sigma), cIn, 0);
    }
  },
  'edm-target'() {
    for (const sigma of sigmas) {
      const { cSkip, cOut } = edmCoefficients(sigma, sigmaData);
      const [a, b] = edmPreconditioning({ sigmaData }).target(sigma);
      same(a * x0 + b * eps, (x0 - cSkip * (x0 + sigma * eps)) / cOut, 1e-9);
      same(a * x0 + b * eps, ((1 - cSkip) * x0 - cSkip * sigma * eps) / cOut, 1e-9);
    }
  },
  'edm-output'() {
    for (const sigma of sigmas) {
      const { cSkip, cOut } = edmCoefficients(sigma, sigmaData);
      const [a, b] = edmPreconditioning({ sigmaData }).target(sigma);
      same(a ** 2 * sigmaData ** 2 + b ** 2, 1, 1e-12);
      same(cOut ** 2 / ((1 - cSkip) ** 2 * sigmaData ** 2 + cSkip ** 2 * sigma ** 2), 1, 1e-12);
    }
  },
  'edm-skip'() {
    for (const sigma of sigmas) {
      const { cSkip, cOut } = edmCoefficients(sigma, sigmaData);
      const squared = (c: number) => (1 - c) ** 2 * sigmaData ** 2 + c ** 2 * sigma ** 2;
      same(-(1 - cSkip) * sigmaData ** 2 + cSkip * sigma ** 2, 0, 1e-12);
      same(slopeAt(squared, cSkip), 0, 1e-9);
      for (const other of [cSkip - 0.1, cSkip + 0.1]) same(Math.sign(squared(other) - squared(cSkip)), 1, 0);
      same(cSkip, sigmaData ** 2 / (sigma ** 2 + sigmaData ** 2), 1e-12);
      same(cOut, (sigma * sigmaData) / Math.sqrt(sigma ** 2 + sigmaData ** 2), 1e-12);
    }
  },
  'edm-weight'() {
    for (const sigma of sigmas) {
      const { cSkip, cOut } = edmCoefficients(sigma, sigmaData);
      const [a, b] = edmPreconditioning({ sigmaData }).target(sigma);
      const [F, said] = [a * x0 + b * eps, 0.4];
      const D = cSkip * (x0 + sigma * eps) + cOut * said;
      same((D - x0) ** 2 / cOut ** 2, (said - F) ** 2, 1e-9);
    }
  },
};

/** A sampler without noise draws none. */
const noDraws = {
  fillNormal(): never {
    throw new Error('nothing should be drawn');
  },
};
