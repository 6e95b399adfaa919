import { describe, expect, test } from 'vitest';
import { float32 } from '../core/dtype.ts';
import { RandomStream } from '../core/random.ts';
import { edmCoefficients, edmSchedule } from './processes/edm.ts';
import { flowSchedule } from './processes/rectified-flow.ts';
import { fromPrediction, type Predict } from './denoiser.ts';
import { gaussianDenoiser } from './exact/gaussian.ts';
import { drawTrainingNoise } from './training-noise.ts';
import { denoisingLossByNoise } from './loss-by-noise.ts';
import { networkProcess, timestepDistribution, schedulerConfig } from './processes.ts';
import { spreadTimes } from './spread-times.ts';
import type { NetworkProcess } from './processes/process-definition.ts';
import { outputError } from './parameterization.ts';
import { drainSampler, initialNoise, samplerNamed, samplerTimesteps } from './samplers.ts';

const flow = networkProcess(schedulerConfig({ process: 'flow' }));
const edm = networkProcess(schedulerConfig({ process: 'edm' }));
const v = networkProcess(schedulerConfig({ predictionType: 'v_prediction' }));
const x0 = networkProcess(schedulerConfig({ predictionType: 'sample' }));
const eps = networkProcess(schedulerConfig());
const [mean, std] = [0.2, 0.4];

/** The network that says exactly what it should of N(mean, std²): told the network's time, shown the scaled input. */
function exactNetwork({ schedule, preconditioning: { inputScale, processTime, target } }: NetworkProcess): Predict {
  const exact = gaussianDenoiser(schedule, { mean, std });
  return async (seen, times) => {
    const t = times.map(processTime);
    const xt = float32(
      seen.shape,
      seen.data.map((x, i) => x / inputScale(t[Math.floor((i * t.length) / seen.data.length)]!)),
    );
    const { x0, eps } = await exact(xt, t, {});
    return float32(
      seen.shape,
      x0.data.map((x, i) => {
        const [onX0, onEps] = target(t[Math.floor((i * t.length) / seen.data.length)]!);
        return onX0 * x + onEps * eps.data[i]!;
      }),
    );
  };
}

describe.each([
  ['flow', flow, 0.3],
  ['edm', edm, 0.7],
  ['v', v, 300],
  ['x_0', x0, 200],
  ['ε', eps, 100],
] as const)('a network of %s', (_, process, t) => {
  const { schedule, preconditioning } = process;
  const data = float32(
    [4000, 8],
    new RandomStream(1, 'data').fillNormal(new Float32Array(32_000)).map((z) => mean + std * z),
  );
  const [alpha, sigma] = [schedule.alpha(t), schedule.sigma(t)];

  test('that says nothing has the second moment of its target for a loss', async () => {
    const [onX0, onEps] = preconditioning.target(t);
    const silent = fromPrediction(async (x) => float32(x.shape), schedule, preconditioning);
    const { loss, standardError } = (
      await denoisingLossByNoise(silent, data, schedule, {
        times: [t],
        draws: 2000,
        seed: 1,
        target: preconditioning.target,
      })
    )[0]!;
    expect(Math.abs(loss - (onX0 ** 2 * (mean ** 2 + std ** 2) + onEps ** 2))).toBeLessThan(
      4 * standardError + 0.01 * onX0 ** 2,
    );
  });

  test('that is the exact denoiser is left with the variance of x_0 given x_t, in units of what it says', async () => {
    const exact = fromPrediction(exactNetwork(process), schedule, preconditioning);
    const { loss, standardError } = (
      await denoisingLossByNoise(exact, data, schedule, {
        times: [t],
        draws: 2000,
        seed: 1,
        target: preconditioning.target,
      })
    )[0]!;
    const posteriorVariance = (sigma ** 2 * std ** 2) / (alpha ** 2 * std ** 2 + sigma ** 2);
    const irreducibleLoss = posteriorVariance * outputError(preconditioning.target(t), alpha, sigma) ** 2;
    expect(Math.abs(loss / irreducibleLoss - 1)).toBeLessThan((4 * standardError) / irreducibleLoss + 0.02);
  });

  test('is sampled by its default sampler: the Gaussian comes back', async () => {
    const definition = samplerNamed(process.defaultSampler);
    const timesteps = samplerTimesteps(definition, schedule, { steps: 50 });
    const streams = [new RandomStream(3, 'drawn')];
    const xT = initialNoise([1, 10_000], streams, schedule.priorStd(timesteps[0]!));
    const { data: drawn } = await drainSampler(
      definition.run(fromPrediction(exactNetwork(process), schedule, preconditioning), xT, {
        schedule,
        timesteps,
        streams,
        varianceType: process.varianceType,
      }),
    );
    const average = drawn.reduce((sum, x) => sum + x, 0) / drawn.length;
    const variance = drawn.reduce((sum, x) => sum + (x - average) ** 2, 0) / drawn.length;
    // Fifty steps of first order are off by a few percent.
    expect(Math.abs(average - mean)).toBeLessThan(0.03);
    expect(Math.abs(Math.sqrt(variance) / std - 1)).toBeLessThan(0.05);
  });

  test('is told times that lead back', () => {
    expect(preconditioning.processTime(preconditioning.networkTime(t))).toBeCloseTo(t, 12);
    const times = spreadTimes(process, 40);
    expect(times).toHaveLength(40);
    for (const time of times) expect([time > schedule.clean, time <= schedule.last]).toEqual([true, true]);
  });
});

describe('EDM', () => {
  test('weighs the error of D by 1/c_out², which is the plain error of F', () => {
    for (const sigma of [0.01, 0.5, 30]) {
      // An error of D is one of x̂_0.
      const { cOut } = edmCoefficients(sigma);
      expect(outputError(edm.preconditioning.target(sigma), 1, sigma) ** 2 * cOut ** 2).toBeCloseTo(1, 12);
      // λ(σ) of table 1.
      expect(((sigma ** 2 + 0.25) / (sigma * 0.5) ** 2) * cOut ** 2).toBeCloseTo(1, 12);
    }
  });

  test('asks for −v of data scaled to unit variance', () => {
    const sigma = 1.3;
    const [onX0, onEps] = edm.preconditioning.target(sigma);
    const angle = Math.atan(sigma / 0.5);
    expect(onX0 * 0.5).toBeCloseTo(Math.sin(angle), 12);
    expect(onEps).toBeCloseTo(-Math.cos(angle), 12);
  });
});

describe('log-normal levels of noise', () => {
  const n = 20_000;
  const moments = (values: readonly number[]) => {
    const average = values.reduce((sum, x) => sum + x, 0) / n;
    return [average, Math.sqrt(values.reduce((sum, x) => sum + (x - average) ** 2, 0) / n)] as const;
  };

  test.each([
    ["a flow's times are logit-normal", 'flow', flowSchedule(), (t: number) => Math.log(t / (1 - t)), {}, 0, 1],
    [
      'a shift of the flow moves them',
      'flow',
      flowSchedule({ shift: 3 }),
      (t: number) => Math.log(t / (1 - t)),
      { shift: 3 },
      Math.log(3),
      1,
    ],
    ["EDM's are Karras' own", 'edm', edmSchedule(), Math.log, {}, -1.2, 1.2],
  ] as const)('%s', (_, process, schedule, coordinate, options, mean, std) => {
    const law = timestepDistribution(schedulerConfig({ process, ...options }));
    expect(law).toEqual({ timeSampling: 'log_normal', timeMean: mean, timeStd: std });
    const { t, signalScale, noiseScale } = drawTrainingNoise(schedule, [n, 0], new RandomStream(1, 'times'), {
      ...law,
      offsetNoise: 0,
    });
    const [average, deviation] = moments(t.map(coordinate));
    // Standard errors of a mean and of a deviation are σ/√n and σ/√(2n); four of them.
    expect(Math.abs(average - mean)).toBeLessThan((4 * std) / Math.sqrt(n));
    expect(Math.abs(deviation - std)).toBeLessThan((4 * std) / Math.sqrt(2 * n));
    expect([signalScale.data[5], noiseScale.data[5]]).toEqual([
      Math.fround(schedule.alpha(t[5]!)),
      Math.fround(schedule.sigma(t[5]!)),
    ]);
  });

  test('a flow may have uniform and stratified times too, the clean image never among them', () => {
    for (const timeSampling of ['uniform', 'stratified'] as const) {
      const { t } = drawTrainingNoise(flowSchedule(), [n, 0], new RandomStream(2, 'times'), {
        timeSampling,
        offsetNoise: 0,
      });
      expect(t.every((time) => time > 0 && time <= 1)).toBe(true);
      expect(Math.abs(moments(t)[0] - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / n));
    }
  });

  test.each([
    [
      { process: 'edm' },
      { timeSampling: 'uniform' },
      "EDM's noise levels go over five powers of ten, and uniform covers almost none of the low ones; take log_normal",
    ],
    [{}, { timeSampling: 'log_normal' }, 'a discrete-time process takes uniform, stratified or importance'],
    [
      { process: 'flow' },
      { timeSampling: 'importance' },
      "importance keeps losses of each of a schedule's steps, and scheduler.process flow has none; take log_normal",
    ],
    [{}, { timeStd: 2 }, 'timeStd: belongs to timeSampling log_normal, got uniform'],
  ] as const)('%j refuses %j', (scheduler, law, message) => {
    expect(() => timestepDistribution(schedulerConfig(scheduler), law)).toThrow(message);
  });
});

test.each([
  [{ process: 'flow', shift: 0 }, 'shift: expected a positive number, got 0'],
  [{ process: 'edm', sigmaMin: 90 }, 'sigmaMin: expected a noise level below sigmaMax (80), got 90'],
  [{ process: 'edn' }, 'unknown process "edn"; one of flow, edm'],
  [
    { process: 'flow', betaSchedule: 'linear' },
    'unknown scheduler field "betaSchedule"; one of process, numTrainTimesteps, shift',
  ],
  [{ process: 'edm', sigmaData: '1' }, 'sigmaData: expected a number, got "1"'],
])('%j is refused', (options, message) => {
  expect(() => schedulerConfig(options as Parameters<typeof schedulerConfig>[0])).toThrow(message);
});

test('a continuous schedule has no steps to pick from', () => {
  const euler = samplerNamed('euler');
  expect(samplerTimesteps(euler, flow.schedule, { steps: 4 })).toEqual([1, 0.75, 0.5, 0.25]);
  expect(samplerTimesteps(euler, edm.schedule, { steps: 2 })[0]).toBe(80);
  expect(() => samplerTimesteps(euler, flow.schedule, { steps: 4, spacing: 'linspace' })).toThrow(
    "spacing linspace: picks some of a schedule's steps, and this one is continuous; take karras or exponential, or leave it out",
  );
  expect(() => samplerTimesteps(euler, flow.schedule, { steps: 4, spacing: 'karras' })).toThrow(
    'for a flow leave the spacing out',
  );
});
