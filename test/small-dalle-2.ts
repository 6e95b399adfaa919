/**
 * A DALL·E 2 of 8 × 8 pixels for tests: thirty captioned images, a random CLIP, and the configurations of its parts.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeClipFolder } from '../src/checkpoint/index.ts';
import type { HostArray } from '../src/core/index.ts';
import { writePng } from '../src/data/index.ts';
import { CLIPModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { tinyAttentionUNet } from './tiny-attention-unet.ts';

/** What the three kinds of images are called. */
export const captions = ['a small red cat', 'bell', 'the golden dog'];
const tokenizer = JSON.parse(
  readFileSync(join(import.meta.dirname, 'golden/text-encoder-folders/clip/tokenizer.json'), 'utf8'),
) as Record<string, unknown>;

/**
 * A CLIP of random weights: each image and each text has a vector of its own, which is all that prior and decoder ask.
 */
export async function writeRandomClip(
  dir: string,
  {
    width = 12,
    hidden = width,
    seed = 5,
  }: { readonly width?: number; readonly hidden?: number; readonly seed?: number } = {},
): Promise<void> {
  const model = new CLIPModel({
    projectionDim: width,
    textConfig: {
      vocabSize: 562,
      hiddenSize: hidden,
      intermediateSize: 16,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      maxPositionEmbeddings: 10,
      bosTokenId: 560,
      eosTokenId: 561,
      padTokenId: 561,
    },
    visionConfig: {
      hiddenSize: 16,
      intermediateSize: 16,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      imageSize: 8,
      patchSize: 4,
      numChannels: 3,
    },
  });
  const weights = new Map(
    [...initialValues(model, seed)].map(([name, value]) => [
      name,
      // Embeddings as long and as different as those of a trained one.
      name === 'visual_projection.weight' ? { ...value, data: (value.data as Float32Array).map((x) => 8 * x) } : value,
    ]),
  ) as Map<string, HostArray>;
  await writeClipFolder(dir, { model, weights, tokenizer });
}

/** Writes thirty images of 8 × 8 with a dark row for each caption. */
export async function writeRows(data: string): Promise<void> {
  mkdirSync(data);
  const lines: string[] = [];
  for (let i = 0; i < 30; i++) {
    const pixels = Uint8Array.from({ length: 64 }, (_, at) =>
      Math.floor(at / 8) === 2 * (i % 3) + 1 ? i % 7 : 250 - ((i * at) % 5),
    );
    await writePng(join(data, `${i}.png`), { data: pixels, width: 8, height: 8, channels: 1 });
    lines.push(JSON.stringify({ file_name: `${i}.png`, text: captions[i % 3] }));
  }
  writeFileSync(join(data, 'metadata.jsonl'), lines.join('\n'));
  writeFileSync(join(data, 'test.txt'), '0.png\n1.png\n2.png\n');
}

/** The configurations of the parts, on the images and the CLIP of these folders. */
export function smallDallE2({ data, clip }: { readonly data: string; readonly clip: string }) {
  const train = {
    steps: 80,
    batchSize: 15,
    learningRate: 4e-3,
    warmupSteps: 5,
    checkpointEvery: 60,
    ema: { decay: 0.9 },
  };
  const prior = {
    task: 'prior',
    data: { source: data, testFiles: 'test.txt' },
    clip: { model: clip },
    model: { numAttentionHeads: 2, attentionHeadDim: 12, numLayers: 1 },
    scheduler: { numTrainTimesteps: 50 },
    train: { ...train, evaluateEvery: 80, evaluateSteps: 5 },
    sampling: { steps: 5 },
  };
  const autoregressivePrior = {
    task: 'autoregressive-prior',
    data: prior.data,
    clip: prior.clip,
    model: { ...prior.model, numComponents: 4, numBuckets: 16, numSimilarities: 4 },
    train: { ...train, evaluateEvery: 80 },
  };
  const decoder = {
    task: 'decoder',
    data: { source: data, size: 8, channels: 1 },
    clip: { model: clip },
    model: tinyAttentionUNet,
    // x_0 is learned in fewer steps than ε, where data is this plain; the variance as it is next to ε.
    scheduler: { numTrainTimesteps: 50, predictionType: 'sample', varianceType: 'learned_range' },
    train: {
      ...train,
      steps: 100,
      batchSize: 9,
      checkpointEvery: 80,
      sampleEvery: 100,
      sampleCount: 4,
      sampleSteps: 3,
    },
    sampling: { steps: 8, guidanceScale: 1.5 },
  };

  const upsampler = {
    data: { source: data, size: 16 },
    model: {
      sampleSize: 16,
      inChannels: 2,
      outChannels: 1,
      blockOutChannels: [8, 8],
      layersPerBlock: 1,
      downBlockTypes: ['DownBlock2D', 'DownBlock2D'],
      upBlockTypes: ['UpBlock2D', 'UpBlock2D'],
      normNumGroups: 4,
    },
    // At the last of many times ε says nothing in float32, which Python rounds otherwise.
    scheduler: { numTrainTimesteps: 12, betaSchedule: 'cosine' },
    objective: { superResolution: { factor: 2, upsampling: 'bicubic_antialias', noiseAugmentation: 0.1, blur: 0.6 } },
    train: { ...train, steps: 2, batchSize: 4, checkpointEvery: 2, sampleEvery: null },
  };
  return { train, prior, autoregressivePrior, decoder, upsampler };
}
