import { describe, expect, test } from 'vitest';
import { state } from '../core/index.ts';
import { CLIPModel } from '../models/index.ts';
import { parseClipConfig } from './clip-config.ts';
import { optimizerOptions } from '../train/steps/train-config.ts';
import { adamSettings } from '../train/steps/optimizer.ts';

const tower = { hiddenSize: 8, intermediateSize: 16, numHiddenLayers: 1, numAttentionHeads: 1 };
const model = new CLIPModel({
  projectionDim: 4,
  textConfig: { ...tower, vocabSize: 20, maxPositionEmbeddings: 8 },
  visionConfig: { ...tower, imageSize: 8, patchSize: 4 },
});
const parse = (train: object = {}) =>
  parseClipConfig({ data: { source: 'images' }, train: { steps: 100, ...train } }).train;

describe('the vocabulary', () => {
  const parse = (tokenizer?: object) =>
    parseClipConfig({ data: { source: 'images' }, ...(tokenizer && { tokenizer }), train: { steps: 1 } }).tokenizer;

  test('is learned, or taken from a file, which leaves nothing to learn', () => {
    expect(parse()).toEqual({ vocabSize: 5000, minFrequency: 2 });
    expect(parse({ vocabSize: 600 })).toEqual({ vocabSize: 600, minFrequency: 2 });
    expect(parse({ file: 'tokenizer.json' })).toEqual({ file: 'tokenizer.json' });
    expect(() => parse({ file: 'tokenizer.json', vocabSize: 600 })).toThrow(
      'config.tokenizer: expected a file, or vocabSize and minFrequency to learn one, got {"file":"tokenizer.json","vocabSize":600}',
    );
    expect(() => parse({ fil: 'tokenizer.json' })).toThrow('config.tokenizer: unknown key "fil"; did you mean file?');
  });
});

describe('the optimizer of CLIP', () => {
  test('is by default that of the paper for vision transformers', () => {
    // Radford et al. 2021, table 18, and the rate of ViT-B/32.
    expect(parse()).toMatchObject({
      optimizer: 'adamw',
      learningRate: 5e-4,
      betas: [0.9, 0.98],
      eps: 1e-6,
      weightDecay: 0.2,
      lrSchedule: 'cosine',
      warmupSteps: 500,
    });
  });

  test('decays neither gains nor biases nor the temperature, and all else', () => {
    const options = optimizerOptions(parse(), model);
    const decayOf = (name: string, shape: readonly number[]) =>
      adamSettings(name, state(name, shape), options).weightDecay;
    expect(decayOf('logit_scale', [])).toBe(0);
    expect(decayOf('vision_model.post_layernorm.weight', [8])).toBe(0);
    expect(decayOf('text_model.encoder.layers.0.mlp.fc1.bias', [16])).toBe(0);
    expect(decayOf('text_model.encoder.layers.0.mlp.fc1.weight', [16, 8])).toBe(0.2);
  });

  test('may be another: Adam decays nothing, and own groups take the place of the default', () => {
    expect(optimizerOptions(parse({ optimizer: 'adam' }), model)).toMatchObject({
      weightDecay: 0,
      groups: [{ weightDecay: 0 }],
    });
    expect(parse({ groups: [] }).groups).toEqual([]);
    expect(parse({ learningRate: 1e-3, lrSchedule: 'constant' })).toMatchObject({
      optimizer: 'adamw',
      learningRate: 1e-3,
      lrSchedule: 'constant',
    });
  });
});
