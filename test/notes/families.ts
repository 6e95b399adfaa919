/** The other families of generative models, each on a distribution small enough to know. */
import { expect } from 'vitest';
import { add, constant, grad, input, log, logSoftmax, mul, sigmoid, sub, sum } from '../../src/core/index.ts';
import { ddim, drainSampler, gaussianDenoiser, type NoiseStream } from '../../src/diffusion/index.ts';
import { allSame, density, linear, row, same, valuesOf, type Checks } from './checks.ts';

const real = [0.5, 0.3, 0.15, 0.05];
const generated = [0.1, 0.2, 0.3, 0.4];

/** The value of the game on four images, and its gradient by the discriminator's logits. */
function game(p: readonly number[], g: readonly number[], logits: readonly number[]) {
  const x = input('logits', [1, 4]);
  const D = sigmoid(x);
  const value = sum(add(mul(constant(row(...p)), log(D)), mul(constant(row(...g)), log(sub(1, D)))));
  const [slope] = grad(value, [x]);
  return valuesOf({ value, slope: slope! }, { logits: { shape: [1, 4], data: Float64Array.from(logits) } });
}
/** The logits of p/(p + g). */
const best = (p: readonly number[], g: readonly number[]) => p.map((value, i) => Math.log(value / g[i]!));
const divergence = (p: readonly number[], q: readonly number[]) =>
  p.reduce((total, value, i) => total + value * Math.log(value / q[i]!), 0);

const none: NoiseStream = { fillNormal: (out) => out };

export const families: Checks = {
  gan() {
    // The generator's best answer is the data's own distribution: there the game is worth −ln 4, and nowhere less.
    const value = (g: readonly number[]) => game(real, g, best(real, g)).value[0]!;
    same(value(real), -Math.log(4));
    for (const other of [generated, [0.45, 0.35, 0.15, 0.05], [0.25, 0.25, 0.25, 0.25]])
      expect(value(other)).toBeGreaterThan(value(real) + 1e-4);
  },
  'gan-optimum'() {
    const logits = best(real, generated);
    const { value, slope } = game(real, generated, logits);
    allSame(slope, [0, 0, 0, 0]);
    allSame(
      logits.map((x) => 1 / (1 + Math.exp(-x))),
      real.map((p, i) => p / (p + generated[i]!)),
      1e-12,
    );
    const middle = real.map((p, i) => (p + generated[i]!) / 2);
    const jsd = (divergence(real, middle) + divergence(generated, middle)) / 2;
    same(value[0]!, 2 * jsd - Math.log(4));
    for (const off of [-0.3, 0.3])
      expect(
        game(
          real,
          generated,
          logits.map((x) => x + off),
        ).value[0]!,
      ).toBeLessThan(value[0]!);
  },
  async vae() {
    // x = α z + σ ε with z ~ N(0, 1): the noising of data that are normal, whose posterior the exact denoiser knows.
    const [t, x] = [300, 0.8];
    const [alpha, variance] = [linear.alpha(t), linear.sigma(t) ** 2];
    const { x0 } = await gaussianDenoiser(linear, { mean: 0, std: 1 })(row(x), [t], {});
    const posterior = { mean: x0.data[0]!, variance: variance / (alpha ** 2 + variance) };
    const likelihood = Math.log(density(x, 0, alpha ** 2 + variance));
    const bound = (mean: number, spread: number) => {
      const reconstruction =
        -0.5 * (Math.log(2 * Math.PI * variance) + ((x - alpha * mean) ** 2 + alpha ** 2 * spread) / variance);
      return reconstruction - 0.5 * (-Math.log(spread) + spread + mean ** 2 - 1);
    };
    same(bound(posterior.mean, posterior.variance), likelihood);
    for (const [off, factor] of [
      [0.3, 1],
      [0, 2],
      [-0.5, 0.5],
    ] as const)
      expect(bound(posterior.mean + off, factor * posterior.variance)).toBeLessThan(likelihood - 1e-3);
  },
  async 'change-of-variables'() {
    // DDIM's map from noise to Gaussian data, in many small steps, is the flow of the ODE.
    const data = { mean: 0.3, std: 0.6 };
    const decode = async (noise: number) =>
      (
        await drainSampler(
          ddim(gaussianDenoiser(linear, data), row(noise), {
            schedule: linear,
            timesteps: Array.from({ length: linear.T }, (_, i) => linear.T - 1 - i),
            streams: [none],
          }),
        )
      ).data[0]!;
    for (const noise of [-0.7, 1.2]) {
      const x = await decode(noise);
      // ∂f/∂x of the inverse is one over the slope of the map.
      const slope = ((await decode(noise + 0.01)) - (await decode(noise - 0.01))) / 0.02;
      const logDensity = Math.log(density(noise, 0, 1)) + Math.log(Math.abs(1 / slope));
      same(logDensity, Math.log(density(x, data.mean, data.std ** 2)), 0.02);
    }
  },
  autoregressive() {
    // Three tokens of two values each: eight texts with any probabilities.
    const { joint } = valuesOf({ joint: logSoftmax(constant(row(0.3, -1, 0.8, 1.1, -0.4, 0.2, 0.9, -0.7))) });
    const token = (x: number, i: number) => (x >> (2 - i)) & 1;
    const begins = (x: number, n: number) =>
      joint.reduce((total, value, other) => {
        const agrees = [0, 1, 2].slice(0, n).every((i) => token(other, i) === token(x, i));
        return agrees ? total + Math.exp(value) : total;
      }, 0);
    same(begins(0, 0), 1);
    for (const [x, value] of joint.entries()) {
      const chain = [0, 1, 2].reduce((total, i) => {
        // The next token's two logits, of which logSoftmax makes probabilities.
        const after = [0, 1].map((next) => Math.log(begins((x & ~(1 << (2 - i))) | (next << (2 - i)), i + 1)));
        return total + valuesOf({ next: logSoftmax(constant(row(...after))) }).next[token(x, i)]!;
      }, 0);
      same(chain, value);
    }
  },
};
