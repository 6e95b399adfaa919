import { layClassGrid } from '../../data/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { checkNeedsNoImage, classesFor, openImages, samplerUsed, samplingFrom } from '../open-images.ts';
import { checkSamplerOptions, type SamplerCommandOptions, type SourceOptions } from '../sampling-options.ts';
import { checkImageFiles, writeSamples, type ImageOutputs } from './write-images.ts';

/** The options of `kuosan sample`. */
export interface SampleCommandOptions extends SourceOptions, SamplerCommandOptions, ImageOutputs {
  readonly count: number;
  readonly seed: number;
}

export async function runSample(source: string | undefined, options: SampleCommandOptions): Promise<void> {
  const { count, out, seed } = options;
  checkSamplerOptions(options);
  await checkImageFiles(options, count);
  const opened = await openImages(source, options);
  const interrupt = interruptSignal(() => process.stderr.write('\nstopping\n'));
  try {
    checkNeedsNoImage(opened, 'sample');
    const start = performance.now();
    const classes = classesFor(opened, options.class, count);
    const sampling = samplingFrom(options);
    await writeSamples(
      opened.generator.generate({ seed, count, classes, sampling, signal: interrupt.signal }),
      options,
      { count, lay: (images) => layClassGrid(images, classes, opened.generator.takes.classes?.names ?? undefined) },
    );
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(
      `${out}: ${count} ${count === 1 ? 'image' : 'images'} with ${samplerUsed(opened, sampling)}, seed ${seed}, on ${opened.generator.device} in ${seconds.toFixed(1)} s (${(seconds / count).toFixed(2)} s each)\n`,
    );
  } finally {
    interrupt.release();
    await opened.dispose();
  }
}
