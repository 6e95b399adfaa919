import type { Executor, FloatArray, Program } from '../core/index.ts';
import { mapInBatches } from '../pipelines/index.ts';
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
  const executable = await executor.compile(program);
  return {
    ...about,
    dim,
    async extract(images): Promise<FloatArray> {
      if (images.shape.slice(1).join() !== shape.slice(1).join())
        throw new Error(
          `features ${about.name}: opened for images of [${shape.slice(1).join(', ')}], got [${images.shape.slice(1).join(', ')}]`,
        );
      return mapInBatches(
        images,
        batchSize,
        dim,
        async (batch) => (await executable.run(null, { images: batch }))['features'] as FloatArray,
      );
    },
    dispose: () => executable.dispose(),
  };
}
