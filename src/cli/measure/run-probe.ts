import { RandomStream } from '../../core/index.ts';
import { openData } from '../open-data.ts';
import { imageBatches, testPartOf, type Dataset } from '../../data/index.ts';
import { agreement, linearProbe, nearestNeighbors, tuneProbe, type LabeledFeatures } from '../../eval/index.ts';
import { imageTowerConfig } from '../../models/index.ts';
import type { ClipImageEncoder } from '../../pipelines/index.ts';
import type { DeviceOptions } from '../device-options.ts';
import { mostTogether, openImageTower } from '../clip/open-clip.ts';
import { UsageError } from '../options.ts';
import { createProgress } from '../progress.ts';
import type { StartedEngine } from '../with-engine.ts';

/** The options of `kuosan probe`. */
export interface ProbeCommandOptions extends DeviceOptions {
  readonly data: string;
  readonly test?: string;
  readonly neighbors: number;
  readonly c?: number;
  readonly json: boolean;
  readonly tta: boolean;
  readonly skipBad: boolean;
}

/** The part of the data on which C is chosen. */
const validationShare = 0.1;

/**
 * Prints the accuracy of a linear classifier and of the nearest neighbors on the test images, from the embeddings of the
 * images alone.
 *
 * @throws one line if images have no classes, or the two sets not the same
 */
export async function runProbe(
  source: string,
  { data, test: named, neighbors, c, json, tta, skipBad }: ProbeCommandOptions,
  engine: StartedEngine,
  print: (line: string) => void,
): Promise<void> {
  const test = named ?? (await testPartOf(data));
  if (test === undefined)
    throw new UsageError(`--test: ${data} has no test split; give other images of the same classes`);
  const { model, preprocessing, open } = await openImageTower(source, tta);
  const { imageSize: size } = imageTowerConfig(model);
  const openLabeled = async (name: string) =>
    labeled(await openData(name, { size, channels: 3, resample: preprocessing?.resample, skipBad }));
  const [learned, asked] = [await openLabeled(data), await openLabeled(test)];
  const { classNames } = learned;
  const unknown = asked.classNames.find((name) => !classNames.includes(name));
  if (unknown !== undefined)
    throw new Error(
      `--test: ${test} has the class ${JSON.stringify(unknown)}, which ${data} lacks; give images of the same classes`,
    );
  if (neighbors > learned.dataset.count)
    throw new UsageError(`--neighbors: there are only ${learned.dataset.count} images in ${data}`);

  const [train, questions] = await open(
    await engine(),
    mostTogether,
    async (encoder) => [await embed(encoder, learned, classNames), await embed(encoder, asked, classNames)] as const,
  );
  const chosen = c ?? searched(train);
  const linear = agreement(linearProbe(train, { inverseRegularization: chosen }).predict(questions), questions.labels);
  const byNeighbors = agreement(nearestNeighbors(train, questions, neighbors), questions.labels);
  if (json)
    return print(
      JSON.stringify({
        images: train.count,
        asked: questions.count,
        classes: classNames.length,
        dim: train.dim,
        inverseRegularization: chosen,
        linear,
        neighbors,
        nearest: byNeighbors,
      }),
    );
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
  const count = (value: number) => value.toLocaleString('en-US');
  print(
    `features of ${train.dim}: ${count(train.count)} training images of ${data}, ${count(questions.count)} test images of ${test}, ${classNames.length} classes`,
  );
  print(
    `linear probe ${percent(linear)} (C = ${chosen.toPrecision(3)}${c === undefined ? `, the best on ${100 * validationShare} % of the first` : ''}); ${neighbors} nearest neighbors ${percent(byNeighbors)}`,
  );
}

interface Labeled {
  readonly dataset: Dataset;
  readonly labels: Int32Array;
  readonly classNames: readonly string[];
}

function labeled(dataset: Dataset): Labeled {
  const { labels, classNames, name } = dataset;
  if (!labels || !classNames) throw new Error(`${name}: has no classes; put each class in a folder of its own`);
  return { dataset, labels, classNames };
}

/** The embeddings of all images, with classes numbered as in `names`. */
async function embed(
  encoder: ClipImageEncoder,
  { dataset, labels, classNames }: Labeled,
  names: readonly string[],
): Promise<LabeledFeatures> {
  const { dim } = encoder;
  const vectors = new Float32Array(dataset.count * dim);
  const progress = createProgress(dataset.name, dataset.count);
  try {
    for (const { images, first, count } of imageBatches(dataset, mostTogether)) {
      vectors.set((await encoder.embedImages(images)).data.subarray(0, count * dim), first * dim);
      progress.update(first + count, 'embedded');
    }
  } finally {
    progress.stop();
  }
  return { count: dataset.count, dim, data: vectors, labels: labels.map((label) => names.indexOf(classNames[label]!)) };
}

/** The best C on images that are kept aside for it. */
function searched(train: LabeledFeatures): number {
  const order = new RandomStream(0, 'probe validation').permutation(train.count);
  const kept = Math.max(1, Math.round(train.count * validationShare));
  const { inverseRegularization } = tuneProbe(
    rowsOf(train, order.subarray(kept)),
    rowsOf(train, order.subarray(0, kept)),
    {
      onTrial: (trial) =>
        process.stderr.write(
          `C = ${trial.inverseRegularization.toPrecision(3)}: ${(100 * trial.accuracy).toFixed(2)} % of ${kept} validation images\n`,
        ),
    },
  );
  return inverseRegularization;
}

function rowsOf({ dim, data, labels }: LabeledFeatures, places: Uint32Array): LabeledFeatures {
  const vectors = new Float32Array(places.length * dim);
  places.forEach((place, i) => {
    for (let d = 0; d < dim; d++) vectors[i * dim + d] = data[place * dim + d]!;
  });
  return { count: places.length, dim, data: vectors, labels: Int32Array.from(places, (place) => labels[place]!) };
}
