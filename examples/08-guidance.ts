/**
 * Classifier-free guidance: moving away from what is predicted without the condition.
 *
 *     ε̂ = ε̂(x_t) + s (ε̂(x_t | c) − ε̂(x_t))        (Ho & Salimans 2022, eq. 6; their w is s − 1)
 *
 * Two classes overlap on a line: −1 and +1, each with a deviation of 1. Both denoisers are exact, so whatever happens is guidance's
 * doing. At s = 1 class 1 is drawn as it is. With more, its samples move away from the other class, beyond their own mean, and
 * become alike: that is the trade of diversity for being recognizable. At s = 0 the class does not matter.
 *
 *     npx tsx examples/08-guidance.ts [samples]
 */
import { RandomStream } from 'kuosan/core';
import {
  classConditions,
  classifierFreeGuidance,
  classLabelsOf,
  ddim,
  drainSampler,
  initialNoise,
  linearSchedule,
  mixtureDenoiser,
  timesteps,
  type Denoiser,
} from 'kuosan/diffusion';

const samples = Number(process.argv[2] ?? 4000);
const schedule = linearSchedule();
const classes = [
  { mean: [-1], std: 1 },
  { mean: [1], std: 1 },
];
const ofClass = classes.map((component) => mixtureDenoiser(schedule, [component]));
const ofBoth = mixtureDenoiser(schedule, classes);

/** The number that stands for "any class", the null label. */
const nullLabel = 2;

/** Follows the class if it is given one: what a network learns that is trained with label dropout. */
const denoise: Denoiser = (xt, t, options) => {
  const [label] = classLabelsOf(options.conditions)!;
  return (label === nullLabel ? ofBoth : ofClass[label!]!)(xt, t, options);
};

console.log('    s    mean    deviation    nearer to the other class');
for (const scale of [0, 1, 2, 4, 8]) {
  const guided = classifierFreeGuidance(denoise, { schedule, scale, nothing: classConditions([nullLabel]) });
  const streams = Array.from({ length: samples }, (_, i) => new RandomStream(0, 'sample', i));
  const { data } = await drainSampler(
    ddim(guided, initialNoise([samples, 1], streams), {
      schedule,
      timesteps: timesteps(schedule.T, 100),
      streams,
      conditions: classConditions(Array<number>(samples).fill(1)),
    }),
  );
  const mean = data.reduce((sum, x) => sum + x, 0) / samples;
  const deviation = Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / samples);
  const wrong = data.filter((x) => x < 0).length / samples;
  console.log(
    `${String(scale).padStart(5)} ${mean.toFixed(3).padStart(7)} ${deviation.toFixed(3).padStart(12)} ${(100 * wrong).toFixed(1).padStart(10)} %`,
  );
}
