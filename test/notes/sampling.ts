/** Algorithm 2, DDIM and guidance. */
import { float32, RandomStream, type FloatArray } from '../../src/core/index.ts';
import {
  classConditions,
  classifierFreeGuidance,
  classifierGuidance,
  classLabelsOf,
  ddim,
  ddpm,
  euler,
  fromPrediction,
  gaussianDenoiser,
  gaussianIrreducibleLoss,
  initialNoise,
  mixtureDenoiser,
  posterior,
  reverseVariances,
  timesteps,
  type Denoiser,
  type NoiseStream,
  type SamplerState,
} from '../../src/diffusion/index.ts';
import { allSame, coarse, density, moments, row, same, slopeAt, steps, type Checks } from './checks.ts';

/** What a network might say: something that depends on x_t and t. */
const said = (x: number, t: number) => 0.3 * x + 0.01 * t;
const network = (clip?: number): Denoiser =>
  fromPrediction(
    async (xt, t) =>
      float32(
        xt.shape,
        xt.data.map((x) => said(x, t[0]!)),
      ),
    coarse,
    'epsilon',
    { clip },
  );

/** A stream whose draws are known. */
function known(draws: readonly number[]): NoiseStream {
  let at = 0;
  return {
    fillNormal(out, start = 0, end = out.length) {
      for (let i = start; i < end; i++) out[i] = draws[at++]!;
      return out;
    },
  };
}

const draws = [0.5, -1.2, 0.1, 0.8, -0.3, 1.5, -0.7, 0.2, 0.9, -0.4];

async function statesOf(states: AsyncIterable<SamplerState>): Promise<number[]> {
  const values: number[] = [];
  for await (const { xt } of states) values.push(xt.data[0]!);
  return values;
}

/** The reverse process by all steps, written as in the paper: t from T down to 1. */
function byHand(xT: number, step: (x: number, t: number, z: number) => number): number[] {
  let x = xT;
  const values: number[] = [];
  for (let t = coarse.T - 1; t >= 0; t--) values.push((x = step(x, t, t > 0 ? draws[coarse.T - 1 - t]! : 0)));
  return values;
}

const allSteps = { schedule: coarse, timesteps: timesteps(coarse.T, coarse.T) };

/** Two classes on a line, known exactly; 2 is the null label. */
const components = [
  { mean: [-0.6], std: 0.5 },
  { mean: [0.6], std: 0.3 },
];
const classDenoiser: Denoiser = (xt, t, options) => {
  const [label] = classLabelsOf(options.conditions) ?? [2];
  return mixtureDenoiser(coarse, label === 2 ? components : [components[label!]!])(xt, t, options);
};
const guided = (scale: number) =>
  classifierFreeGuidance(classDenoiser, { schedule: coarse, scale, nothing: classConditions([2]) });

const conditional = (t: number, k: number) => (x: number) =>
  density(
    x,
    coarse.alpha(t) * components[k]!.mean[0]!,
    coarse.alphaBar(t) * components[k]!.std ** 2 + coarse.sigma(t) ** 2,
  );
const unconditional = (t: number) => (x: number) => (conditional(t, 0)(x) + conditional(t, 1)(x)) / 2;
/** ln p(class 1 | x_t). */
const logClass = (t: number) => (x: number) => Math.log(conditional(t, 1)(x) / (2 * unconditional(t)(x)));

const ofClass = { conditions: classConditions([1]) };
const at: FloatArray = row(0.25);

export const sampling: Checks = {
  'algorithm-2-start'() {
    const streams = Array.from({ length: 4 }, (_, i) => new RandomStream(7, 'sample', i));
    const { mean, variance } = moments(initialNoise([4, 5000], streams).data);
    same(mean, 0, 4 / Math.sqrt(20_000));
    same(variance, 1, 4 * Math.sqrt(2 / 20_000));
  },
  async 'algorithm-2-line-4'() {
    const states = await statesOf(
      ddpm(network(), row(0.9), { ...allSteps, streams: [known(draws)], varianceType: 'fixed_small' }),
    );
    const paper = byHand(0.9, (x, t, z) => {
      const [alpha, bar, before] = [1 - coarse.betas[t]!, coarse.alphaBar(t), coarse.alphaBar(t - 1)];
      const sigma = Math.sqrt(((1 - before) / (1 - bar)) * (1 - alpha));
      return (x - ((1 - alpha) / Math.sqrt(1 - bar)) * said(x, t)) / Math.sqrt(alpha) + sigma * z;
    });
    // The first step divides by √α of a thousandth; errors of float32 grow with it.
    allSame(states, paper, 1e-4);
  },
  async 'algorithm-2-x0'() {
    const states = await statesOf(
      ddpm(network(1), row(2.5), { ...allSteps, streams: [known(draws)], varianceType: 'fixed_large' }),
    );
    const variances = reverseVariances(coarse, allSteps.timesteps, 'fixed_large');
    let clipped = 0;
    const paper = byHand(2.5, (x, t, z) => {
      const [alpha, bar, before] = [1 - coarse.betas[t]!, coarse.alphaBar(t), coarse.alphaBar(t - 1)];
      const estimate = (x - Math.sqrt(1 - bar) * said(x, t)) / Math.sqrt(bar);
      if (Math.abs(estimate) > 1) clipped++;
      const held = Math.min(1, Math.max(-1, estimate));
      const mean =
        ((Math.sqrt(before) * (1 - alpha)) / (1 - bar)) * held + ((Math.sqrt(alpha) * (1 - before)) / (1 - bar)) * x;
      return mean + Math.sqrt(variances[coarse.T - 1 - t]!) * z;
    });
    allSame(states, paper, 1e-5);
    same(Math.min(clipped, 1), 1, 0);
  },
  'reverse-variance'() {
    for (const { schedule, t, alpha, beta, bar, barBefore } of steps)
      for (const s of [0.3, 0.8]) {
        const v = barBefore * s ** 2 + 1 - barBefore;
        const c = posterior(schedule, t, t - 1);
        // The posterior's own variance, and what not knowing x_0 adds to its mean.
        const unknown = (gaussianIrreducibleLoss(schedule, t, s) * (1 - bar)) / bar;
        same((c.variance + c.x0 ** 2 * unknown) * (1 / v + alpha / beta), 1, 1e-9);
      }
  },
  'sigma-choices'() {
    for (const { schedule, t, alpha, beta, bar, barBefore } of steps) {
      const variance = (type: 'fixed_small' | 'fixed_large') => reverseVariances(schedule, [t, t - 1], type)[0]!;
      const exact = (s: number) => 1 / (1 / (barBefore * s ** 2 + 1 - barBefore) + alpha / beta);
      same(variance('fixed_small') / (((1 - barBefore) / (1 - bar)) * beta), 1, 1e-9);
      same(variance('fixed_small') / exact(0), 1, 1e-9);
      same(variance('fixed_large') / beta, 1, 1e-9);
      same(variance('fixed_large') / exact(1), 1, 1e-9);
    }
  },
  async ddim() {
    const [t, s, eta, z] = [8, 3, 0.7, -0.6];
    const [first] = await statesOf(
      ddim(network(), row(0.9), { schedule: coarse, timesteps: [t, s], streams: [known([z, 0])], eta }),
    );
    const c = eta * Math.sqrt(posterior(coarse, t, s).variance);
    const eps = said(0.9, t);
    const estimate = (0.9 - coarse.sigma(t) * eps) / coarse.alpha(t);
    const bar = coarse.alphaBar(s);
    same(first!, Math.sqrt(bar) * estimate + Math.sqrt(1 - bar - c ** 2) * eps + c * z, 1e-5);
  },
  async 'ddim-marginal'() {
    // Data that are a single point: the denoiser knows x_0, and what is left is the marginal of q.
    const [count, x0, t, s] = [10_000, 0.7, 8, 3];
    const streams = [new RandomStream(0, 'marginal')];
    const start = initialNoise([1, count], streams);
    const xt = float32(
      [1, count],
      start.data.map((z) => coarse.alpha(t) * x0 + coarse.sigma(t) * z),
    );
    for (const eta of [0, 0.5, 1]) {
      const states = ddim(gaussianDenoiser(coarse, { mean: x0, std: 0 }), xt, {
        schedule: coarse,
        timesteps: [t, s],
        streams,
        eta,
      });
      const { mean, variance } = moments((await states.next()).value!.xt.data);
      same(mean, coarse.alpha(s) * x0, 4 / Math.sqrt(count));
      same(variance, 1 - coarse.alphaBar(s), 4 * Math.sqrt(2 / count));
      const c2 = eta ** 2 * posterior(coarse, t, s).variance;
      same(1 - coarse.alphaBar(s) - c2 + c2, coarse.sigma(s) ** 2, 1e-12);
    }
  },
  'ddim-eta'() {
    for (const [t, s] of [
      [8, 7],
      [8, 3],
      [4, 0],
    ] as const) {
      const [bar, before] = [coarse.alphaBar(t), coarse.alphaBar(s)];
      const c = Math.sqrt((1 - before) / (1 - bar)) * Math.sqrt(1 - bar / before);
      same(c ** 2, posterior(coarse, t, s).variance, 1e-12);
    }
  },
  async 'ddim-ode'() {
    const [t, s] = [8, 3];
    const [first] = await statesOf(
      euler(network(), row(0.9), { schedule: coarse, timesteps: [t, s], streams: [known([])] }),
    );
    const [bar, before] = [coarse.alphaBar(t), coarse.alphaBar(s)];
    const moved = 0.9 / Math.sqrt(bar) + (Math.sqrt((1 - before) / before) - Math.sqrt((1 - bar) / bar)) * said(0.9, t);
    same(first! / Math.sqrt(before), moved, 1e-5);
  },
  async 'guidance-bayes'() {
    for (const t of [1, 4, 8]) {
      const slopes = [unconditional(t), conditional(t, 1)].map((p) => slopeAt((x) => Math.log(p(x)), 0.25));
      const classifier = slopeAt(logClass(t), 0.25);
      same(slopes[1]!, slopes[0]! + classifier);
      // The code's classifier guidance turns the unconditional denoiser into the conditional one.
      const following = classifierGuidance(classDenoiser, coarse, async () => row(classifier), 1);
      const { eps } = await following(at, [t], {});
      same(eps.data[0]!, (await classDenoiser(at, [t], ofClass)).eps.data[0]!, 1e-5);
    }
  },
  async guidance() {
    for (const t of [1, 4, 8]) {
      const [without, within] = [{}, ofClass].map((options) => classDenoiser(at, [t], options));
      const [e0, e1] = [(await without!).eps.data[0]!, (await within!).eps.data[0]!];
      for (const s of [0, 1, 3]) same((await guided(s)(at, [t], ofClass)).eps.data[0]!, e0 + s * (e1 - e0));
    }
  },
  async 'guidance-density'() {
    for (const t of [1, 4, 8])
      for (const s of [1, 3]) {
        const slope = slopeAt((x) => Math.log(unconditional(t)(x)) + s * logClass(t)(x), 0.25);
        same(-(await guided(s)(at, [t], ofClass)).eps.data[0]! / coarse.sigma(t), slope, 1e-5);
      }
    // By Bayes p(x_t) p(c | x_t) is the conditional density times p(c).
    same(unconditional(4)(0.25) * Math.exp(logClass(4)(0.25)), conditional(4, 1)(0.25) / 2, 1e-12);
  },
};
