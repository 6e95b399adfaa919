/** A training run of an image classifier: its data, its network, and how many of the held-out images it gets right. */
import type { Executor, Store } from '../core/index.ts';
import { readClassifierFolder, writeClassifierFolder } from '../checkpoint/index.ts';
import { openDataset, imageBatches, type Dataset } from '../data/index.ts';
import { quoteWord } from '../formats/quote.ts';
import { ImageClassifier } from '../models/index.ts';
import { classificationInputs, classificationLoss, classifierProgram } from '../pipelines/index.ts';
import type { ClassifierConfig } from './classifier-config.ts';
import { countParameters } from '../nn/index.ts';
import { entries } from '../train/steps/programs.ts';
import type { PlanOptions, RunPlan, RunWatch } from '../train/run.ts';
import type { ShippedModel } from './system.ts';
import { heldOutSource } from './held-out.ts';

/**
 * Lays out the run.
 *
 * @throws if the data has no classes, or the held-out data has others
 */
export async function planClassifier(
  config: ClassifierConfig,
  { skipBad = false, signal, onProgress }: PlanOptions,
): Promise<RunPlan> {
  const {
    data: { source, size, crop, horizontalFlip, channels },
    train,
  } = config;
  const options = { size, crop, skipBad, ...(channels && { channels }), signal, onProgress };
  const dataset = await openDataset(source, options);
  if (!dataset.labels || !dataset.classNames)
    throw new Error(`config.data.source: ${dataset.name} has no classes; put each class in a folder of its own`);
  const test = await openTest(config, dataset, options);
  const model = new ImageClassifier({
    ...config.model,
    sampleSize: size,
    inChannels: dataset.channels,
    classNames: [...dataset.classNames],
  });
  return {
    config: { task: 'classifier', ...config },
    train,
    kind: 'network',
    dataset,
    task: {
      module: model,
      loss: (ctx) => classificationLoss(model, ctx, train.batchSize),
      inputs: (batch) =>
        classificationInputs(dataset, { seed: train.seed, step: batch, batchSize: train.batchSize, horizontalFlip }),
    },
    writeModel: async (dir, weights) => {
      await writeClassifierFolder(dir, { model, weights });
      return weights.keys();
    },
    readWeights: async (dir) => (await readClassifierFolder(dir)).weights,
    use: {
      what: 'evaluate a model',
      command: (out) => `kuosan evaluate MODEL --data ${quoteWord(source)} --features ${out}`,
    },
    ...(test && { watch: (executor: Executor, store: Store) => watchAccuracy(executor, store, model, test) }),
  };
}

/** @throws if the run is to be measured and there is nothing to measure it on, or that has other classes */
async function openTest(
  { data: { source, test: named }, train }: ClassifierConfig,
  dataset: Dataset,
  options: Parameters<typeof openDataset>[1],
): Promise<Dataset | undefined> {
  const { evaluateEvery } = train;
  if (evaluateEvery === null) return undefined;
  const test = await heldOutSource({ source, name: dataset.name, named, setting: 'data.test', evaluateEvery });
  const held = await openDataset(test, { ...options, channels: dataset.channels });
  if (held.classNames?.join('\n') !== dataset.classNames?.join('\n'))
    throw new Error(`config.data.test: the classes of ${held.name} are not those of ${dataset.name}`);
  return held;
}

/** Images classified at once; the result does not depend on it. */
const testBatch = 100;

async function watchAccuracy(
  executor: Executor,
  store: Store,
  model: ImageClassifier,
  test: Dataset,
): Promise<RunWatch> {
  const executable = await executor.compile(classifierProgram(model, testBatch, entries.ema));
  const classes = model.config.classNames.length;
  return {
    async evaluate() {
      let right = 0;
      let loss = 0;
      for (const { images, first, count } of imageBatches(test, testBatch)) {
        const logits = (await executable.run(store, { images }))['logits']!.data as Float32Array;
        for (let b = 0; b < count; b++) {
          const row = logits.subarray(b * classes, (b + 1) * classes);
          const label = test.labels![first + b]!;
          const most = row.reduce((a, x) => Math.max(a, x), -Infinity);
          if (row.indexOf(most) === label) right++;
          loss += most + Math.log(row.reduce((total, x) => total + Math.exp(x - most), 0)) - row[label]!;
        }
      }
      return { accuracy: right / test.count, testLoss: loss / test.count };
    },
    best: { measure: 'accuracy', better: 'higher', by: `${test.count} images of ${test.name}` },
    dispose: () => executable.dispose(),
  };
}

/** Writes a model as it is shipped; see `System.ship`. */
export async function shipClassifier(
  checkpoint: string,
  out: string,
  measured: Readonly<Record<string, number>>,
): Promise<ShippedModel> {
  const { model, weights } = await readClassifierFolder(checkpoint);
  await writeClassifierFolder(out, { model, weights, dtype: 'f16' });
  const { sampleSize, inChannels, blockOutChannels, classNames } = model.config;
  return {
    weights: 'model.safetensors',
    rows: [
      [
        'network',
        `a residual network of ${countParameters(model).toLocaleString('en-US')} parameters over ${inChannels} × ${sampleSize} × ${sampleSize}; its features are the last stage's ${blockOutChannels.at(-1)} channels, averaged over the image`,
      ],
      ['classes', classNames.join(', ')],
      [
        'accuracy',
        `${((measured['accuracy'] ?? 0) * 100).toFixed(2)} % of the held-out images (cross-entropy ${(measured['testLoss'] ?? 0).toFixed(3)} nats)`,
      ],
    ],
  };
}
