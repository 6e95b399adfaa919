import { layClassGrid } from '../../data/index.ts';
import { classConditions } from '../../diffusion/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { checkNeedsNoImage, classesFor, openImages, sampleOptions } from '../open-images.ts';
import { checkSamplerOptions, type SamplerCommandOptions, type SourceOptions } from '../sampling-options.ts';
import { checkImageFiles, writeSamples, type ImageOutputs } from './write-images.ts';

/** The options of `kuosan sample`. */
export interface SampleCommandOptions extends SourceOptions, SamplerCommandOptions, ImageOutputs {
  readonly count: number;
  readonly seed: number;
}

export async function runSample(source: string | undefined, options: SampleCommandOptions): Promise<void> {
  const { count, out, seed, batchSize } = options;
  checkSamplerOptions(options);
  await checkImageFiles(options, count);
  const opened = await openImages(source, options);
  const interrupt = interruptSignal(() => process.stderr.write('\nstopping\n'));
  try {
    checkNeedsNoImage(opened, 'sample');
    const start = performance.now();
    const labels = classesFor(opened, options.class, count);
    const how = sampleOptions(options, opened.sampler);
    await writeSamples(
      opened.sampler.sample({
        ...how,
        seed,
        count,
        ...(labels && { conditions: classConditions(labels) }),
        signal: interrupt.signal,
      }),
      options,
      { count, batchSize, lay: (images) => layClassGrid(images, labels, opened.model?.classes?.names) },
    );
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(
      `${out}: ${count} ${count === 1 ? 'image' : 'images'} with ${how.sampler}, seed ${seed}, on ${opened.device} in ${seconds.toFixed(1)} s (${(seconds / count).toFixed(2)} s each)\n`,
    );
  } finally {
    interrupt.release();
    await opened.dispose();
  }
}
