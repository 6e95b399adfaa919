import { expect, test } from 'vitest';
import golden from '../../test/golden/variational-bound.json' with { type: 'json' };
import { createInterpreter, float32, grad, input, program, sum } from '../core/index.ts';
import { linearSchedule, plainPreconditioning, targetOf, type PredictionType } from '../diffusion/index.ts';
import { variationalInputs, variationalTerm } from './variational-bound.ts';

const schedule = linearSchedule();
const { shape, times } = golden;
const size = golden.x0.length / times.length;

async function terms(
  predictionType: PredictionType,
): Promise<{ bits: readonly number[]; gradients: Record<string, Float32Array> }> {
  const image = (name: string) => input(name, shape);
  const [x0, prediction, target, variance] = ['x0', 'prediction', 'target', 'variance'].map(image) as [
    ReturnType<typeof image>,
    ReturnType<typeof image>,
    ReturnType<typeof image>,
    ReturnType<typeof image>,
  ];
  const bits = variationalTerm({ x0, prediction, target, variance, timestep: input('timestep', [times.length]) });
  const [dPrediction, dVariance] = grad(sum(bits, [0]), [prediction, variance]);
  const executable = await createInterpreter().compile(
    program({ outputs: { bits, dPrediction: dPrediction!, dVariance: dVariance! } }),
  );
  // The same error of x̂_0, said in each parameterization.
  const said = (eps: readonly number[]) =>
    golden.x0.map((x, i) => {
      const t = times[Math.floor(i / size)]!;
      const [alpha, sigma] = [schedule.alpha(t), schedule.sigma(t)];
      const xt = alpha * x + sigma * golden.eps[i]!;
      const [onX0, onEps] = targetOf[predictionType](alpha, sigma);
      return onX0 * ((xt - sigma * eps[i]!) / alpha) + onEps * eps[i]!;
    });
  const out = await executable.run(null, {
    x0: float32(shape, golden.x0),
    prediction: float32(shape, said(golden.epsHat)),
    target: float32(shape, said(golden.eps)),
    variance: float32(shape, golden.v),
    timestep: float32([times.length], times),
    ...variationalInputs(schedule, times, plainPreconditioning(schedule, predictionType)),
  });
  return {
    bits: [...(out['bits']!.data as Float32Array)],
    gradients: {
      prediction: out['dPrediction']!.data as Float32Array,
      variance: out['dVariance']!.data as Float32Array,
    },
  };
}

test.each(['epsilon', 'sample', 'v_prediction'] as const)(
  'the terms are those of torch.distributions, from a prediction of %s',
  async (type) => {
    const { bits } = await terms(type);
    // The inputs are float32, and the terms at large t are differences of numbers a million times as large.
    bits.forEach((value, i) => expect(Math.abs(value / golden.bits[i]! - 1)).toBeLessThan(2e-5));
  },
);

test('they train the variance and not the mean', async () => {
  const { gradients } = await terms('epsilon');
  expect(gradients['prediction']!.every((g) => g === 0)).toBe(true);
  expect(gradients['variance']!.every((g) => g !== 0 && Number.isFinite(g))).toBe(true);
});
