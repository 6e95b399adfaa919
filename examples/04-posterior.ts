/**
 * The posterior q(x_{t−1} | x_t, x_0), checked by Monte Carlo.
 *
 * Going back is easy for somebody who knows x_0: by Bayes' rule (DDPM, eq. 6 and 7) it is a Gaussian with
 *
 *     mean      √ᾱ_{t−1} β_t/(1 − ᾱ_t) x_0 + √α_t (1 − ᾱ_{t−1})/(1 − ᾱ_t) x_t
 *     variance  β̃_t = (1 − ᾱ_{t−1})/(1 − ᾱ_t) β_t
 *
 * Without any algebra: draw x_{t−1} from x_0 and x_t from x_{t−1}, many times, and of all the pairs keep those whose x_t is
 * near the value that was asked for. The x_{t−1} that are left are the posterior.
 *
 *     npx tsx examples/04-posterior.ts [pairs]
 */
import { RandomStream } from 'kuosan/core';
import { cosineSchedule, posterior } from 'kuosan/diffusion';

const pairs = Number(process.argv[2] ?? 2_000_000);
const schedule = cosineSchedule({ T: 20 });
const [x0, xt] = [0.7, 0.2];
const window = 0.02; // how near is near

console.log(`x₀ = ${x0}, x_t = ${xt} ± ${window}`);
console.log('   t    kept      mean: kept   theory      variance: kept   theory');
for (const t of [2, 6, 12, 18]) {
  const random = new RandomStream(0, 'pairs', t);
  const [alphaPrev, sigmaPrev, beta] = [schedule.alpha(t - 1), schedule.sigma(t - 1), schedule.betas[t]!];
  let [kept, sum, squares] = [0, 0, 0];
  for (let i = 0; i < pairs; i++) {
    const before = alphaPrev * x0 + sigmaPrev * random.normal(); // eq. 4
    const after = Math.sqrt(1 - beta) * before + Math.sqrt(beta) * random.normal(); // eq. 2
    if (Math.abs(after - xt) > window) continue;
    kept++;
    sum += before;
    squares += before ** 2;
  }
  const mean = sum / kept;
  const theory = posterior(schedule, t, t - 1);
  const row = [mean, theory.x0 * x0 + theory.xt * xt, squares / kept - mean ** 2, theory.variance].map((v) =>
    v.toFixed(4).padStart(12),
  );
  console.log(
    `${String(t + 1).padStart(4)}${String(kept).padStart(8)}${row.join('')}   (chance alone: ±${Math.sqrt(theory.variance / kept).toFixed(4)} in the mean)`,
  );
}
