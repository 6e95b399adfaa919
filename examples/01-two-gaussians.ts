/**
 * Two Gaussians merge into one: the step behind the closed form.
 *
 * Two steps of the forward process (DDPM, eq. 2) add noise twice:
 *
 *     x_2 = √(1−β_2) x_1 + √β_2 z_2 = √(1−β_2)√(1−β_1) x_0 + [ √(1−β_2)√β_1 z_1 + √β_2 z_2 ]
 *
 * The bracket is a sum of two independent Gaussians, so it is one Gaussian, and its variances add up to 1 − ᾱ_2:
 *
 *     (1−β_2) β_1 + β_2 = 1 − (1−β_1)(1−β_2)
 *
 * Again and again, this is eq. 4: q(x_t | x_0) = N(√ᾱ_t x_0, (1 − ᾱ_t) I), whatever t.
 *
 *     npx tsx examples/01-two-gaussians.ts [samples]
 */
import { float32, RandomStream } from 'kuosan/core';
import { linearSchedule, qStep } from 'kuosan/diffusion';

const samples = Number(process.argv[2] ?? 20_000);
const schedule = linearSchedule({ T: 50 }); // few steps with more noise in each
const x0 = 0.8;

const [beta1, beta2] = [schedule.betas[0]!, schedule.betas[1]!];
console.log('the noise of two steps:');
console.log(`  (1 − β₂) β₁ + β₂ = ${((1 - beta2) * beta1 + beta2).toFixed(10)}`);
console.log(`  1 − ᾱ₂           = ${(1 - schedule.alphaBar(1)).toFixed(10)}`);

// Many copies of one value x_0, each with noise of its own, one step after the other.
console.log(`\n${samples} times the value ${x0}, step by step, next to the closed form:`);
console.log('   t       mean   √ᾱ x₀    variance   1 − ᾱ');
const random = new RandomStream(0, 'steps');
let x = float32([1, samples], new Float32Array(samples).fill(x0));
for (let t = 0; t < schedule.T; t++) {
  x = qStep(schedule, x, [t], float32([1, samples], random.fillNormal(new Float32Array(samples))));
  if (t > 1 && (t + 1) % 10 !== 0) continue;
  const mean = x.data.reduce((sum, v) => sum + v, 0) / samples;
  const variance = x.data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / samples;
  // Our t counts from 0, the paper's from 1.
  console.log(
    `${String(t + 1).padStart(4)} ${[mean, schedule.alpha(t) * x0, variance, schedule.sigma(t) ** 2].map((v) => v.toFixed(4).padStart(9)).join('')}`,
  );
}
console.log(`chance alone: ±${(1 / Math.sqrt(samples)).toFixed(4)}`);
