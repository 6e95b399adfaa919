/**
 * Evaluates made-up images in a process of its own, from the real ones to the last distance, and prints the peak of its
 * memory in MB; see evaluate.test.ts.
 *
 *     node … evaluation-memory-run.ts <images> <list.jsonl>
 */
import { NearestList } from '../src/cli/measure/nearest-list.ts';
import { float32, type FloatArray } from '../src/core/index.ts';
import { imagesInMemory, type DatasetContent } from '../src/data/index.ts';
import { compareFeatures, nearestImages, realFeatures, type FeatureExtractor } from '../src/eval/index.ts';

const [total, list] = [Number(process.argv[2]), process.argv[3]!];
const dim = 128;
const size = 3 * 8 * 8;
const batchSize = 50;

/** The first pixels are the features: nothing that takes time, nothing that keeps images. */
const extractor: FeatureExtractor = {
  name: 'pixels',
  isFid: false,
  dim,
  async extract({ shape: [count], data }) {
    const features = new Float32Array(count! * dim);
    for (let b = 0; b < count!; b++) features.set(data.subarray(b * size, b * size + dim), b * dim);
    return float32([count!, dim], features);
  },
  dispose: async () => {},
};

/** Some byte for each place: a generator of random numbers would take most of the time. */
const byteAt = (place: number) => Math.imul(place ^ (place >>> 7), 0x9e3779b1) >>> 24;
const dataOf = (count: number): DatasetContent => ({
  images: imagesInMemory(
    new Uint8Array(count * size).map((_, i) => byteAt(i)),
    size,
  ),
  count,
  height: 8,
  width: 8,
  channels: 3,
  ids: Array.from({ length: count }, (_, i) => String(i)),
  skipped: [],
  notes: [],
});

// As many real images however many are measured: they lie in memory, and the largest count has its two halves of them.
const data = dataOf(100_000);
const few = dataOf(20);
const nearest = await NearestList.begin(list, few.ids);
const real = await realFeatures(extractor, data, { count: total, seed: 0 });
async function* images(): AsyncGenerator<FloatArray, void, undefined> {
  for (let done = 0; done < total; done += batchSize) {
    const images = float32(
      [batchSize, 3, 8, 8],
      Float32Array.from({ length: batchSize * size }, (_, i) => byteAt(7 * (done * size + i)) / 127.5 - 1),
    );
    await nearest.add(nearestImages(images, few));
    yield images;
  }
}
const { count, realBaseline } = await compareFeatures(extractor, images(), real, { seed: 0 });
if (count !== total || realBaseline.count !== total || nearest.count !== total)
  throw new Error(`internal: ${count}, ${realBaseline.count} and ${nearest.count} images were measured, not ${total}`);
console.log(JSON.stringify(process.resourceUsage().maxRSS / 1024));
