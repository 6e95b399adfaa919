import { RandomStream, float32, type Executor, type HostArray } from '../src/core/index.ts';
import { CLIPModel, openAIPreprocessing, type CLIPOptions } from '../src/models/index.ts';
import { clampLogitScale, clipLoss } from '../src/pipelines/index.ts';
import { Trainer } from '../src/train/index.ts';
import { parseClipConfig, type ClipConfig } from '../src/systems/clip-config.ts';
import { noiseImages } from './network.ts';

/**
 * A CLIP in small for images of 3 × 64 × 64: a vision transformer of 8 blocks of 192 over 64 patches, and 4 blocks of
 * 128 over 32 tokens; 4,767,617 parameters.
 */
export function clipConfig(batchSize: number): ClipConfig {
  return parseClipConfig({
    data: { source: 'noise', size: 64 },
    tokenizer: { vocabSize: 2500 },
    model: {
      projectionDim: 128,
      visionConfig: { hiddenSize: 192, intermediateSize: 768, numHiddenLayers: 8, numAttentionHeads: 3, patchSize: 8 },
      textConfig: {
        hiddenSize: 128,
        intermediateSize: 512,
        numHiddenLayers: 4,
        numAttentionHeads: 2,
        maxPositionEmbeddings: 32,
      },
    },
    train: {
      steps: 1_000_000,
      batchSize,
      optimizer: 'adamw',
      weightDecay: 0.2,
      betas: [0.9, 0.98],
      eps: 1e-6,
      groups: [{ maxRank: 1, weightDecay: 0 }],
    },
  });
}

/** The network of a configuration that learns its vocabulary, which is as large as the configuration lets it become. */
export function clipOptions({ data: { size }, tokenizer, model }: ClipConfig): CLIPOptions {
  if (!('vocabSize' in tokenizer))
    throw new Error(`config.tokenizer.file is ${JSON.stringify(tokenizer.file)}; measure with vocabSize`);
  const { vocabSize } = tokenizer;
  return {
    ...model,
    textConfig: {
      ...model.textConfig,
      vocabSize,
      bosTokenId: vocabSize - 2,
      eosTokenId: vocabSize - 1,
      padTokenId: vocabSize - 1,
    },
    visionConfig: { ...model.visionConfig, numChannels: 3, imageSize: size },
  };
}

/** The trainer of a configuration, as `kuosan train` makes it, on noise and on texts that fill the context by half. */
export function openClipTrainer(executor: Executor, config: ClipConfig): Promise<Trainer> {
  const model = new CLIPModel(clipOptions(config));
  const { batchSize } = config.train;
  const length = model.config.textConfig.maxPositionEmbeddings;
  const inputs = {
    images: noiseImages(batchSize, [3, config.data.size, config.data.size]),
    ids: noiseTexts(batchSize, length, model.config.textConfig.vocabSize),
  };
  return Trainer.open(
    executor,
    {
      module: model,
      loss: (ctx) => clipLoss(model, ctx, { batchSize, length, preprocessing: openAIPreprocessing }),
      constrain: { logit_scale: clampLogitScale },
      inputs: () => inputs,
    },
    config.train,
  );
}

/** Tokens drawn at random between a start token and end tokens: what a step costs does not depend on what they say. */
function noiseTexts(batch: number, length: number, vocabSize: number): HostArray {
  const random = new RandomStream(0, 'bench texts');
  const words = BigInt64Array.from({ length: batch * length }, (_, i) => {
    const place = i % length;
    return BigInt(place === 0 ? vocabSize - 2 : place < length / 2 ? random.integer(vocabSize - 2) : vocabSize - 1);
  });
  return { dtype: 'i64', shape: [batch, length], data: words };
}

/** Images as a model takes them, normalized. */
export function normalizedImages(batch: number, size: number): HostArray {
  const { data, shape } = noiseImages(batch, [3, size, size]);
  return float32(shape, data as Float32Array);
}
