/**
 * In-painting by RePaint, with a denoiser that was never made for it.
 *
 * In every step what is known is put back, with the noise of that time on it, and the rest is DDPM's step (Lugmayr et al. 2022,
 * algorithm 1). That alone fits badly: the part that is painted hears of the rest only through x̂_0. So the method goes back
 * towards the noise and walks the same stretch again, r times.
 *
 * The denoiser is the exact one of a data set, so what comes out can be judged: each half image has one other half. painted.png
 * shows the images, what is known of them, and what is painted with r = 1 and r = 8.
 *
 *     npx tsx examples/09-in-painting.ts [images]
 */
import { float32, RandomStream } from 'kuosan/core';
import { fromBitmaps, layGrid, openDataset, imagesAt, toBitmaps, writePng } from 'kuosan/data';
import { datasetDenoiser, drainSampler, initialNoise, linearSchedule, repaint, timesteps } from 'kuosan/diffusion';

const count = Number(process.argv[2] ?? 8);
const side = 16;
const dataset = await openDataset('noto-emoji/smileys', { size: side });
const images = fromBitmaps(
  imagesAt(
    dataset,
    Array.from({ length: dataset.count }, (_, i) => i),
  ),
);
const size = 3 * side * side;
const schedule = linearSchedule();
const denoise = datasetDenoiser(schedule, images);

// Every twentieth image; of each only a strip is known.
const chosen = Array.from({ length: count }, (_, b) => (20 * b) % dataset.count);
const known = float32(
  [count, 3, side, side],
  Float32Array.from(
    { length: count * size },
    (_, i) => images.data[chosen[Math.floor(i / size)]! * size + (i % size)]!,
  ),
);
const mask = float32(
  [count, 1, side, side],
  Float32Array.from({ length: count * side * side }, (_, i) => (i % side < 6 ? 0 : 1)),
);
const hidden = float32(
  known.shape,
  known.data.map((x, i) => (i % side < 6 ? x : 0)),
);

async function paint(resamples: number) {
  const streams = Array.from({ length: count }, (_, i) => new RandomStream(0, 'sample', i));
  return drainSampler(
    repaint(denoise, initialNoise(known.shape, streams), {
      schedule,
      timesteps: timesteps(schedule.T, 50),
      streams,
      known,
      mask,
      jumpLength: 5,
      resamples,
    }),
  );
}

const painted = [];
for (const resamples of [1, 8]) {
  const end = await paint(resamples);
  painted.push(end);
  let [right, kept] = [0, true];
  for (let b = 0; b < count; b++) {
    let square = 0;
    for (let i = b * size; i < (b + 1) * size; i++) {
      square += (end.data[i]! - known.data[i]!) ** 2;
      if (i % side < 6 && end.data[i] !== known.data[i]) kept = false;
    }
    if (Math.sqrt(square / size) < 0.05) right++;
  }
  console.log(
    `r = ${resamples}: ${right} of ${count} are the image that the strip is from; ${kept ? 'every known value is as it was' : 'known values have changed'}`,
  );
}
await writePng(
  'painted.png',
  layGrid(
    [known, hidden, ...painted].flatMap((batch) => toBitmaps(batch)),
    { columns: count },
  ),
);
console.log('painted.png: written');
