import { setImmediate } from 'node:timers/promises';
import { openData } from '../open-data.ts';
import type { FloatArray } from '../../core/index.ts';
import { checkExtension, checkWritable, renderFigure, writePng, type Dataset } from '../../data/index.ts';
import { classConditions, type SamplerName, type TimeSpacing } from '../../diffusion/index.ts';
import {
  compareFeatures,
  defaultFeatures,
  fewestImages,
  readFeatures,
  realFeatures,
  type FeatureComparison,
  type FeatureSource,
} from '../../eval/index.ts';
import { compareSamplers, imageShapeOf, type ComparedCell, type SamplerComparison } from '../../pipelines/index.ts';
import { biasNotes, describeFeatures, frechetName } from '../measure/describe-evaluation.ts';
import type { FeatureCommandOptions } from '../measure/feature-options.ts';
import { checkOutside } from '../check-apart.ts';
import { checkGuidanceOptions, guidanceOptions, type GuidanceCommandOptions } from '../guidance-options.ts';
import { layComparison, type Quality } from './lay-comparison.ts';
import { allImages, checkNeedsNoText, classesFor, samplerOf, type OpenImages } from '../open-images.ts';
import { withImages } from '../with-images.ts';
import { UsageError } from '../options.ts';
import type { SourceOptions } from '../sampling-options.ts';
import { createProgress } from '../progress.ts';

/** The options of `kuosan compare`. */
export interface CompareCommandOptions extends SourceOptions, FeatureCommandOptions, GuidanceCommandOptions {
  readonly samplers: readonly SamplerName[];
  readonly steps: readonly number[];
  readonly spacing?: TimeSpacing;
  readonly count: number;
  readonly data?: string;
  readonly referenceSteps: number;
  readonly out: string;
  readonly class?: string;
  readonly seed: number;
}

export async function runCompare(source: string | undefined, options: CompareCommandOptions): Promise<void> {
  const { samplers, steps, spacing, count, out, seed, referenceSteps, exact, data = exact } = options;
  checkGuidanceOptions(options);
  checkExtension(out, '.png');
  if (options.features !== undefined && data === undefined)
    throw new UsageError('--features compares with real images; add --data');
  await checkWritable(out);
  await checkOutside({ '--out': out }, [data, exact]);
  const named = options.features === undefined ? undefined : await readFeatures(options.features, options);
  await withImages(source, options, async (opened, signal) => {
    const progress = createProgress('comparing', samplers.length * steps.length + 1);
    try {
      checkNeedsNoText(opened, 'compare');
      const sampler = samplerOf(opened, 'compare');
      const imageShape = imageShapeOf(sampler.shape);
      const [channels, height, width] = imageShape;
      named?.check(imageShape);
      const dataset =
        data === undefined ? undefined : await openData(data, { size: [height, width], channels: channels as 1 | 3 });
      const isEnough = dataset && count >= fewestImages && dataset.count >= 2 * fewestImages;
      const measure =
        dataset &&
        (await openMeasure(
          named ?? (isEnough ? await defaultFeatures(imageShape) : undefined),
          dataset,
          opened,
          options,
          signal,
        ));
      const images = dataset && allImages(dataset);
      let drawn = '';
      let done = -1;
      // An exact denoiser never waits for anything, and Ctrl-C has to be heard.
      const { denoiser } = sampler;
      const attentive = {
        ...sampler,
        denoiser: (guidance = {}) => {
          const denoise = denoiser(guidance);
          return async (...asked: Parameters<typeof denoise>) => (
            await setImmediate(),
            signal.throwIfAborted(),
            denoise(...asked)
          );
        },
      };
      const labels = classesFor(opened, options.class, count);
      const comparison = await compareSamplers(attentive, {
        samplers,
        steps,
        spacing,
        seed,
        count,
        referenceSteps,
        ...guidanceOptions(options),
        data: images,
        signal,
        ...(labels && { conditions: classConditions(labels) }),
        onStep: (_, what) => {
          if (what !== drawn) done++;
          progress.update(done, (drawn = what));
        },
      });
      const distances = new Map<ComparedCell, FeatureComparison>();
      if (measure)
        for (const cell of [comparison.reference, ...comparison.cells]) distances.set(cell, await measure(cell.images));
      progress.update(done + 1, 'done');
      progress.stop();
      await writePng(
        out,
        await renderFigure(layComparison(comparison, samplers, steps, qualityOf(comparison, distances))),
      );
      for (const line of describe(comparison, options, distances)) process.stdout.write(`${line}\n`);
      process.stdout.write(
        `${out}: written; seed ${seed}, ${count} ${count === 1 ? 'image' : 'images'}, on ${opened.generator.device}\n`,
      );
    } finally {
      progress.stop();
    }
  });
}

/** Compares generated images with real ones, whose features are extracted once; undefined without features. */
async function openMeasure(
  features: FeatureSource | undefined,
  dataset: Dataset,
  { generator, executor }: OpenImages,
  { count, seed }: CompareCommandOptions,
  signal: AbortSignal,
): Promise<((images: FloatArray) => Promise<FeatureComparison>) | undefined> {
  if (!features) return undefined;
  const extractor = await features.open(await executor(), imageShapeOf(generator.shape));
  const real = await realFeatures(extractor, dataset, { count, seed, signal });
  return (images) =>
    compareFeatures(
      extractor,
      (async function* () {
        yield images;
      })(),
      real,
      { seed, signal },
    );
}

/** The table of each measure: a row for each sampler, a column for each number of steps. */
function describe(
  { reference, cells }: SamplerComparison,
  { samplers, steps }: CompareCommandOptions,
  distances: ReadonlyMap<ComparedCell, FeatureComparison>,
): string[] {
  const width = Math.max(...samplers.map((name) => name.length), 7);
  const table = (title: string, value: (cell: ComparedCell) => string) => [
    title,
    `${'steps'.padEnd(width)}${steps.map((count) => String(count).padStart(9)).join('')}`,
    ...samplers.map(
      (sampler) =>
        `${sampler.padEnd(width)}${steps.map((count) => value(cells.find((cell) => cell.sampler === sampler && cell.steps === count)!).padStart(9)).join('')}`,
    ),
  ];
  const converged = distances.get(reference);
  const number = (value: number | null) => (value === null ? '–' : value.toFixed(4));
  return [
    ...table(
      `RMS difference to the converged images (${reference.sampler}, ${reference.steps} steps) from the same noise, values in −1 … 1:`,
      ({ toReference }) => number(toReference),
    ),
    ...(reference.toData === null
      ? []
      : table(
          `RMS difference to the nearest image of the data (converged: ${reference.toData.toFixed(4)}):`,
          ({ toData }) => number(toData),
        )),
    ...(converged
      ? [
          describeFeatures(converged),
          ...table(
            `${frechetName(converged)} to the data (real vs real: ${converged.realBaseline.frechetDistance.toFixed(3)}, converged: ${converged.frechetDistance.toFixed(3)}):`,
            (cell) => distances.get(cell)!.frechetDistance.toFixed(3),
          ),
          ...biasNotes(converged),
        ]
      : reference.toData === null
        ? []
        : [
            `no Fréchet distance to the data: it needs ${fewestImages} samples (--count) and ${2 * fewestImages} real images`,
          ]),
    ...table('evaluations of the denoiser for an image:', ({ evaluations }) => String(Number(evaluations.toFixed(1)))),
  ];
}

/** The most informative of the measurements: the distance to the data, the nearest image of it, or the converged images. */
function qualityOf(
  { reference, cells }: SamplerComparison,
  distances: ReadonlyMap<ComparedCell, FeatureComparison>,
): Quality {
  const converged = distances.get(reference);
  if (converged)
    return { title: `${frechetName(converged)} to the data`, of: (cell) => distances.get(cell)!.frechetDistance };
  // What adds noise converges to no one image, so only the data measures all.
  if (cells.every(({ toData }) => toData !== null))
    return { title: 'RMS difference to the nearest image of the data', of: ({ toData }) => toData };
  return { title: 'RMS difference to the converged images', of: ({ toReference }) => toReference };
}
