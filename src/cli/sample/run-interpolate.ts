import { layGrid, writeGif, writePng, type Bitmap } from '../../data/index.ts';
import { classConditions, samplerNamed, samplersWhich } from '../../diffusion/index.ts';
import { samplingProgress, samplingStage } from '../../generators/index.ts';
import { interpolatedCount, interpolateSeeds } from '../../pipelines/index.ts';
import { checkGuidanceOptions } from '../guidance-options.ts';
import { classesFor, samplerOf, samplingFrom } from '../open-images.ts';
import { withImages } from '../with-images.ts';
import { UsageError } from '../options.ts';
import type { SamplerCommandOptions, SourceOptions } from '../sampling-options.ts';
import { checkImageFiles, followSampling, writeEach, type ImageOutputs } from './write-images.ts';

/** The options of `kuosan interpolate`. */
export interface InterpolateCommandOptions extends SourceOptions, SamplerCommandOptions, ImageOutputs {
  readonly seeds: readonly number[];
  readonly frames: number;
}

/** The least width of an animation's frame, in pixels. */
const gifSide = 256;

export async function runInterpolate(source: string | undefined, options: InterpolateCommandOptions): Promise<void> {
  const { seeds, frames, out, gif, images, sampler = 'ddim' } = options;
  if (samplerNamed(sampler).random) {
    const determined = samplersWhich(({ random }) => !random).map(({ name }) => name);
    throw new UsageError(
      `--sampler: ${sampler} adds noise in every step, so interpolated noise does not give interpolated images; take ${determined.join(', ')}`,
    );
  }
  checkGuidanceOptions(options);
  await checkImageFiles(options, interpolatedCount(seeds.length, frames));
  await withImages(source, options, async (opened, signal) => {
    const model = samplerOf(opened, 'interpolate');
    const start = performance.now();
    const count = interpolatedCount(seeds.length, frames);
    // Class by class in turn would change the image for another reason than its noise.
    const labels = classesFor(opened, options.class, 1);
    const states = interpolateSeeds(model, {
      ...samplingFrom({ ...options, sampler }),
      seeds,
      frames,
      ...(labels && { conditions: classConditions(labels) }),
      signal,
    });
    const samples = await followSampling(
      samplingProgress(samplingStage, states, Math.ceil(count / model.batchSize)),
      count,
    );
    await writePng(out, layGrid(rowsBetween(samples, frames), { columns: frames }));
    if (images) await writeEach(images, samples);
    if (gif) {
      const scale = Math.max(1, Math.ceil(gifSide / samples[0]!.width));
      const turning = [...samples, ...samples.slice(1, -1).reverse()].map((image) => layGrid([image], { scale }));
      await writeGif(gif, turning, { lastDelay: 80 });
    }
    process.stdout.write(
      `${out}: ${count} images between seeds ${seeds.join(', ')} with ${sampler} on ${opened.generator.device} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
  });
}

/** A row from each seed to the next: the image where two rows meet ends one and begins the other. */
function rowsBetween(samples: readonly Bitmap[], frames: number): Bitmap[] {
  const rows = (samples.length - 1) / (frames - 1);
  return Array.from({ length: rows }, (_, row) =>
    samples.slice(row * (frames - 1), row * (frames - 1) + frames),
  ).flat();
}
