/**
 * A denoiser of your own: whatever knows E[x_0 | x_t] can be sampled.
 *
 * The data here are a circle of radius 1 in the plane. On it, what is likely given x_t is a von Mises distribution around the
 * direction of x_t, whose mean is known:
 *
 *     p(x_0 | x_t) ∝ exp(κ cos θ),  κ = α ‖x_t‖/σ²,     E[x_0 | x_t] = I₁(κ)/I₀(κ) · x_t/‖x_t‖
 *
 * with Bessel's functions I. ε̂ follows from x_t = α x̂_0 + σ ε̂. Every sampler takes it, and a guide or a clip around it would too.
 * The radius comes out as 0.99995: at the last time a little noise is left, and the mean over a short arc lies inside the circle.
 *
 *     npx tsx examples/10-custom-denoiser.ts [samples]
 */
import { float32, RandomStream } from 'kuosan/core';
import {
  drainSampler,
  initialNoise,
  linearSchedule,
  samplers,
  samplerTimesteps,
  type Denoiser,
  type SamplerName,
} from 'kuosan/diffusion';

const samples = Number(process.argv[2] ?? 2000);
const schedule = linearSchedule();

/** I₁(κ)/I₀(κ) by its continued fraction, from far out inwards: κ/(2 + κ²/(4 + κ²/(6 + …))). */
function besselRatio(kappa: number): number {
  // From here on 1 − 1/2κ − 1/8κ² is exact to ten digits.
  if (kappa > 500) return 1 - 1 / (2 * kappa) - 1 / (8 * kappa ** 2);
  let tail = 0;
  for (let n = Math.ceil(kappa) + 30; n >= 1; n--) tail = kappa ** 2 / (2 * n + tail);
  return kappa === 0 ? 0 : tail / kappa;
}

const circle: Denoiser = async (xt, t) => {
  const x0 = new Float32Array(xt.data.length);
  const eps = new Float32Array(xt.data.length);
  for (const [b, time] of t.entries()) {
    const [alpha, sigma] = [schedule.alpha(time), schedule.sigma(time)];
    const length = Math.hypot(xt.data[2 * b]!, xt.data[2 * b + 1]!);
    const ratio = besselRatio((alpha * length) / sigma ** 2);
    for (const i of [2 * b, 2 * b + 1]) {
      x0[i] = (ratio * xt.data[i]!) / length;
      eps[i] = (xt.data[i]! - alpha * x0[i]!) / sigma;
    }
  }
  return { x0: float32(xt.shape, x0), eps: float32(xt.shape, eps) };
};

console.log('sampler          steps    radius: mean    farthest off    quarters of the circle');
for (const name of Object.keys(samplers) as SamplerName[]) {
  const definition = samplers[name];
  const times = samplerTimesteps(definition, schedule, { steps: 50 });
  const streams = Array.from({ length: samples }, (_, i) => new RandomStream(0, 'sample', i));
  const { data } = await drainSampler(
    definition.run(circle, initialNoise([samples, 2], streams), { schedule, timesteps: times, streams }),
  );
  const points = Array.from({ length: samples }, (_, i) => [data[2 * i]!, data[2 * i + 1]!] as const);
  const radii = points.map(([x, y]) => Math.hypot(x, y));
  const mean = radii.reduce((sum, r) => sum + r, 0) / samples;
  const off = Math.max(...radii.map((r) => Math.abs(r - 1)));
  const quarters = [0, 0, 0, 0];
  for (const [x, y] of points) quarters[(x < 0 ? 1 : 0) + (y < 0 ? 2 : 0)]!++;
  console.log(
    `${name.padEnd(16)} ${String(times.length).padStart(5)} ${mean.toFixed(5).padStart(15)} ${off.toFixed(5).padStart(15)}    ${quarters.map((n) => `${((100 * n) / samples).toFixed(1)} %`).join('  ')}`,
  );
}
