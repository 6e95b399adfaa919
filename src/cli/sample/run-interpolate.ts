import { layGrid, writeGif, writePng, type Bitmap } from '../../data/index.ts';
import { rowsOf, samplerNamed, samplersWhich } from '../../diffusion/index.ts';
import { samplingProgress, samplingStage, type DiffusionGenerator } from '../../generators/index.ts';
import {
  interpolateConditions,
  interpolatedCount,
  interpolateSeeds,
  type SampleProgress,
} from '../../pipelines/index.ts';
import { checkGuidanceOptions } from '../guidance-options.ts';
import { classesFor, samplerOf, samplingFrom } from '../open-images.ts';
import { withImages } from '../with-images.ts';
import { UsageError } from '../options.ts';
import { checkPromptOptions, type PromptOptions } from '../prompt-options.ts';
import type { SamplerCommandOptions, SourceOptions } from '../sampling-options.ts';
import { checkImageFiles, followSampling, writeEach, type ImageOutputs } from './write-images.ts';

/** The options of `kuosan interpolate`. */
export interface InterpolateCommandOptions extends SourceOptions, SamplerCommandOptions, PromptOptions, ImageOutputs {
  readonly seeds?: readonly number[];
  readonly frames: number;
}

/** The least width of an animation's frame, in pixels. */
const gifSide = 256;

export async function runInterpolate(source: string | undefined, options: InterpolateCommandOptions): Promise<void> {
  const { frames, out, gif, images, sampler = 'ddim', prompt: prompts = [] } = options;
  const seeds = seedsOf(options);
  if (samplerNamed(sampler).random) {
    const determined = samplersWhich(({ random }) => !random).map(({ name }) => name);
    throw new UsageError(
      `--sampler: ${sampler} adds noise in every step, so interpolated noise does not give interpolated images; take ${determined.join(', ')}`,
    );
  }
  checkGuidanceOptions(options);
  const ends = Math.max(seeds.length, prompts.length);
  const count = interpolatedCount(ends, frames);
  await checkImageFiles(options, count);
  await withImages(source, options, async (opened, signal) => {
    const model = samplerOf(opened, 'interpolate');
    const start = performance.now();
    const sampling = samplingFrom({ ...options, sampler });
    checkPromptOptions(options, opened.generator.takes);
    const generator = opened.generator as DiffusionGenerator;
    // Class by class in turn would change the image for another reason than its noise.
    const labels = classesFor(opened, options.class, 1);
    const { conditions, negative } = await generator.conditionsOf({
      count: Math.max(1, prompts.length),
      classes: labels,
      ...(prompts.length > 0 && { prompts }),
      ...(options.style !== undefined && { styles: [options.style] }),
      ...(options.negativePrompt !== undefined && { negativePrompts: [options.negativePrompt] }),
    });
    const states: AsyncGenerator<SampleProgress, void, undefined> =
      prompts.length > 1
        ? model.sample({
            ...sampling,
            seed: seeds[0]!,
            count,
            ids: Array.from({ length: count }, () => ({ seed: seeds[0]!, index: 0 })),
            conditions: interpolateConditions(conditions, frames),
            ...(negative && { negative: rowsOf(negative, Array<number>(count).fill(0)) }),
            signal,
          })
        : interpolateSeeds(model, { ...sampling, seeds, frames, conditions, signal });
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
      `${out}: ${count} images between ${prompts.length > 1 ? prompts.join(', ') : `seeds ${seeds.join(', ')}`} with ${sampler} on ${opened.generator.device} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
  });
}

/**
 * The seeds of the ends, or the one that is kept on the way from prompt to prompt.
 *
 * @throws UsageError if there is nothing to interpolate between, or two things at once
 */
function seedsOf({ seeds, prompt: prompts = [] }: InterpolateCommandOptions): readonly number[] {
  if (prompts.length > 1) {
    if (seeds && seeds.length > 1)
      throw new UsageError(
        `--seeds: ${prompts.length} prompts are interpolated at one seed, got ${seeds.length}; give one seed, or one prompt`,
      );
    return seeds ?? [0];
  }
  if (!seeds || seeds.length < 2)
    throw new UsageError(
      `--seeds: expected two or more seeds separated by commas, or several prompts, got ${seeds ? JSON.stringify(seeds.join(',')) : 'none'}`,
    );
  return seeds;
}

/** A row from each seed to the next: the image where two rows meet ends one and begins the other. */
function rowsBetween(samples: readonly Bitmap[], frames: number): Bitmap[] {
  const rows = (samples.length - 1) / (frames - 1);
  return Array.from({ length: rows }, (_, row) =>
    samples.slice(row * (frames - 1), row * (frames - 1) + frames),
  ).flat();
}
