/**
 * DDIM against DDPM: fewer steps, without noise or with it.
 *
 * Data N(0, ½²) have a known denoiser and a known flow: the probability-flow ODE takes x_T to
 *
 *     x_0 = x_T/√ᾱ_T · s/√(s² + σ²/α²),     s = ½
 *
 * DDIM with η = 0 is Euler's method for it (Song et al. 2021, eq. 12): the same noise gives the same image, and the error halves
 * when the steps double. DDPM (Algorithm 2) is the same family at η = 1: it draws another image each time, and what can be
 * right is only the distribution. With few steps its variance is wrong by more.
 *
 *     npx tsx examples/07-ddim-and-ddpm.ts [samples]
 */
import { float32, RandomStream } from 'kuosan/core';
import { ddim, ddpm, drainSampler, gaussianDenoiser, initialNoise, linearSchedule, timesteps } from 'kuosan/diffusion';

const samples = Number(process.argv[2] ?? 20_000);
const s = 0.5;
const schedule = linearSchedule();
const denoise = gaussianDenoiser(schedule, { mean: 0, std: s });
const streams = () => [new RandomStream(0, 'sample')];
const xT = 1.5;
const last = schedule.T - 1;
const exact = (xT * s) / Math.hypot(schedule.alpha(last) * s, schedule.sigma(last));

const variance = (x: ArrayLike<number>) => Array.from(x).reduce((sum, v) => sum + v * v, 0) / x.length;
console.log(`DDIM from x_T = ${xT}: exact end ${exact.toFixed(5)}.  Variance of what is drawn: exact ${s * s}`);
console.log(' steps    DDIM: x₀    error    DDIM: variance    DDPM: variance');
for (const steps of [5, 10, 20, 50, 100, 200, 1000]) {
  const options = { schedule, timesteps: timesteps(schedule.T, steps) };
  const one = await drainSampler(ddim(denoise, float32([1, 1], [xT]), { ...options, streams: streams() }));
  const draw = (sampler: typeof ddim | typeof ddpm) => {
    const random = streams();
    return drainSampler(sampler(denoise, initialNoise([1, samples], random), { ...options, streams: random }));
  };
  const [without, withNoise] = [await draw(ddim), await draw(ddpm)];
  const x0 = one.data[0]!;
  console.log(
    `${String(steps).padStart(6)} ${x0.toFixed(5).padStart(11)} ${Math.abs(x0 - exact)
      .toFixed(5)
      .padStart(
        8,
      )} ${variance(without.data).toFixed(4).padStart(17)} ${variance(withNoise.data).toFixed(4).padStart(17)}`,
  );
}
console.log(`chance alone in a variance: ±${(s * s * Math.sqrt(2 / samples)).toFixed(4)}`);

// Twice the same noise: DDIM draws the same, DDPM goes on drawing and does not.
for (const [name, sampler] of [
  ['DDIM', ddim],
  ['DDPM', ddpm],
] as const) {
  const ends = await Promise.all(
    [1, 2].map((seed) =>
      drainSampler(
        sampler(denoise, float32([1, 1], [xT]), {
          schedule,
          timesteps: timesteps(1000, 50),
          streams: [new RandomStream(seed, 'steps')],
        }),
      ),
    ),
  );
  console.log(`${name} twice from x_T = ${xT}: ${ends.map(({ data }) => data[0]!.toFixed(4)).join(' and ')}`);
}
