import { describe, expect, test } from 'vitest';
import { float32 } from '../../core/dtype.ts';
import type { RandomStream } from '../../core/random.ts';
import { drainSampler, initialNoise, samplers } from '../samplers.ts';
import { collect, exact, samplerConformance, schedule, streams, timesteps } from '../../../test/sampler-conformance.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';
import type { SamplerState } from './sampler.ts';

samplerConformance(samplers);

describe('ddim and ddpm', () => {
  test('ddim with eta 1 is ddpm with the small variance on the same noise', async () => {
    const xT = initialNoise([2, 50], streams());
    const a = await collect(ddpm(exact, xT, { schedule, timesteps, streams: streams() }));
    const b = await collect(ddim(exact, xT, { schedule, timesteps, streams: streams(), eta: 1 }));
    // The same map written in two ways: float32 roundings of x̂_0 and ε̂ differ, a few 1e-7 each.
    a.forEach(({ xt }, step) =>
      xt.data.forEach((x, i) => expect(Math.abs(x - b[step]!.xt.data[i]!)).toBeLessThan(5e-6)),
    );
  });

  test('they advance the streams alike, and ddim without noise not at all', async () => {
    const after = async (run: (own: RandomStream[]) => AsyncIterable<SamplerState>) => {
      const own = streams();
      await drainSampler(run(own));
      return own.map((stream) => stream.uint32());
    };
    const xT = float32([2, 3]);
    const ancestral = await after((own) => ddpm(exact, xT, { schedule, timesteps, streams: own }));
    expect(await after((own) => ddim(exact, xT, { schedule, timesteps, streams: own, eta: 0.2 }))).toEqual(ancestral);
    expect(await after((own) => ddim(exact, xT, { schedule, timesteps, streams: own }))).toEqual(
      streams().map((stream) => stream.uint32()),
    );
    const fifteen = streams();
    fifteen.forEach((stream) => stream.fillNormal(new Float32Array(15)));
    expect(ancestral).toEqual(fifteen.map((stream) => stream.uint32()));
  });

  test('an eta outside 0 … 1 is refused', async () => {
    await expect(
      ddim(exact, float32([2, 3]), { schedule, timesteps, streams: streams(), eta: 1.5 }).next(),
    ).rejects.toThrow('ddim: eta must lie in 0 … 1, got 1.5');
  });
});
