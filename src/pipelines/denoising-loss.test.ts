/**
 * The loss as training builds it (`denoisingInputs` into the graph of `denoisingLoss`), where its value is known: of a network that says
 * nothing, and of one that is the exact denoiser.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  add,
  cast,
  concat,
  constant,
  createInterpreter,
  div,
  exp,
  float32,
  full,
  gather,
  mean,
  mul,
  oneHot,
  program,
  RandomStream,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from '../core/index.ts';
import { imagesInMemory, unitToByte, type Dataset } from '../data/index.ts';
import {
  networkProcess,
  objectiveDefaults,
  schedulerConfig,
  timestepDistribution,
  type Objective,
  type SchedulerOptions,
} from '../diffusion/index.ts';
import { UNet2DModel, type UNet2DOptions } from '../models/index.ts';
import { bind, initialValues, type Context } from '../nn/index.ts';
import { denoisingInputs, denoisingLoss, type NoisedBatch } from './denoising-loss.ts';
import { imageExamples } from './denoising-task.ts';
import type { ImageShape } from './image-sampler.ts';

const imageShape: ImageShape = [1, 8, 8];
const D = 64;
const B = 64;
/** Pixels are N(μ_k, s²), μ_k the mean of their class. Bytes round that by 1/255 and cut it where it is three deviations out: s² is right to a thousandth. */
const s = 0.25;
const classMeans = [-0.25, 0.25] as const;
const sigmaData = 0.5;
/** As many as samples in a batch, so that stratified times are all times. */
const T = B;

function gaussianImages(means: readonly number[]): Dataset {
  const labels = Int32Array.from({ length: B }, (_, i) => i % means.length);
  const z = new RandomStream(1, 'pictures').fillNormal(new Float32Array(B * D));
  return {
    name: 'gaussian',
    images: imagesInMemory(
      Uint8Array.from(z, (x, i) => unitToByte(means[labels[Math.floor(i / D)]!]! + s * x)),
      D,
    ),
    count: B,
    height: 8,
    width: 8,
    channels: 1,
    ids: [...labels].map(String),
    skipped: [],
    notes: [],
    fingerprint: '',
    fromCache: false,
    ...(means.length > 1 && { labels, classNames: means.map(String) }),
  };
}

/** What is asked of a network, and what is known of its error, each from its definition. `u` is the noise's variance in the direction looked at: 1 unless there is offset noise. */
interface Asked {
  readonly target: (alpha: number, sigma: number) => readonly [onX0: number, onEps: number];
  /** E of the target's square, for data of second moment m. */
  readonly silent: (alpha: number, sigma: number, m: number, u: number) => number;
  /** Its variance given x_t, for data of variance s²: what the exact denoiser is left with. */
  readonly floor: (alpha: number, sigma: number, u: number) => number;
  /** min-SNR's weight of its squared error: Hang et al. 2023, section 3.4. */
  readonly minSnr?: (snr: number) => number;
  /** The squared error of x̂_0 for a squared error of 1. */
  readonly x0Error?: (alpha: number, sigma: number) => number;
  /** The output for an input of 1, as graph of the time that the network is conditioned on, where the times are no whole numbers. */
  readonly gain?: (timestep: Tensor) => Tensor;
}

const variance = (alpha: number, sigma: number, u = 1) => alpha ** 2 * s ** 2 + sigma ** 2 * u;
const asked = {
  epsilon: {
    target: () => [0, 1],
    silent: (_alpha, _sigma, _m, u) => u,
    floor: (a, b, u) => (u * a ** 2 * s ** 2) / variance(a, b, u),
    minSnr: (snr) => Math.min(snr, 5) / snr,
    x0Error: (a, b) => (b / a) ** 2,
  },
  sample: {
    target: () => [1, 0],
    silent: (_alpha, _sigma, m) => m,
    floor: (a, b) => (s ** 2 * b ** 2) / variance(a, b),
    minSnr: (snr) => Math.min(snr, 5),
    x0Error: () => 1,
  },
  v_prediction: {
    target: (a, b) => [-b, a],
    silent: (a, b, m) => a ** 2 + b ** 2 * m,
    floor: (a, b) => s ** 2 / variance(a, b),
    minSnr: (snr) => Math.min(snr, 5) / (snr + 1),
    x0Error: (_, b) => b ** 2,
  },
  flow: {
    target: () => [-1, 1],
    silent: (_alpha, _sigma, m) => 1 + m,
    floor: (a, b) => s ** 2 / variance(a, b),
    gain(timestep) {
      const t = div(timestep, 1000);
      const alpha = sub(1, t);
      return div(sub(t, mul(alpha, s ** 2)), add(mul(square(alpha), s ** 2), square(t)));
    },
  },
  // F of Karras et al. 2022, eq. 8: (x_0 − c_skip x)/c_out, with the coefficients of table 1.
  edm: {
    target: (_, sigma) => [sigma / sigmaData / Math.hypot(sigma, sigmaData), -sigmaData / Math.hypot(sigma, sigmaData)],
    silent: (_, sigma, m) => ((sigma ** 2 * m) / sigmaData ** 2 + sigmaData ** 2) / (sigma ** 2 + sigmaData ** 2),
    floor: (_, sigma) => (s ** 2 * (sigma ** 2 + sigmaData ** 2)) / (sigmaData ** 2 * variance(1, sigma)),
    gain(timestep) {
      const sigma = exp(mul(timestep, 4));
      return div(mul(sigma, (s ** 2 - sigmaData ** 2) / sigmaData), add(square(sigma), s ** 2));
    },
  },
} as const satisfies Record<string, Asked>;

interface LossCase {
  readonly title: string;
  readonly asks: keyof typeof asked;
  readonly scheduler?: SchedulerOptions;
  readonly objective?: Partial<Objective>;
  readonly hasClasses?: boolean;
}

const minSnr = { weighting: 'min_snr' } as const;
// λT is not 1, as it is at the defaults, where both could be forgotten.
const learned = (options: SchedulerOptions = {}) =>
  ({ scheduler: { ...options, varianceType: 'learned_range' }, objective: { vlbWeight: 0.03 } }) as const;
const cases: readonly LossCase[] = [
  { title: 'ε', asks: 'epsilon' },
  { title: 'x_0', asks: 'sample' },
  { title: 'v', asks: 'v_prediction' },
  {
    title: 'v, where no signal is left at the end',
    asks: 'v_prediction',
    scheduler: { rescaleBetasZeroSnr: true },
    objective: { timeSampling: 'stratified' },
  },
  { title: 'a flow', asks: 'flow', scheduler: { process: 'flow' } },
  { title: 'EDM', asks: 'edm', scheduler: { process: 'edm', sigmaData } },
  { title: 'ε, weighed by min-SNR', asks: 'epsilon', objective: minSnr },
  { title: 'x_0, weighed by min-SNR', asks: 'sample', objective: minSnr },
  { title: 'v, weighed by min-SNR', asks: 'v_prediction', objective: minSnr },
  { title: 'ε with offset noise', asks: 'epsilon', objective: { offsetNoise: 0.3 } },
  { title: 'ε, conditioned on the classes', asks: 'epsilon', hasClasses: true },
  { title: 'v, conditioned on the classes', asks: 'v_prediction', hasClasses: true },
  { title: 'ε and the variance', asks: 'epsilon', ...learned() },
  { title: 'x_0 and the variance', asks: 'sample', ...learned() },
  { title: 'v and the variance', asks: 'v_prediction', ...learned() },
  {
    title: 'ε, weighed by min-SNR, and the variance, which is not',
    asks: 'epsilon',
    ...learned(),
    objective: { ...minSnr, vlbWeight: 0.03 },
  },
];

/** One batch of a case, and all that its losses are computed from in float64. */
function laid({ asks, scheduler: options, objective: some, hasClasses = false }: LossCase) {
  const steps = asks === 'flow' || asks === 'edm' ? {} : { numTrainTimesteps: T, predictionType: asks };
  const scheduler = schedulerConfig({ ...steps, ...options } as SchedulerOptions);
  const process = networkProcess(scheduler);
  const objective: Objective = {
    ...objectiveDefaults,
    ...timestepDistribution(scheduler, some?.timeSampling ? { timeSampling: some.timeSampling } : {}),
    ...some,
  };
  const means = hasClasses ? classMeans : [0];
  const inputs = denoisingInputs(imageExamples(gaussianImages(means), { seed: 3 }).batch(0, B) as NoisedBatch, {
    seed: 3,
    batch: 0,
    target: { process, objective },
  });
  const {
    schedule,
    preconditioning: { processTime },
  } = process;
  const learnsVariance = process.varianceType === 'learned_range';
  const values = (name: string, b: number) => (inputs[name]!.data as Float32Array).subarray(b * D, (b + 1) * D);
  const kind: Asked = asked[asks];
  const samples = Array.from({ length: B }, (_, b) => {
    const t = processTime(Number(inputs['timestep']!.data[b]));
    const [alpha, sigma] = [schedule.alpha(t), schedule.sigma(t)];
    const weight = objective.weighting === 'uniform' ? 1 : kind.minSnr!((alpha / sigma) ** 2);
    return {
      t,
      alpha,
      sigma,
      weight,
      x0: values('x0', b),
      eps: values('noise', b),
      mean: means[Number(inputs['class_labels']?.data[b] ?? 0)]!,
    };
  });
  const unetOptions: UNet2DOptions = {
    sampleSize: 8,
    inChannels: 1,
    outChannels: learnsVariance ? 2 : 1,
    blockOutChannels: [4],
    layersPerBlock: 1,
    normNumGroups: 2,
    addAttention: false,
    downBlockTypes: ['DownBlock2D'],
    upBlockTypes: ['UpBlock2D'],
    ...(hasClasses && { numClassEmbeds: means.length }),
  };
  /** L_simple of a prediction whose mean squared error is m, with λ T L_{t−1} in bits where the variance is ln Σ (Nichol & Dhariwal 2021, eq. 14 and 16). */
  const lossOf = (
    { t, alpha, sigma, weight }: (typeof samples)[number],
    m: number,
    logVariance?: (t: number) => number,
  ) =>
    weight * m +
    (learnsVariance
      ? (objective.vlbWeight * T * klOf(stepOf(schedule, t), logVariance!(t), m * kind.x0Error!(alpha, sigma))) /
        Math.LN2
      : 0);
  return { kind, process, objective, means, inputs, samples, unetOptions, learnsVariance, lossOf };
}

/** Of one reverse step: β, the posterior's variance β̃ and its coefficient of x_0 (Ho et al. 2020, eq. 7). */
function stepOf(
  { alpha, sigma }: { readonly alpha: (t: number) => number; readonly sigma: (t: number) => number },
  t: number,
) {
  const beta = 1 - (alpha(t) / alpha(t - 1)) ** 2;
  return { beta, posterior: (beta * sigma(t - 1) ** 2) / sigma(t) ** 2, ofX0: (alpha(t - 1) * beta) / sigma(t) ** 2 };
}

/** KL(N(μ̃, β̃) ‖ N(μ_θ, Σ)) in nats, where x̂_0 has the squared error m. */
function klOf({ posterior, ofX0 }: ReturnType<typeof stepOf>, logVariance: number, m: number): number {
  const ratio = Math.log(posterior) - logVariance;
  return (Math.exp(ratio) - 1 - ratio + (ofX0 ** 2 * m) / Math.exp(logVariance)) / 2;
}

/** The losses of the batch by the graph, in float64 from float32 inputs. */
async function losses(unet: UNet2DModel, { process, objective, inputs }: ReturnType<typeof laid>): Promise<number[]> {
  const interpreter = createInterpreter();
  const built = program({ outputs: { loss: denoisingLoss(unet, bind(unet), B, { process, objective }) } });
  const store = await interpreter.createStore(built.reads, initialValues(unet, 0));
  const { loss } = await (await interpreter.compile(built)).run(store, inputs);
  return Array.from(loss!.data, Number);
}

/**
 * Holds losses to those of predictions with mean squared errors m, sample by sample: an error of `error` in the values of a prediction
 * moves √m by at most that, and `relative` is left for the factors before it. The likelihood at t = 0 has no such form.
 */
function expectLosses(
  found: readonly number[],
  { samples, learnsVariance, lossOf }: ReturnType<typeof laid>,
  m: (b: number) => number,
  logVariance: (t: number) => number,
  { error, relative }: { readonly error: number; readonly relative: number },
): void {
  const compared = [...samples.keys()].filter((b) => !learnsVariance || samples[b]!.t > 0);
  expect(compared.length).toBeGreaterThan(B / 2);
  for (const b of compared) {
    const expected = lossOf(samples[b]!, m(b), logVariance);
    const allowed = lossOf(samples[b]!, (Math.sqrt(m(b)) + error) ** 2, logVariance) - expected + relative * expected;
    expect(
      Math.abs(found[b]! - expected),
      `sample ${b} at t = ${samples[b]!.t}: ${found[b]}, expected ${expected}`,
    ).toBeLessThan(allowed);
  }
}

/** Holds losses to their expectation, each in units of its own: the mean of the ratios is 1, within four of the batch's own standard errors. */
function expectOnAverage(
  found: readonly number[],
  { samples, learnsVariance }: ReturnType<typeof laid>,
  expectation: (b: number) => number,
): void {
  const ratios = found.map((loss, b) => loss / expectation(b)).filter((_, b) => !learnsVariance || samples[b]!.t > 0);
  const average = ratios.reduce((total, r) => total + r, 0) / ratios.length;
  const deviation = Math.sqrt(ratios.reduce((total, r) => total + (r - average) ** 2, 0) / (ratios.length - 1));
  const standardError = deviation / Math.sqrt(ratios.length);
  // Of so many samples: with a wider one a loss that is half as large as it should be might pass.
  expect(standardError).toBeLessThan(0.1);
  expect(Math.abs(average - 1)).toBeLessThan(4 * standardError);
}

const meanSquare = (values: ArrayLike<number>) =>
  Array.from(values).reduce((total, x) => total + x * x, 0) / values.length;

describe.each(cases)('a network asked for $title', (one) => {
  let batch: ReturnType<typeof laid>;
  beforeAll(() => {
    batch = laid(one);
  });

  test('says nothing at first: its loss is the second moment of the target', async () => {
    const {
      kind,
      samples,
      unetOptions,
      means,
      objective,
      process: { schedule },
      lossOf,
    } = batch;
    const found = await losses(new UNet2DModel(unetOptions), batch);
    // Half way between ln β̃ and ln β.
    const logVariance = (t: number) => {
      const { beta, posterior } = stepOf(schedule, t);
      return Math.log(beta * posterior) / 2;
    };
    const m = samples.map(({ alpha, sigma, x0, eps }) => {
      const [onX0, onEps] = kind.target(alpha, sigma);
      return meanSquare(Array.from(x0, (x, i) => onX0 * x + onEps * eps[i]!));
    });
    // The last layer's weights are at most √(3e-10/(9 · 2.5)) = 4e-6, as in DDPM's code, and each output is a sum of 36 values of about 1 with them.
    expectLosses(found, batch, (b) => m[b]!, logVariance, { error: 2e-5, relative: 2e-5 });
    const secondMoment = s ** 2 + meanSquare(means);
    // An offset of a channel adds its variance.
    expectOnAverage(found, batch, (b) =>
      lossOf(
        samples[b]!,
        kind.silent(samples[b]!.alpha, samples[b]!.sigma, secondMoment, 1 + objective.offsetNoise ** 2),
        logVariance,
      ),
    );
  });

  test("comes down to the variance that is left where x_t is known, and no further: the exact denoiser's", async () => {
    const {
      kind,
      samples,
      unetOptions,
      process: { schedule },
      objective: { offsetNoise },
      learnsVariance,
      lossOf,
    } = batch;
    // Of the whole channel's mean the offset is part of the noise, and all D pixels have it.
    const ofMean = 1 + D * offsetNoise ** 2;
    const gain = (alpha: number, sigma: number, u: number) => {
      const [onX0, onEps] = kind.target(alpha, sigma);
      return (onX0 * alpha * s ** 2 + onEps * sigma * u) / variance(alpha, sigma, u);
    };
    const floor = (alpha: number, sigma: number) =>
      ((D - 1) * kind.floor(alpha, sigma, 1) + kind.floor(alpha, sigma, ofMean)) / D;
    // The variance of x_s given x_t: that of the posterior and what is not known of its mean.
    const logVariance = (t: number) => {
      const { posterior, ofX0 } = stepOf(schedule, t);
      return Math.log(
        posterior +
          ofX0 ** 2 * floor(schedule.alpha(t), schedule.sigma(t)) * kind.x0Error!(schedule.alpha(t), schedule.sigma(t)),
      );
    };
    const fraction = (t: number) => {
      if (t === 0) return 0;
      const { beta, posterior } = stepOf(schedule, t);
      return (2 * (logVariance(t) - Math.log(posterior))) / Math.log(beta / posterior) - 1;
    };

    const network = new ExactNetwork(unetOptions, { batch, gain, ofMean, fraction });
    const found = await losses(network, batch);
    const m = samples.map(({ alpha, sigma, x0, eps, mean: mu }) => {
      const [onX0, onEps] = kind.target(alpha, sigma);
      const centered = Array.from(x0, (x, i) => alpha * (x - mu) + sigma * eps[i]!);
      const average = centered.reduce((total, x) => total + x, 0) / D;
      return meanSquare(
        centered.map(
          (x, i) =>
            onX0 * (x0[i]! - mu) +
            onEps * eps[i]! -
            gain(alpha, sigma, 1) * (x - average) -
            gain(alpha, sigma, ofMean) * average,
        ),
      );
    });
    // Inputs and the network's tables are float32: some ten roundings by 2⁻²⁴ of values around one.
    expectLosses(found, batch, (b) => m[b]!, logVariance, { error: 1e-6, relative: 2e-6 });
    expectOnAverage(found, batch, (b) => lossOf(samples[b]!, floor(samples[b]!.alpha, samples[b]!.sigma), logVariance));
    // In nats the bound is then half the logarithm of how much wider than the posterior a step has to be.
    if (learnsVariance)
      for (const sample of samples.filter(({ t }) => t > 0)) {
        const ofBound =
          lossOf(sample, floor(sample.alpha, sample.sigma), logVariance) -
          sample.weight * floor(sample.alpha, sample.sigma);
        expect(
          ofBound /
            ((0.03 * T * (logVariance(sample.t) - Math.log(stepOf(schedule, sample.t).posterior))) / 2 / Math.LN2),
        ).toBeCloseTo(1, 6);
      }
  });
});

/** In the place of the network, what is to be said of Gaussian data, from x_t, the time and the class as a network sees them. */
class ExactNetwork extends UNet2DModel {
  readonly #say: (sample: Tensor, timestep: Tensor, classLabels?: Tensor) => Tensor;

  constructor(
    options: UNet2DOptions,
    {
      batch: {
        kind,
        means,
        process: { schedule },
        learnsVariance,
      },
      gain,
      ofMean,
      fraction,
    }: {
      readonly batch: ReturnType<typeof laid>;
      readonly gain: (alpha: number, sigma: number, u: number) => number;
      readonly ofMean: number;
      readonly fraction: (t: number) => number;
    },
  ) {
    super(options);
    const column = (x: Tensor) => reshape(x, [B, 1, 1, 1]);
    // [T, K] looked up by the time: what is not whole or not in 0 … T − 1 would be refused or another's.
    const table = (width: number, entry: (t: number, k: number) => number) =>
      constant(
        float32(
          [T, width],
          Float32Array.from({ length: T * width }, (_, i) => entry(Math.floor(i / width), i % width)),
        ),
      );
    this.#say = (sample, timestep, classLabels) => {
      if (kind.gain) return mul(column(kind.gain(timestep)), sample);
      const at = cast(timestep, 'i64');
      const gains = (u: number) =>
        column(
          gather(
            table(1, (t) => gain(schedule.alpha(t), schedule.sigma(t), u)),
            at,
          ),
        );
      const average = mean(sample, [1, 2, 3], true);
      let output = add(mul(gains(1), sub(sample, average)), mul(gains(ofMean), average));
      if (classLabels) {
        // Of the class' mean image: what is asked of it less what the gain says of its part in x_t.
        const shifts = gather(
          table(means.length, (t, k) => {
            const [alpha, sigma] = [schedule.alpha(t), schedule.sigma(t)];
            return (kind.target(alpha, sigma)[0] - gain(alpha, sigma, 1) * alpha) * means[k]!;
          }),
          at,
        );
        output = add(output, column(sum(mul(shifts, oneHot(classLabels, means.length)), [1])));
      }
      return learnsVariance
        ? concat([output, mul(full([B, ...imageShape], 1), column(gather(table(1, fraction), at)))], 1)
        : output;
    };
  }

  override forward(_: Context, sample: Tensor, timestep: Tensor, classLabels?: Tensor): Tensor {
    return this.#say(sample, timestep, classLabels);
  }
}
