import { RandomStream, type FloatArray } from '../../core/index.ts';
import { openData } from '../open-data.ts';
import {
  checkExtension,
  checkWritable,
  layGrid,
  layRows,
  imageBatches,
  imagesAt,
  fromBitmaps,
  takeListed,
  testPartOf,
  writePng,
  type Bitmap,
  type Dataset,
  type Resample,
  type TitledRow,
} from '../../data/index.ts';
import { classConditions, hasSteps, samplerNamed, type Sampling } from '../../diffusion/index.ts';
import {
  bitsPerDimension,
  compareFeatures,
  copyRatio,
  defaultFeatures,
  fewestImages,
  nearestPairs,
  nearestImages,
  openAlignmentMeter,
  readFeatures,
  realFeatures,
  type BitsPerDimension,
  type FeatureSource,
  type LikelihoodBatch,
  type Nearest,
  type WantedClasses,
} from '../../eval/index.ts';
import { imageShapeOf, type ImageShape } from '../../pipelines/index.ts';
import { candidateTexts, captionedRequests, type CaptionedRequests } from './captioned-requests.ts';
import { describeEvaluation, type EvaluationReport } from './describe-evaluation.ts';
import type { FeatureCommandOptions } from './feature-options.ts';
import { checkGuidanceOptions } from '../guidance-options.ts';
import { checkOutside } from '../check-apart.ts';
import { withInterrupt } from '../interrupt.ts';
import { NearestList } from './nearest-list.ts';
import { executorWhenNeeded, type NeededExecutor } from '../open-executor.ts';
import {
  checkNeedsNoImage,
  checkNeedsNoText,
  classesFor,
  openImages,
  samplerOf,
  samplingFrom,
  type OpenImages,
} from '../open-images.ts';
import { UsageError } from '../options.ts';
import type { SamplerCommandOptions, SourceOptions } from '../sampling-options.ts';
import { createProgress, type Progress } from '../progress.ts';

/** The options of `kuosan evaluate`. */
export interface EvaluateOptions extends SourceOptions, SamplerCommandOptions, FeatureCommandOptions {
  readonly data: string;
  /** A list of the real images. */
  readonly files?: string;
  readonly images?: string;
  /** A file with a prompt on each line. */
  readonly prompts?: string;
  /** Values of the fields for these prompts. */
  readonly style?: string;
  /** The CLIP that looks for prompts. */
  readonly clip?: string;
  readonly count: number;
  readonly nearest?: string;
  readonly bpd: boolean;
  readonly bpdCount: number;
  readonly bpdTimes: number;
  readonly seed: number;
  readonly json: boolean;
  readonly skipBad: boolean;
}

/** Real images that a CLIP looks at together. */
const realTogether = 50;

/** Pairs on the sheet of nearest images. */
const sheetPairs = 32;

/** Where images come from: a model, or a folder. */
interface Subject extends NeededExecutor {
  readonly name: string;
  readonly imageShape: ImageShape;
  /** How the images of a folder were decoded, and so the real ones. */
  readonly resample?: Resample | undefined;
  readonly report: Pick<EvaluationReport, 'sampler' | 'chosen'>;
  readonly model?: OpenImages;
  /** How many there will be at most. */
  readonly count: number;
  /** The numbers of a folder's images that were chosen, in the order of their names; undefined for a model's, which are counted. */
  readonly places?: readonly number[];
  /** What each of them should show. */
  readonly classes?: WantedClasses;
  /** @param asked  what they should show, of a model of text to image */
  images(
    onProgress: (share: number) => void,
    asked: CaptionedRequests | undefined,
  ): AsyncGenerator<FloatArray, void, undefined>;
}

export async function runEvaluate(source: string | undefined, options: EvaluateOptions): Promise<void> {
  checkUsage(source, options);
  if (options.nearest)
    for (const path of [options.nearest, NearestList.listPath(options.nearest)]) await checkWritable(path);
  await checkOutside({ '--nearest': options.nearest }, [options.data, options.images]);
  const named = options.features === undefined ? undefined : await readFeatures(options.features, options);
  const display = progressDisplay();
  let subject: Subject | undefined;
  await withInterrupt(async (signal) => {
    // Where images are only scored by their likelihood, none are generated.
    const isSampled = options.nearest !== undefined || !options.bpd;
    const ofFolder = source === undefined ? (named ?? (await defaultFeatures())) : undefined;
    subject = ofFolder ? await openFolder(options, ofFolder, signal) : await openModel(source!, options, signal);
    const { imageShape } = subject;
    const wanted = named ?? ofFolder ?? (isSampled ? await defaultFeatures(imageShape) : undefined);
    wanted?.check(imageShape);
    const whole = await openData(options.data, {
      size: [imageShape[1], imageShape[2]],
      channels: imageShape[0] as 1 | 3,
      resample: subject.resample,
      skipBad: options.skipBad,
      signal,
    });
    const data = options.files === undefined ? whole : await takeListed(whole, options.files);
    const takes = subject.model?.generator.takes;
    if (!takes?.text) checkAsksNothing(options);
    const asked = takes?.text && isSampled ? await captionedRequests(data, takes, options) : undefined;
    // Copies are found among any number of images, distances need some.
    const tooFew = !named && options.nearest && (subject.count < fewestImages || data.count < 2 * fewestImages);
    if (tooFew)
      process.stderr.write(`note: no distances, which need ${fewestImages} images and ${2 * fewestImages} real ones\n`);
    const features = tooFew ? undefined : wanted;
    const report: EvaluationReport = { subject: subject.name, data: data.name, seed: options.seed, ...subject.report };
    const found = {
      ...report,
      ...(await measureImages(subject, { data, whole, asked }, features, options, signal, display)),
      ...(options.bpd && { bitsPerDimension: await measureBits(subject, data, options, signal, display) }),
    };
    display.stop();
    process.stdout.write(options.json ? `${JSON.stringify(found, null, 2)}\n` : describeEvaluation(found));
  }).finally(async () => {
    display.stop();
    await subject?.dispose();
  });
}

function checkUsage(source: string | undefined, options: EvaluateOptions): void {
  const { images, nearest, bpd, sampler, size } = options;
  if ((source === undefined) === (images === undefined))
    throw new UsageError('evaluate takes a model or a folder of images: give a model, or --images');
  if (bpd && source === undefined) throw new UsageError('--bpd: a folder of images has no likelihood; give a model');
  if (size !== undefined && source !== undefined)
    throw new UsageError('--size is for --images; a model generates images of its own size');
  const drawing = [
    'sampler',
    'steps',
    'guidanceScale',
    'guidanceRescale',
    'guidanceInterval',
    'dynamicThreshold',
  ] as const;
  const idle = images === undefined ? undefined : drawing.find((option) => options[option] !== undefined);
  if (idle !== undefined)
    throw new UsageError(
      `--${idle.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: needs a model; --images are already sampled`,
    );
  if (options.style !== undefined && options.prompts === undefined)
    throw new UsageError('--style: captions are sampled in the styles of their images; give it with --prompts');
  checkGuidanceOptions(options);
  if (nearest) checkExtension(nearest, '.png');
  if (sampler !== undefined) samplerNamed(sampler);
}

async function openModel(source: string, options: EvaluateOptions, signal: AbortSignal): Promise<Subject> {
  const { count, seed, bpd } = options;
  const opened = await openImages(source, options);
  try {
    checkNeedsNoImage(opened, 'evaluate');
    if (bpd) checkNeedsNoText(opened, 'evaluate --bpd');
    const { generator, executor, dispose } = opened;
    if (bpd && !hasSteps(samplerOf(opened, 'evaluate --bpd').process.schedule))
      throw new Error(
        `${source}: --bpd needs a discrete-time process, and this model's is continuous; leave --bpd out`,
      );
    const classes = classesFor(opened, undefined, count);
    const request = { seed, count, classes, sampling: samplingFrom(options), signal };
    // What cannot be sampled is said before anything is measured.
    const { style } = options;
    const asked = generator.takes.text?.required
      ? { prompts: ['any'], ...(style !== undefined && { styles: [style] }) }
      : {};
    const [sampling = {}] = Object.values(generator.check({ ...request, ...asked }));
    const names = generator.takes.classes?.names;
    return {
      ...(names && classes && { classes: { names, labels: classes } }),
      name: source,
      imageShape: imageShapeOf(generator.shape),
      count,
      executor,
      dispose,
      report: { sampler: { name: sampling.sampler!, steps: sampling.steps!, ...describedGuidance(sampling) } },
      model: opened,
      async *images(onProgress, wanted) {
        const { prompts, styles } = wanted ?? {};
        const texts = { ...(prompts && { prompts }), ...(styles && { styles }) };
        for await (const { done, total, finished } of generator.generate({ ...request, ...texts })) {
          onProgress(done / total);
          if (finished) yield finished;
        }
      },
    };
  } catch (error) {
    await opened.dispose();
    throw error;
  }
}

/** As the model is sampled, whoever says so: the command or the model's folder. */
function describedGuidance({
  guidanceScale = 1,
  guidanceRescale,
  guidanceInterval,
  dynamicThresholding,
}: Sampling): Omit<NonNullable<EvaluationReport['sampler']>, 'name' | 'steps'> {
  const [from, to] = guidanceInterval ?? [];
  return {
    guidanceScale,
    guidanceRescale,
    guidanceInterval: guidanceInterval && [from!, Number.isFinite(to) ? to! : null],
    dynamicThreshold: dynamicThresholding?.ratio,
  };
}

async function openFolder(options: EvaluateOptions, features: FeatureSource, signal: AbortSignal): Promise<Subject> {
  const { images: folder, size, count, seed, skipBad, batchSize } = options;
  const { imageShape: own, decode } = features;
  const side = size ?? own?.[1] ?? decode?.size;
  if (side === undefined) throw new UsageError('--size is missing: give the size of --images');
  const resample = size === undefined ? decode?.resample : undefined;
  const opened = await openData(folder!, {
    size: side,
    skipBad,
    signal,
    resample,
    ...(own && { channels: own[0] as 1 | 3 }),
  });
  const { labels, classNames } = opened;
  const places = sampledPlaces(opened.count, count, new RandomStream(seed, 'evaluated images', 0));
  return {
    name: folder!,
    imageShape: [opened.channels, side, side],
    resample,
    report: places.length < opened.count ? { chosen: { count: places.length, of: opened.count } } : {},
    count: places.length,
    places,
    ...executorWhenNeeded(options),
    ...(labels && classNames && { classes: { names: classNames, labels: places.map((place) => labels[place]!) } }),
    async *images(onProgress) {
      for (const { images, first, count: found } of imageBatches(opened, batchSize, places)) {
        signal.throwIfAborted();
        onProgress((first + found) / places.length);
        yield {
          ...images,
          shape: [found, ...images.shape.slice(1)],
          data: images.data.subarray(0, (found * images.data.length) / batchSize),
        };
      }
    },
  };
}

/** A random part of a data set, sorted: the first images by name are of one class, and neighbors are alike. */
function sampledPlaces(of: number, count: number, random: RandomStream): number[] {
  return [...random.permutation(of).subarray(0, count)].sort((a, b) => a - b);
}

/** @throws UsageError for options that only a model of text to image has a use for */
function checkAsksNothing({ prompts, style, clip }: EvaluateOptions): void {
  for (const [option, value] of Object.entries({ '--prompts': prompts, '--style': style, '--clip': clip }))
    if (value !== undefined) throw new UsageError(`${option}: needs a model of text to image; leave it out`);
}

/** What images are compared with. */
interface RealImages {
  readonly data: Dataset;
  /** With what a list leaves out: its captions are candidates too. */
  readonly whole: Dataset;
  /** What images should show, of a model of text to image. */
  readonly asked: CaptionedRequests | undefined;
}

/** What needs the images themselves, all in one pass over them. */
async function measureImages(
  subject: Subject,
  { data, whole, asked }: RealImages,
  features: FeatureSource | undefined,
  { count, seed, nearest, clip }: EvaluateOptions,
  signal: AbortSignal,
  display: Display,
): Promise<Pick<EvaluationReport, 'features' | 'alignment' | 'nearest'>> {
  if (!features && !nearest && !(clip && asked)) return {};
  const meter =
    clip !== undefined && asked
      ? await openAlignmentMeter(await subject.executor(), clip, {
          imageShape: subject.imageShape,
          candidates: candidateTexts(asked.prompts, whole, seed),
        })
      : undefined;
  const extractor = await features?.open(await subject.executor(), subject.imageShape);
  const real =
    extractor &&
    (await realFeatures(extractor, data, {
      count,
      seed,
      signal,
      onProgress: (done, total) => display.show('real images', done / total, `${done} of ${total}`),
    }));
  const list = nearest ? await NearestList.begin(NearestList.listPath(nearest), data.ids, subject.places) : undefined;
  const pairs: TitledRow[] = [];
  async function* watched() {
    let done = 0;
    const onProgress = (share: number) => display.show('generated images', share, `${done} of ${subject.count}`);
    for await (const images of subject.images(onProgress, asked)) {
      const prompts = asked?.prompts.slice(done, done + images.shape[0]!);
      await meter?.add(images, prompts!);
      done += images.shape[0]!;
      if (list) {
        const found = nearestImages(images, data);
        await list.add(found);
        if (pairs.length < sheetPairs)
          pairs.push(...titledPairs(nearestPairs(images, found, data), found, data, prompts));
      }
      yield images;
    }
  }
  const compared =
    extractor && real
      ? await compareFeatures(extractor, watched(), real, { seed, signal, classes: subject.classes })
      : await drain(watched());
  const generated = meter?.take();
  if (meter && asked?.places)
    for (let first = 0; first < asked.places.length; first += realTogether) {
      const places = asked.places.slice(first, first + realTogether);
      await meter.add(fromBitmaps(imagesAt(data, places)), asked.prompts.slice(first, first + realTogether));
    }
  const alignment = meter && {
    clip: meter.clip,
    candidates: meter.candidates,
    generated: generated!,
    ...(asked?.places && { real: meter.take() }),
  };
  const shown = pairs.slice(0, sheetPairs);
  if (nearest)
    await writePng(
      nearest,
      asked
        ? await layRows(shown)
        : layGrid(
            shown.flatMap(({ images }) => images),
            { columns: 8 },
          ),
    );
  const found = list && {
    sheet: nearest!,
    shown: Math.min(sheetPairs, list.count),
    list: list.path,
    count: list.count,
    copies: list.copies,
    copyRatio,
  };
  return { ...(compared && { features: compared }), ...(alignment && { alignment }), ...(found && { nearest: found }) };
}

/** Each image with its nearest real one, under its prompt and the other's caption. */
function titledPairs(
  pairs: readonly Bitmap[],
  found: readonly Nearest[],
  { captions }: Dataset,
  prompts: readonly string[] = [],
): TitledRow[] {
  return found.map(({ index }, i) => ({
    title: [prompts[i] ?? '', captions?.[index] ?? ''].filter((text) => text !== '').join(' → '),
    images: pairs.slice(2 * i, 2 * i + 2),
  }));
}

async function drain(images: AsyncIterable<unknown>): Promise<undefined> {
  for await (const _ of images);
}

async function measureBits(
  { model }: Subject,
  data: Dataset,
  { bpdCount, bpdTimes, seed, data: source, batchSize }: EvaluateOptions,
  signal: AbortSignal,
  display: Display,
): Promise<BitsPerDimension & { data: string }> {
  const sampler = samplerOf(model!, 'evaluate --bpd');
  const takesClasses = model!.generator.takes.classes !== undefined;
  const { schedule, varianceType } = sampler.process;
  if (!hasSteps(schedule)) throw new Error('internal: the bound of a continuous process');
  const held = await testPartOf(source);
  const test = held ? await openData(held, { size: [data.height, data.width], channels: data.channels, signal }) : data;
  if (takesClasses && !test.labels)
    throw new Error(`--bpd: the model takes classes, and ${test.name} has none; put each class in a folder of its own`);
  const places = sampledPlaces(test.count, bpdCount, new RandomStream(seed, 'likelihood images', 0));
  function* batches(): Generator<LikelihoodBatch, void, undefined> {
    for (const { images, first, count } of imageBatches(test, batchSize, places)) {
      yield {
        images,
        count,
        ...(takesClasses && {
          conditions: classConditions(
            Array.from({ length: batchSize }, (_, b) => test.labels![places[first + b] ?? 0] ?? 0),
          ),
        }),
      };
    }
  }
  const bits = await bitsPerDimension(sampler.denoiser(), batches(), {
    schedule,
    varianceType,
    seed,
    times: bpdTimes,
    signal,
    onProgress: (images, share) =>
      display.show(
        'bits per dimension',
        (images - batchSize + batchSize * share) / places.length,
        `${Math.min(images, places.length)} of ${places.length}`,
      ),
  });
  return { ...bits, data: test.name };
}

interface Display {
  show(what: string, share: number, details: string): void;
  stop(): void;
}

/** One bar for each part of the work. */
function progressDisplay(): Display {
  let progress: Progress | undefined;
  let shown: string | undefined;
  return {
    show(what, share, details) {
      if (shown !== what) progress?.stop();
      if (shown !== what) progress = createProgress(what, 1000);
      shown = what;
      progress!.update(Math.round(1000 * Math.min(Math.max(share, 0), 1)), details);
    },
    stop() {
      progress?.stop();
      progress = undefined;
      shown = undefined;
    },
  };
}
