import { describe, expect, test } from 'vitest';
import { float32, RandomStream } from '../../core/index.ts';
import { ddpm, schedule as scheduleOf, varianceTypes, type Denoiser } from '../../diffusion/index.ts';
import { stepNoise } from './step-noise.ts';

const schedule = scheduleOf({ betaSchedule: 'linear', numTrainTimesteps: 100 });
const timesteps = [99, 60, 25, 0];

describe.each(varianceTypes)('the noise of a step with the variance %s', (varianceType) => {
  test('is what the sampler has drawn, and none in the last step', async () => {
    const shape = [1, 1, 2, 3];
    const fraction = float32(shape, [0, 0.2, 0.4, 0.6, 0.8, 1]);
    let asked: { readonly t: number; readonly xt: ReturnType<typeof float32>; readonly x0: ReturnType<typeof float32> };
    const denoise: Denoiser = async (xt, [t]) => {
      const x0 = float32(
        shape,
        xt.data.map((x) => x / 3),
      );
      asked = { t: t!, xt, x0 };
      return { x0, eps: xt, varianceFraction: fraction };
    };
    // The same stream twice: once for the sampler, once to see what it draws.
    const [given, seen] = [0, 1].map(() => new RandomStream(3, 'step noise', 0));
    const xT = float32(shape, [1, -2, 0.5, 3, 0, -1]);
    let steps = 0;
    for await (const { t: s, xt: xs, step } of ddpm(denoise, xT, {
      schedule,
      timesteps,
      streams: [given!],
      varianceType,
    })) {
      const { z, sigma } = stepNoise(schedule, varianceType, {
        ...asked!,
        eps: asked!.xt,
        s,
        xs,
        step,
        steps: timesteps.length,
        varianceFraction: fraction,
      });
      const drawn = seen!.fillNormal(new Float32Array(6));
      const isLast = step === timesteps.length - 1;
      // The states are float32, and σ_t divides their rounding.
      for (const [i, value] of z.data.entries()) expect(value).toBeCloseTo(isLast ? 0 : drawn[i]!, 4);
      expect(typeof sigma).toBe(varianceType === 'learned_range' && !isLast ? 'object' : 'number');
      steps++;
    }
    expect(steps).toBe(4);
  });
});
