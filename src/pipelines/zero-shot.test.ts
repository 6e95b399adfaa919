import { afterAll, describe, expect, test } from 'vitest';
import { float32, RandomStream, type FloatArray } from '../core/index.ts';
import { readTokenizer, trainTokenizer } from '../data/index.ts';
import { CLIPModel } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { openClipEncoder } from './clip-encoder.ts';
import { imageProgram, textProgram } from './clip.ts';
import { likeliestGroup, rank, zeroShotAccuracy, zeroShotClassifier } from './zero-shot.ts';
import { tinyVisionConfig } from '../../test/tiny-models.ts';

const node = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => node.dispose());

const tokenizer = readTokenizer(
  trainTokenizer(['a red heart', 'a blue heart', 'a cat', 'a dog with a bone'], { vocabSize: 530 }).json,
  'tokenizer',
);
const { vocabSize, bosTokenId, eosTokenId, padTokenId } = tokenizer;
const model = new CLIPModel({
  projectionDim: 8,
  textConfig: {
    vocabSize,
    bosTokenId,
    eosTokenId,
    padTokenId,
    hiddenSize: 8,
    intermediateSize: 16,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    maxPositionEmbeddings: 16,
  },
  visionConfig: tinyVisionConfig,
});
const weights = initialValues(model, 3);

/** Every text is the direction that its first word names. */
function words(directions: Readonly<Record<string, readonly number[]>>) {
  const asked: string[][] = [];
  return {
    asked,
    tokenizer,
    contextLength: 16,
    scale: 10,
    dim: 2,
    async embedTexts(texts: readonly string[]) {
      asked.push([...texts]);
      const rows = texts.map((text) => directions[text] ?? [1, 0]);
      return { embeddings: float32([texts.length, 2], Float32Array.from(rows.flat())), truncated: 0 };
    },
  };
}

describe('zeroShotClassifier', () => {
  const half = Math.SQRT1_2;
  const clip = words({ 'a cat': [1, 0], 'the cat': [0, 1], 'a dog': [-1, 0], 'the dog': [-1, 0] });

  test('has the mean of the sentences as a unit vector', async () => {
    const { weights: w } = await zeroShotClassifier(clip, ['cat', 'dog'], ['a {}', 'the {}']);
    expect(clip.asked).toEqual([
      ['a cat', 'a dog'],
      ['the cat', 'the dog'],
    ]);
    expect([...w.data]).toEqual([half, half, -1, 0].map((value) => expect.closeTo(value, 6)));
  });

  test('says every sentence with each tag of its label', async () => {
    const tagged = words({ 'a cat, pet': [0, 1], 'a cat, paw': [0, 1], 'a dog': [-1, 0] });
    const { weights: w } = await zeroShotClassifier(tagged, ['cat', 'dog'], ['a {}'], { tags: [['pet', 'paw'], []] });
    expect(tagged.asked).toEqual([['a cat, pet', 'a cat, paw', 'a dog']]);
    expect([...w.data]).toEqual([0, 1, -1, 0]);
    await expect(zeroShotClassifier(tagged, ['cat', 'dog'], ['a {}'], { tags: [[]] })).rejects.toThrow(
      'zeroShotClassifier: 2 labels, and tags of 1',
    );
  });

  test('ranks labels by cosine, with the softmax of the scaled cosines', async () => {
    const classifier = await zeroShotClassifier(clip, ['cat', 'dog'], ['a {}', 'the {}']);
    const [first, second] = classifier.classify(float32([2, 2], Float32Array.of(1, 0, -1, 0)), 2);
    expect(first!.map(({ label }) => label)).toEqual(['cat', 'dog']);
    // softmax of 10 · (√½, −1)
    expect(first![0]!.probability).toBeCloseTo(1 / (1 + Math.exp(10 * (-1 - half))), 6);
    expect(second![0]).toMatchObject({ label: 'dog', cosine: 1 });
    expect(second!.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
    expect(classifier.classify(float32([1, 2], Float32Array.of(1, 0)), 1)[0]!).toHaveLength(1);
  });

  test.each([
    [[], ['{}'], 'zeroShotClassifier: no labels'],
    [['cat', ' '], ['{}'], 'zeroShotClassifier: label 2 is empty'],
    [['cat'], [], 'zeroShotClassifier: no templates'],
    [['cat'], ['a photo'], 'zeroShotClassifier: the template "a photo" has no {} for the label'],
    [['Cat', 'cat'], ['{}'], 'the labels "Cat" and "cat" are the same to this tokenizer; give each another name'],
    [
      ['cat', 'dog'],
      ['a very long sentence about so many other things before it comes to {}'],
      /the sentences .* are the same to this tokenizer/,
    ],
  ])('refuses %j with %j', async (labels, templates, message) => {
    await expect(zeroShotClassifier(clip, labels, templates)).rejects.toThrow(message);
  });
});

test('likeliestGroup adds the probabilities of labels up', () => {
  const ranked = [0.4, 0.35, 0.25].map((probability, index) => ({
    index,
    probability,
    cosine: 1,
    label: String(index),
  }));
  expect(likeliestGroup(ranked, ['a', 'b', 'b'])).toBe('b');
  expect(likeliestGroup(ranked, ['a', 'b', 'c'])).toBe('a');
  expect(() => likeliestGroup([], [])).toThrow('likeliestGroup: no labels');
});

test('an encoder over a store has no scale, and no probabilities unless it is given', async () => {
  const store = await node.createStore({ ...imageProgram(model, 1).reads, ...textProgram(model, 1).reads }, weights);
  const encoder = openClipEncoder(node, { model, tokenizer, weights: { store, prefix: '' } });
  expect(encoder.scale).toBeUndefined();
  await expect(zeroShotClassifier(encoder, ['cat', 'dog'])).rejects.toThrow(
    'zeroShotClassifier: the encoder does not know its scale, since its weights are in a store; give e^logit_scale',
  );
  const row = float32([1, 8], Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  const fixed = openClipEncoder(node, { model, tokenizer, weights });
  const [given, own] = [
    await zeroShotClassifier({ ...encoder, scale: fixed.scale }, ['cat', 'dog']),
    await zeroShotClassifier(fixed, ['cat', 'dog']),
  ];
  expect(given.classify(row)[0]![0]!.probability).toBeCloseTo(own.classify(row)[0]![0]!.probability, 5);
  for (const each of [encoder, fixed]) await each.dispose();
  await store.dispose();
});

test('zeroShotAccuracy counts the right label among the best', () => {
  const row = (...labels: string[]) => labels.map((label, index) => ({ label, index, cosine: 0, probability: 0 }));
  const ranked = [row('a', 'b', 'c'), row('b', 'a', 'c'), row('c', 'b', 'a'), row('a', 'c', 'b')];
  const right = ['a', 'a', 'a', 'b'];
  expect([1, 2, 3].map((top) => zeroShotAccuracy(ranked, right, top))).toEqual([0.25, 0.5, 1]);
});

test('rank gives the nearest first, of equally near ones the first', () => {
  const answers = float32([4, 2], Float32Array.of(0, 1, 1, 0, 0, 1, -1, 0));
  expect(rank(float32([1, 2], Float32Array.of(0, 1)), answers, 3)).toEqual([
    [
      { index: 0, cosine: 1 },
      { index: 2, cosine: 1 },
      { index: 1, cosine: 0 },
    ],
  ]);
  expect(() => rank(float32([1, 3], new Float32Array(3)), answers, 1)).toThrow(
    'rank: vectors of 3 and of 2 numbers cannot be compared; embed both with one model',
  );
});

describe('openClipEncoder', () => {
  const images = (count: number) =>
    float32([count, 3, 8, 8], new RandomStream(1, 'pictures').fillNormal(new Float32Array(count * 192)));
  const row = (x: FloatArray, i: number) => Array.from(x.data.subarray(i * 8, (i + 1) * 8));

  test('gives unit vectors, the same in batches of any size', async () => {
    const [small, large] = [
      openClipEncoder(node, { model, tokenizer, weights, batchSize: 2 }),
      openClipEncoder(node, { model, tokenizer, weights, batchSize: 7 }),
    ];
    const [a, b] = [await small.embedImages(images(5)), await large.embedImages(images(5))];
    expect(a.shape).toEqual([5, 8]);
    for (let i = 0; i < 5; i++) {
      expect(Math.hypot(...row(a, i))).toBeCloseTo(1, 5);
      expect(row(a, i)).toEqual(row(b, i).map((value) => expect.closeTo(value, 5)));
    }
    const texts = ['a cat', 'a red heart', 'a dog'];
    const [c, d] = [await small.embedTexts(texts), await large.embedTexts(texts)];
    expect(c.truncated).toBe(0);
    for (let i = 0; i < 3; i++)
      expect(row(c.embeddings, i)).toEqual(row(d.embeddings, i).map((value) => expect.closeTo(value, 5)));
    expect(small.scale).toBeCloseTo(Math.exp(2.6592), 4);
    await small.dispose();
    await large.dispose();
  });

  test('counts texts that are cut, and names a wrong shape', async () => {
    const encoder = openClipEncoder(node, { model, tokenizer, weights });
    expect((await encoder.embedTexts(['a cat', 'a cat and a dog '.repeat(20)])).truncated).toBe(1);
    await expect(encoder.embedImages(float32([1, 3, 4, 4], new Float32Array(48)))).rejects.toThrow(
      'embedImages: expected [N, 3, 8, 8], got [1, 3, 4, 4]',
    );
    await encoder.dispose();
  });

  test('notices the tokenizer of another model', () => {
    const other = readTokenizer(trainTokenizer(['a cat'], { vocabSize: 515 }).json, 'tokenizer');
    expect(() => openClipEncoder(node, { model, tokenizer: other, weights })).toThrow(
      /^tokenizer: .*; take the tokenizer.json that came with the model$/,
    );
  });
});
