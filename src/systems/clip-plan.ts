/** A training run of CLIP: its captioned images, the vocabulary of its captions, and how well it names images it has not seen. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Executor, type HostArray, type Store } from '../core/index.ts';
import { readClipFolder, writeClipFolder } from '../checkpoint/index.ts';
import {
  captionBatchAt,
  captionsOf,
  fromBitmaps,
  MissingDataError,
  openDataset,
  imagesAt,
  takeListed,
  type Dataset,
} from '../data/index.ts';
import { quoteWord } from '../formats/quote.ts';
import { CLIPModel, openAIPreprocessing } from '../models/index.ts';
import {
  chanceLoss,
  checkTokenizer,
  clampLogitScale,
  clipLoss,
  openClipEncoder,
  zeroShotAccuracy,
  zeroShotClassifier,
  type ClipEncoder,
} from '../pipelines/index.ts';
import type { ClipConfig } from './clip-config.ts';
import { captionNotes, sameTokens } from './clip-notes.ts';
import { clipTokenizer } from './clip-tokenizer.ts';
import { countParameters } from '../nn/index.ts';
import { entries } from '../train/steps/programs.ts';
import type { PlanOptions, RunPlan, RunWatch } from '../train/run.ts';
import type { ShippedModel } from './system.ts';
import { heldOutSource } from './held-out.ts';
import { startingModel } from '../train/start.ts';

/** Training sees the pixels that use sees, here and in Python. */
const preprocessing = { ...openAIPreprocessing, resample: 'lanczos' } as const;

/**
 * Lays out the run.
 *
 * @throws if images have neither captions nor classes, all have the same, or nothing is held out to measure on
 */
export async function planClip(
  config: ClipConfig,
  { skipBad = false, signal, onProgress, resumeFrom }: PlanOptions,
): Promise<RunPlan> {
  const {
    data: { source, size, crop, files, testFiles, ...shown },
    train,
  } = config;
  const open = (name: string) =>
    openDataset(name, { size, crop, channels: 3, resample: preprocessing.resample, skipBad, signal, onProgress });
  const whole = await open(source);
  const part = (list: string, without: string) =>
    takeListed(whole, list).catch((error: unknown) => {
      throw error instanceof MissingDataError
        ? new MissingDataError(error.what, `${error.message}; name another, or do without (${without})`)
        : error;
    });
  const dataset = captioned(files === null ? whole : await part(files, '--data.files null trains on all images'));
  if (new Set(dataset.captions).size < 2)
    throw new Error(
      `config.data.source: all images of ${dataset.name} have the same caption, so there is nothing to contrast; give each image its own caption`,
    );
  const test = await openTest();

  const { tokenizer, json } = await clipTokenizer(config.tokenizer, wordsOf(dataset), {
    resumeFrom,
    start: () => startingModel(train, 'clip'),
  });
  const { vocabSize, bosTokenId, eosTokenId, padTokenId } = tokenizer;
  const model = new CLIPModel({
    ...config.model,
    textConfig: { ...config.model.textConfig, vocabSize, bosTokenId, eosTokenId, padTokenId },
    visionConfig: { ...config.model.visionConfig, numChannels: 3, imageSize: size },
  });
  checkTokenizer(tokenizer, model.config.textConfig);
  const length = model.config.textConfig.maxPositionEmbeddings;
  const batch = train.batchSize * train.gradientAccumulation;

  async function openTest(): Promise<Dataset | undefined> {
    const { evaluateEvery } = train;
    if (evaluateEvery === null) return undefined;
    if (testFiles !== null)
      return captioned(await part(testFiles, '--data.testFiles null --train.evaluateEvery null measures nothing'));
    return captioned(
      await open(await heldOutSource({ source, name: source, setting: 'data.testFiles', evaluateEvery })),
    );
  }

  return {
    config: { task: 'clip', ...config },
    train,
    kind: 'clip',
    dataset,
    notes: captionNotes(dataset, test, {
      tokenizer,
      length,
      templates: shown.templates,
      tagShare: shown.tagShare,
      classes: !whole.captions,
      batch,
    }),
    task: {
      module: model,
      loss: (ctx) => clipLoss(model, ctx, { batchSize: train.batchSize, length, preprocessing }),
      constrain: { logit_scale: clampLogitScale },
      inputs(step): Record<string, HostArray> {
        const { images, texts } = captionBatchAt(dataset, {
          seed: train.seed,
          step,
          batchSize: train.batchSize,
          ...shown,
        });
        return { images, ids: tokenizer.encodeBatch(texts, length).ids };
      },
    },
    describe: (loss, measures) => describeClip(loss, batch, measures),
    writeModel: async (dir, weights) => {
      await writeClipFolder(dir, { model, weights, tokenizer: json, preprocessing });
      return weights.keys();
    },
    readWeights: async (dir) => (await readClipFolder(dir)).weights,
    use: await useOf(dataset, test),
    ...(test && {
      watch: (executor: Executor, store: Store) =>
        watchZeroShot(
          openClipEncoder(executor, { model, tokenizer, weights: { store, prefix: entries.ema } }),
          test,
          train.evaluateCount,
        ),
    }),
  };
}

/** Images that are files can be searched; those of the package or within arrays can only be named. */
async function useOf(dataset: Dataset, test: Dataset | undefined): Promise<RunPlan['use']> {
  const first = await stat(join(dataset.name, dataset.ids[0]!)).catch(() => undefined);
  return first?.isFile()
    ? {
        what: 'search your images',
        command: (out) =>
          `kuosan search ${out} --images ${quoteWord(dataset.name)} --query "a red heart" --out sheet.png`,
      }
    : {
        what: 'count how many images get their own name',
        command: (out) => `kuosan zero-shot ${out} --data ${quoteWord((test ?? dataset).name)}`,
      };
}

/** Within so much of ln(batch) the loss is at chance. */
const atChance = 0.02;

/**
 * What progress says: `loss 3.9120 (ln 256 = 5.5452) · 14.1 % right in the batch · temperature 0.069`. A model that gives all pairs the same
 * cosine has a loss of exactly ln(batch), and one that cannot learn stays there.
 *
 * @param measures  those of `clipLoss`
 */
export function describeClip(
  loss: number,
  batch: number,
  { image_accuracy: image = 0, text_accuracy: text = 0, logit_scale: scale = 0 }: Readonly<Record<string, number>>,
): string {
  const chance = chanceLoss(batch);
  const stuck = Math.abs(loss - chance) < atChance * chance;
  return `loss ${loss.toFixed(4)} (ln ${batch} = ${chance.toFixed(4)}${stuck ? ': at chance' : ''}) · ${(50 * (image + text)).toFixed(1)} % right in the batch · temperature ${Math.exp(-scale).toFixed(3)}`;
}

/** With what is said of each image as its caption. */
function captioned(dataset: Dataset): Dataset {
  return { ...dataset, captions: captionsOf(dataset) };
}

/** Captions and tags, each once: how often an image of one concept comes says nothing about words. */
function wordsOf({ captions = [], tags = [] }: Dataset): Set<string> {
  return new Set([...captions, ...tags.flat()]);
}

/** The share of held-out images whose caption is nearest, or among the five nearest, of all captions there that differ to the model. */
function watchZeroShot(encoder: ClipEncoder, test: Dataset, most: number): Promise<RunWatch> {
  const groups = sameTokens(encoder.tokenizer, new Set(test.captions), encoder.contextLength);
  const spelling = new Map(groups.flatMap((group) => group.map((caption) => [caption, group[0]!])));
  const count = Math.min(most, test.count);
  // Spread over all of them: neighbors are alike.
  const places = Array.from({ length: count }, (_, i) => Math.floor((i * test.count) / count));
  const right = places.map((place) => spelling.get(test.captions![place]!)!);
  return Promise.resolve({
    async evaluate() {
      // Any scale leaves the order, and that of these weights is in the store.
      const classifier = await zeroShotClassifier(
        { ...encoder, scale: 1 },
        groups.map(([caption]) => caption!),
      );
      const ranked = classifier.classify(await encoder.embedImages(fromBitmaps(imagesAt(test, places))), 5);
      return { zeroShotTop1: zeroShotAccuracy(ranked, right, 1), zeroShotTop5: zeroShotAccuracy(ranked, right, 5) };
    },
    best: { measure: 'zeroShotTop1', better: 'higher', by: `${count} images of ${test.name}` },
    dispose: () => encoder.dispose(),
  });
}

/** Writes a model as it is shipped; see `System.ship`. */
export async function shipClip(checkpoint: string, out: string): Promise<ShippedModel> {
  const clip = await readClipFolder(checkpoint);
  const { model } = clip;
  // A run's data set is resized with Lanczos, also where its folder was written before it said so.
  await writeClipFolder(out, {
    ...clip,
    preprocessing: { ...(clip.preprocessing ?? openAIPreprocessing), resample: 'lanczos' },
    dtype: 'f16',
  });
  const { visionConfig: vision, textConfig: text } = model.config;
  return {
    weights: 'model.safetensors',
    rows: [
      [
        'network',
        `\`CLIPModel\`, ${countParameters(model).toLocaleString('en-US')} parameters: images of ${vision.imageSize} × ${vision.imageSize} in patches of ${vision.patchSize}, ${vision.numHiddenLayers} blocks of ${vision.hiddenSize}; texts of at most ${text.maxPositionEmbeddings} of ${text.vocabSize.toLocaleString('en-US')} tokens, ${text.numHiddenLayers} blocks of ${text.hiddenSize}; embeddings of ${model.config.projectionDim}`,
      ],
    ],
  };
}
