import { float32, sizeOf, type Executor, type FloatArray, type Program } from '../core/index.ts';
import type { FeatureExtractor } from './feature-extractor.ts';

/**
 * The extractor of a program that takes `images` [B, C, H, W] and gives `features` [B, D], both of a fixed B: fewer images are
 * padded, more are taken in turn.
 *
 * @param program  weights built in
 */
export async function programFeatures(
  executor: Executor,
  program: Program,
  about: Pick<FeatureExtractor, 'name' | 'isFid' | 'classes'>,
): Promise<FeatureExtractor> {
  const shape = program.inputs['images']!.shape;
  const [batchSize] = shape as readonly [number];
  const [, dim] = program.outputs['features']!.shape as readonly [number, number];
  const size = sizeOf(shape.slice(1));
  const executable = await executor.compile(program);
  return {
    ...about,
    dim,
    async extract(images): Promise<FloatArray> {
      const [count] = images.shape as readonly [number];
      if (images.shape.slice(1).join() !== shape.slice(1).join())
        throw new Error(
          `features ${about.name}: opened for images of [${shape.slice(1).join(', ')}], got [${images.shape.slice(1).join(', ')}]`,
        );
      const features = new Float32Array(count * dim);
      for (let first = 0; first < count; first += batchSize) {
        const batch = new Float32Array(batchSize * size);
        batch.set(images.data.subarray(first * size, (first + batchSize) * size));
        const { features: found } = await executable.run(null, { images: float32(shape, batch) });
        features.set(
          (found!.data as Float32Array).subarray(0, (Math.min(count, first + batchSize) - first) * dim),
          first * dim,
        );
      }
      return float32([count, dim], features);
    },
    dispose: () => executable.dispose(),
  };
}
