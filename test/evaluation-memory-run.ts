/** Evaluates made-up pictures in a process of its own, and prints its memory after 500 and after 50,000 of them; see evaluate.test.ts. */
import { float32, RandomStream, type FloatArray } from '../src/core/index.ts';
import type { DatasetContent } from '../src/data/index.ts';
import { compare, realFeatures, type FeatureExtractor } from '../src/eval/index.ts';

const dim = 64;
const size = 3 * 32 * 32;

/** The first pixels are the features: nothing that takes time, nothing that keeps pictures. */
const extractor: FeatureExtractor = {
  name: 'pixels', isFid: false, dim,
  async extract({ shape: [count], data }) {
    const features = new Float32Array(count! * dim);
    for (let b = 0; b < count!; b++) features.set(data.subarray(b * size, b * size + dim), b * dim);
    return float32([count!, dim], features);
  },
  dispose: async () => {},
};

const random = new RandomStream(0, 'evaluation memory', 0);
const count = 1000;
const data: DatasetContent = { images: Uint8Array.from({ length: count * size }, () => random.integer(256)), count, height: 32, width: 32, channels: 3, ids: [], skipped: [], notes: [] };
const real = await realFeatures(extractor, data, { count: 500, seed: 0 });

const megabytes: number[] = [];
const total = 50_000;
async function* pictures(): AsyncGenerator<FloatArray, void, undefined> {
  for (let done = 0; done < total; done += 50) {
    const values = new Float32Array(50 * size);
    // The features alone are drawn: the rest of 150 million numbers would only take time.
    for (let b = 0; b < 50; b++) for (let i = 0; i < dim; i++) values[b * size + i] = 2 * random.uniform() - 1;
    yield float32([50, 3, 32, 32], values);
    if (done + 50 !== 500 && done + 50 !== total) continue;
    globalThis.gc!();
    megabytes.push(process.memoryUsage.rss() / 2 ** 20);
  }
}
const { count: measured } = await compare(extractor, pictures(), real, { seed: 0 });
if (measured !== total) throw new Error(`internal: ${measured} pictures were measured`);
console.log(JSON.stringify(megabytes));
