/**
 * The forward process of an image, iterated and in closed form.
 *
 *     iterated     x_t = √(1−β_t) x_{t−1} + √β_t z      (DDPM, eq. 2), a thousand times
 *     closed form  x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε          (eq. 4), at once
 *
 * The two are different images with one distribution: their means and deviations agree at every t.
 * forward.png shows both, the closed form above.
 *
 *     npx tsx examples/02-forward-process.ts [T]
 */
import { float32, RandomStream, type FloatArray } from 'kuosan/core';
import { fromBitmaps, layGrid, openDataset, imagesAt, toBitmaps, writePng } from 'kuosan/data';
import { linearSchedule, qSample, qStep } from 'kuosan/diffusion';

const T = Number(process.argv[2] ?? 1000);
const dataset = await openDataset('noto-emoji/smileys', { size: 32 });
const x0 = fromBitmaps(imagesAt(dataset, [0])); // [1, 3, 32, 32] in [−1, 1]
const schedule = linearSchedule({ T });

const normals = (random: RandomStream) => float32(x0.shape, random.fillNormal(new Float32Array(x0.data.length)));
const eps = normals(new RandomStream(0, 'closed form'));
const steps = new RandomStream(0, 'iterated');
const shown = Array.from({ length: 9 }, (_, i) => Math.round((i * T) / 8) - 1); // −1 is the clean image

function moments({ data }: FloatArray): string {
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const std = Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length);
  return `${mean.toFixed(3).padStart(7)} ± ${std.toFixed(3)}`;
}

const closed: FloatArray[] = [];
const iterated: FloatArray[] = [];
let x = x0;
console.log('    t    closed form         iterated');
for (let t = -1; t < T; t++) {
  if (t >= 0) x = qStep(schedule, x, [t], normals(steps));
  if (!shown.includes(t)) continue;
  closed.push(qSample(schedule, x0, [t], eps));
  iterated.push(x);
  console.log(`${String(t + 1).padStart(5)}  ${moments(closed.at(-1)!)}  ${moments(x)}`);
}
await writePng(
  'forward.png',
  layGrid(
    [...closed, ...iterated].flatMap((image) => toBitmaps(image)),
    { columns: shown.length },
  ),
);
console.log('forward.png: written');
