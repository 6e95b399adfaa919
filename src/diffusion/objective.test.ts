import { describe, expect, test } from 'vitest';
import { float32 } from '../core/dtype.ts';
import { RandomStream } from '../core/random.ts';
import { linearSchedule, rescaleZeroTerminalSnr } from './beta-schedules.ts';
import { edmCoefficients, edmPreconditioning, edmSchedule } from './processes/edm.ts';
import { flowSchedule } from './processes/rectified-flow.ts';
import { fromPrediction } from './denoiser.ts';
import { gaussianDenoiser } from './exact/gaussian.ts';
import { drawTrainingNoise } from './training-noise.ts';
import type { NoiseSchedule } from './noise-schedule.ts';
import { lossWeight, objectiveDefaults } from './objective.ts';
import { fromOutput, type PredictionType, predictionTypes, type Target, targetOf } from './parameterization.ts';
import { plainPreconditioning } from './preconditioning.ts';

const schedule = linearSchedule();
const asked = (type: PredictionType) => ({ schedule, preconditioning: plainPreconditioning(schedule, type) });
const mix = ([onX0, onEps]: Target, x0: number, eps: number) => onX0 * x0 + onEps * eps;

describe('prediction types', () => {
  test.each(predictionTypes)('what %s should be implies the x_0 and the noise it was made from', (type) => {
    const schedules: readonly (readonly [NoiseSchedule, number])[] =
      type === 'flow_prediction'
        ? [
            [flowSchedule(), 0.3],
            [flowSchedule(), 1],
          ]
        : [
            [schedule, 0],
            [schedule, 700],
          ];
    for (const [noise, t] of schedules) {
      const [alpha, sigma] = [noise.alpha(t), noise.sigma(t)];
      const [x0, eps] = [-0.4, 1.7];
      const target = targetOf[type](alpha, sigma);
      const [xt, output] = [alpha * x0 + sigma * eps, mix(target, x0, eps)];
      const implied = fromOutput(target, alpha, sigma);
      expect(implied.x0[0] * xt + implied.x0[1] * output).toBeCloseTo(x0, 10);
      expect(implied.eps[0] * xt + implied.eps[1] * output).toBeCloseTo(eps, 10);
    }
  });

  test('a network that is the exact denoiser in any of the parameterizations gives its x_0 and its noise', async () => {
    for (const [type, noise, t] of [
      ['epsilon', schedule, 300],
      ['sample', schedule, 300],
      ['v_prediction', schedule, 300],
      ['flow_prediction', flowSchedule(), 0.7],
    ] as const) {
      const exact = gaussianDenoiser(noise, { mean: 0.2, std: 0.5 });
      const xt = float32([1, 3], [-1, 0.1, 2]);
      const truth = await exact(xt, [t], {});
      const [alpha, sigma] = [noise.alpha(t), noise.sigma(t)];
      const output = float32(
        [1, 3],
        truth.x0.data.map((x0, i) => mix(targetOf[type](alpha, sigma), x0, truth.eps.data[i]!)),
      );
      const got = await fromPrediction(async () => output, noise, type)(xt, [t], {});
      for (const key of ['x0', 'eps'] as const)
        got[key].data.forEach((x, i) => expect(x).toBeCloseTo(truth[key].data[i]!, 5));
    }
  });

  test('a prediction of noise where there is no signal is refused', async () => {
    const zero = rescaleZeroTerminalSnr(schedule);
    const x = float32([1, 1], [1]);
    await expect(fromPrediction(async () => x, zero, 'epsilon')(x, [999], {})).rejects.toThrow(
      'at time 999 there is no signal left',
    );
    expect((await fromPrediction(async () => x, zero, 'v_prediction')(x, [999], {})).x0.data[0]).toBe(-1);
  });
});

describe('min-SNR', () => {
  test('is one weight on the error of x_0 in all three parameterizations', () => {
    const objective = { weighting: 'min_snr', snrGamma: 5 } as const;
    for (const t of [0, 50, 200, 999]) {
      const [alpha, sigma] = [schedule.alpha(t), schedule.sigma(t)];
      const onX0 = lossWeight(asked('sample'), t, objective);
      // Errors in ε and in v are the error in x_0 times α/σ and 1/σ.
      expect(lossWeight(asked('epsilon'), t, objective) * (alpha / sigma) ** 2).toBeCloseTo(onX0, 10);
      expect(lossWeight(asked('v_prediction'), t, objective) * (1 / sigma) ** 2).toBeCloseTo(onX0, 10);
      expect(onX0).toBe(Math.min((alpha / sigma) ** 2, 5));
    }
  });

  test('leaves uniform weights alone, has a limit where no signal is left, and refuses what is no bound', () => {
    expect(lossWeight(asked('epsilon'), 3, objectiveDefaults)).toBe(1);
    const zero = rescaleZeroTerminalSnr(schedule);
    expect(
      lossWeight({ schedule: zero, preconditioning: plainPreconditioning(zero, 'epsilon') }, 999, {
        weighting: 'min_snr',
        snrGamma: 5,
      }),
    ).toBe(1);
    expect(() => lossWeight(asked('epsilon'), 3, { weighting: 'min_snr', snrGamma: 0 })).toThrow(
      'snrGamma: expected a positive number, got 0',
    );
  });
});

describe('training noise', () => {
  test('stratified times have one in each part of the schedule, and all times alike over many batches', () => {
    const counts = new Float64Array(10);
    for (let step = 0; step < 500; step++) {
      const { t } = drawTrainingNoise(schedule, [20, 1], new RandomStream(1, 'training', step), {
        timeSampling: 'stratified',
        offsetNoise: 0,
      });
      t.forEach((time, b) => expect(Math.floor(time / 50)).toBe(b));
      t.forEach((time) => counts[time % 10]!++);
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(900));
  });

  test('offset noise is one number a channel, and its variance is added', () => {
    const plain = drawTrainingNoise(schedule, [64, 2, 8, 8], new RandomStream(1, 'training'));
    const moved = drawTrainingNoise(schedule, [64, 2, 8, 8], new RandomStream(1, 'training'), {
      timeSampling: 'uniform',
      offsetNoise: 0.5,
    });
    const offsets = Array.from({ length: 128 }, (_, i) => moved.noise.data[i * 64]! - plain.noise.data[i * 64]!);
    moved.noise.data.forEach((x, i) => expect(x - plain.noise.data[i]!).toBeCloseTo(offsets[Math.floor(i / 64)]!, 5));
    const variance = offsets.reduce((sum, x) => sum + x * x, 0) / 128;
    expect(Math.abs(variance / 0.25 - 1)).toBeLessThan(4 * Math.sqrt(2 / 128));
  });
});

describe('EDM preconditioning', () => {
  // Karras et al. 2022, table 1, in float64.
  test.each([
    [0.5, 0.5, 0.353553, Math.SQRT2, -0.173287],
    [80, 3.9061e-5, 0.49999023, 0.01249976, 1.0955067],
    [0.002, 0.999984, 0.00199998, 1.999984, -1.553652],
  ])('at sigma %d has the golden coefficients', (sigma, cSkip, cOut, cIn, cNoise) => {
    const c = edmCoefficients(sigma);
    for (const [value, golden] of [
      [c.cSkip, cSkip],
      [c.cOut, cOut],
      [c.cIn, cIn],
      [c.cNoise, cNoise],
    ] as const)
      expect(Math.abs(value / golden - 1)).toBeLessThan(5e-6);
  });

  test('a network of zeros has loss 1 at every level, weighted by 1/c_out², on data of sigmaData', async () => {
    const edm = edmSchedule();
    const denoise = fromPrediction(async (x) => float32(x.shape), edm, edmPreconditioning());
    for (const sigma of [0.01, 0.5, 20]) {
      const random = new RandomStream(2, 'edm');
      const n = 40_000;
      const x0 = random.fillNormal(new Float32Array(n)).map((x) => 0.5 * x);
      const eps = random.fillNormal(new Float32Array(n));
      const { x0: estimate } = await denoise(
        float32(
          [1, n],
          x0.map((x, i) => x + sigma * eps[i]!),
        ),
        [sigma],
        {},
      );
      const loss =
        x0.reduce((sum, x, i) => sum + (estimate.data[i]! - x) ** 2, 0) / n / edmCoefficients(sigma).cOut ** 2;
      expect(Math.abs(loss - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    }
  });
});

test("at initialization a network of zeros has the loss of its target's variance", () => {
  const n = 50_000;
  const random = new RandomStream(3, 'init');
  const x0 = random.fillNormal(new Float64Array(n)).map((x) => 0.5 * x);
  const eps = random.fillNormal(new Float64Array(n));
  const [alpha, sigma] = [schedule.alpha(200), schedule.sigma(200)];
  const expected: Readonly<Record<PredictionType, number>> = {
    epsilon: 1,
    sample: 0.25,
    v_prediction: alpha ** 2 + sigma ** 2 * 0.25,
    flow_prediction: 1.25,
  };
  for (const type of predictionTypes) {
    const loss = x0.reduce((sum, x, i) => sum + mix(targetOf[type](alpha, sigma), x, eps[i]!) ** 2, 0) / n;
    expect(Math.abs(loss / expected[type] - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  }
});
