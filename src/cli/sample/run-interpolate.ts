import { layGrid, writeGif, writePng, type Bitmap } from '../../data/index.ts';
import { rowsOf, samplerNamed, samplersWhich } from '../../diffusion/index.ts';
import type { FloatArray } from '../../core/index.ts';
import {
  interpolationRequest,
  samplingProgress,
  samplingStage,
  type DiffusionGenerator,
} from '../../generators/index.ts';
import {
  interpolateConditions,
  interpolatedCount,
  interpolateSeeds,
  type SampleProgress,
} from '../../pipelines/index.ts';
import { checkApart } from '../check-apart.ts';
import { checkGuidanceOptions } from '../guidance-options.ts';
import { classesFor, samplerOf, samplingFrom } from '../open-images.ts';
import { withImages } from '../with-images.ts';
import { UsageError } from '../options.ts';
import { checkPromptOptions, type PromptOptions } from '../prompt-options.ts';
import type { SamplerCommandOptions, SourceOptions } from '../sampling-options.ts';
import { checkHasClip, readModelImage } from './read-model-image.ts';
import { checkImageFiles, followSampling, writeEach, type ImageOutputs } from './write-images.ts';

/** The options of `kuosan interpolate`. */
export interface InterpolateCommandOptions extends SourceOptions, SamplerCommandOptions, PromptOptions, ImageOutputs {
  readonly seeds?: readonly number[];
  readonly frames: number;
}

/** The least width of an animation's frame, in pixels. */
const gifSide = 256;

export async function runInterpolate(source: string | undefined, options: InterpolateCommandOptions): Promise<void> {
  const { images: given, ...others } = options;
  const files = given?.split(',').map((file) => file.trim());
  if (files && files.length > 1) return runInterpolateImages(source, { ...others, files });
  const { frames, out, images, sampler = 'ddim', prompt: prompts = [] } = options;
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
    await writeBetween(samples, options);
    if (images) await writeEach(images, samples);
    process.stdout.write(
      `${out}: ${count} images between ${prompts.length > 1 ? prompts.join(', ') : `seeds ${seeds.join(', ')}`} with ${sampler} on ${opened.generator.device} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
  });
}

/** Interpolates between images of files: their embeddings, and the noise from which each is generated again. */
async function runInterpolateImages(
  source: string | undefined,
  options: InterpolateCommandOptions & { readonly files: readonly string[] },
): Promise<void> {
  const { files, frames, seeds, sampler, prompt, out } = options;
  const given = Object.entries({ '--seeds': seeds, '--prompt': prompt }).find(([, value]) => value !== undefined);
  if (given) throw new UsageError(`${given[0]}: images are interpolated from their own noise; leave it out`);
  if (sampler !== undefined && sampler !== 'ddim')
    throw new UsageError('--sampler: inversion is that of ddim; leave it out');
  checkGuidanceOptions(options);
  const count = interpolatedCount(files.length, frames);
  await checkImageFiles(options, count);
  await checkApart(out, Object.fromEntries(files.map((file) => [`the image ${file}`, file])));
  await withImages(source, options, async (opened, signal) => {
    const start = performance.now();
    checkHasClip(opened, 'interpolating images');
    const { generator } = opened;
    const images: FloatArray[] = [];
    for (const file of files) images.push(await readModelImage(file, generator));
    const request = await interpolationRequest(generator, {
      images,
      frames,
      sampling: samplingFrom({ ...options, sampler: 'ddim' }),
      signal,
    });
    await writeBetween(await followSampling(generator.generate(request), count), options);
    process.stdout.write(
      `${out}: ${count} images between ${files.join(', ')} with ddim on ${generator.device} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
  });
}

async function writeBetween(
  samples: readonly Bitmap[],
  { out, gif, frames }: Pick<InterpolateCommandOptions, 'out' | 'gif' | 'frames'>,
): Promise<void> {
  await writePng(out, layGrid(rowsBetween(samples, frames), { columns: frames }));
  if (!gif) return;
  const scale = Math.max(1, Math.ceil(gifSide / samples[0]!.width));
  const turning = [...samples, ...samples.slice(1, -1).reverse()].map((image) => layGrid([image], { scale }));
  await writeGif(gif, turning, { lastDelay: 80 });
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
