/**
 * The exact denoiser of a data set: the reverse process without any network.
 *
 * DDPM trains a network because q(x_{t−1} | x_t) "depends on the entire data set". For a small one it can simply be computed:
 * x_t is one of the images x_i, scaled, with noise on it, and by Bayes' rule
 *
 *     p(i | x_t) = softmax_i(−‖x_t − √ᾱ_t x_i‖² / 2(1 − ᾱ_t)),     E[x_0 | x_t] = Σ_i p(i | x_t) x_i
 *
 * No network can have a lower loss. In much noise the estimate is the mean of all images, in little noise one of them; between,
 * it makes up its mind. exact.png shows that: x_t above, E[x_0 | x_t] below.
 *
 *     npx tsx examples/06-exact-denoiser.ts [images generated]
 */
import { float32, RandomStream } from 'kuosan/core';
import { fromBitmaps, layGrid, openDataset, imagesAt, toBitmaps, writePng } from 'kuosan/data';
import {
  datasetDenoiser,
  ddim,
  denoisingLossByNoise,
  drainSampler,
  initialNoise,
  linearSchedule,
  qSample,
  timesteps,
} from 'kuosan/diffusion';

const drawn = Number(process.argv[2] ?? 16);
const dataset = await openDataset('noto-emoji/smileys', { size: 16 });
const images = fromBitmaps(
  imagesAt(
    dataset,
    Array.from({ length: dataset.count }, (_, i) => i),
  ),
); // [N, 3, 16, 16]
const size = images.data.length / dataset.count;
const schedule = linearSchedule();
const denoise = datasetDenoiser(schedule, images);

// The first image with more and more noise, and what can be known of it.
const x0 = float32([1, 3, 16, 16], images.data.slice(0, size));
const eps = float32(x0.shape, new RandomStream(0, 'noise').fillNormal(new Float32Array(size)));
const times = [99, 299, 499, 599, 699, 799, 999];
const noisy = times.map((t) => qSample(schedule, x0, [t], eps));
const estimates = await Promise.all(noisy.map((xt, i) => denoise(xt, [times[i]!], {})));
await writePng(
  'exact.png',
  layGrid(
    [...noisy, ...estimates.map((said) => said.x0)].flatMap((image) => toBitmaps(image)),
    { columns: times.length },
  ),
);

console.log('   t   least loss that is possible');
for (const { t, loss, standardError } of await denoisingLossByNoise(denoise, images, schedule, {
  times,
  draws: 4 * drawn,
  seed: 0,
})) {
  console.log(`${String(t + 1).padStart(4)}   ${loss.toFixed(6)} ± ${standardError.toFixed(6)}`);
}

// Sampled to the end, it gives the images back: a network with this loss would have memorized.
const streams = Array.from({ length: drawn }, (_, i) => new RandomStream(1, 'sample', i));
const end = await drainSampler(
  ddim(denoise, initialNoise([drawn, 3, 16, 16], streams), { schedule, timesteps: timesteps(1000, 50), streams }),
);
const nearest = Array.from({ length: drawn }, (_, b) => {
  const squares = Array.from({ length: dataset.count }, (_unused, k) => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += (end.data[b * size + i]! - images.data[k * size + i]!) ** 2;
    return sum / size;
  });
  const least = Math.min(...squares);
  return { name: dataset.captions![squares.indexOf(least)]!, distance: Math.sqrt(least) };
});
console.log(`\n${drawn} drawn, each next to the nearest of the ${dataset.count} images:`);
for (const { name, distance } of nearest) console.log(`  ${name} (${distance.toFixed(4)} away)`);
console.log('exact.png: written');
