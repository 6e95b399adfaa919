/** CLIP, and the parts of DALL·E 2. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { folderFiles } from '../../src/checkpoint/index.ts';
import { constant, float32, input, RandomStream, softmax } from '../../src/core/index.ts';
import {
  classifierFreeGuidance,
  dropConditions,
  networkProcess,
  objectiveDefaults,
  qSample,
  schedulerConfig,
  type Denoiser,
} from '../../src/diffusion/index.ts';
import { readTokenizer, trainTokenizer } from '../../src/data/index.ts';
import { openGenerator } from '../../src/generators/index.ts';
import { unitVectors } from '../../src/models/index.ts';
import { chanceLoss, contrastiveLoss, denoisingLoss, zeroShotClassifier } from '../../src/pipelines/index.ts';
import { noisedImages } from '../../src/pipelines/super-resolution.ts';
import { createNodeExecutor } from '../../src/runtime/node.ts';
import { allSame, coarse, linear, row, same, valuesOf, type Checks } from './checks.ts';
import { scalingContext, scalingNetwork } from './scaling-network.ts';

/** A DALL·E 2 of random weights, as diffusers wrote it. */
const pipeline = join(import.meta.dirname, '../golden/unclip/pipeline');

const images = [
  [0.9, 0.2, -0.4],
  [-0.3, 1.1, 0.5],
];
const texts = [
  [0.8, -0.1, 0.3],
  [0.1, 0.7, 1.2],
];
const scale = 3;

const unit = (v: readonly number[]) => v.map((x) => x / Math.hypot(...v));
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const matrix = (rows: readonly (readonly number[])[]) => float32([rows.length, rows[0]!.length], rows.flat());

function contrast(imageRows: readonly (readonly number[])[], textRows: readonly (readonly number[])[], logit: number) {
  const { losses } = contrastiveLoss(
    constant(matrix(imageRows)),
    constant(matrix(textRows)),
    constant(float32([], [logit])),
  );
  return valuesOf({ losses }).losses;
}

const sentences: Readonly<Record<string, readonly number[]>> = {
  'a cat': [1, 0],
  'one cat': [0.6, 0.8],
  'a dog': [0, -1],
  'one dog': [-0.6, -0.8],
};
const tokenizer = readTokenizer(trainTokenizer(Object.keys(sentences), { vocabSize: 520 }).json, 'tokenizer');
/** An encoder of four sentences. */
const encoder = {
  tokenizer,
  contextLength: 16,
  scale: 10,
  dim: 2,
  async embedTexts(asked: readonly string[]) {
    return { embeddings: matrix(asked.map((text) => sentences[text]!)), truncated: 0 };
  },
};
const classifier = () => zeroShotClassifier(encoder, ['cat', 'dog'], ['a {}', 'one {}']);

export const textToImage: Checks = {
  'clip-unit'() {
    const { units } = valuesOf({ units: unitVectors(input('x', [2, 3])) }, { x: matrix(images) });
    allSame(units, images.flatMap(unit));
  },
  async 'clip-logits'() {
    // The logarithm of the odds of two labels is the difference of their logits.
    const { classify, weights } = await classifier();
    const image = unit([0.3, 0.7]);
    const [first, second] = classify(matrix([image]))[0]!;
    const logit = (k: number) => encoder.scale * dot(image, Array.from(weights.data.subarray(2 * k, 2 * k + 2)));
    same(Math.log(first!.probability / second!.probability), logit(first!.index) - logit(second!.index), 1e-5);
  },
  'clip-loss'() {
    const s = images.map((image) => texts.map((text) => Math.exp(Math.log(scale)) * dot(unit(image), unit(text))));
    const logSum = (values: readonly number[]) => Math.log(values.reduce((sum, x) => sum + Math.exp(x), 0));
    const expected = [0, 1].map(
      (i) => 0.5 * (logSum(s[i]!) - s[i]![i]!) + 0.5 * (logSum(s.map((line) => line[i]!)) - s[i]![i]!),
    );
    allSame(contrast(images, texts, Math.log(scale)), expected);
  },
  'clip-chance'() {
    // Images and texts that are orthogonal: every logit is 0.
    const apart = contrast(
      [0, 1, 2].map(() => [1, 0]),
      [0, 1, 2].map(() => [0, 1]),
      Math.log(scale),
    );
    for (const value of apart) same(value, Math.log(3));
    same(chanceLoss(3), Math.log(3), 0);
  },
  async 'zero-shot-label'() {
    const { weights } = await classifier();
    allSame(weights.data.slice(0, 2), unit([1.6, 0.8]));
    allSame(weights.data.slice(2, 4), unit([-0.6, -1.8]));
  },
  async 'zero-shot'() {
    const image = unit([0.3, 0.7]);
    const [best, other] = (await classifier()).classify(matrix([image]))[0]!;
    const logits = [unit([1.6, 0.8]), unit([-0.6, -1.8])].map((w) => encoder.scale * dot(image, w));
    const total = Math.exp(logits[0]!) + Math.exp(logits[1]!);
    expect([best!.label, other!.label]).toEqual(['cat', 'dog']);
    same(best!.probability, Math.exp(logits[0]!) / total);
    same(other!.probability, Math.exp(logits[1]!) / total);
  },
  unclip() {
    // Six images of which the embedding is a function: two values of z.
    const { p } = valuesOf({ p: softmax(constant(row(0.3, -1, 0.8, 1.1, -0.4, 0.2))) });
    const z = [0, 0, 1, 0, 1, 1];
    const ofEmbedding = [0, 1].map((k) => p.reduce((sum, value, i) => sum + (z[i] === k ? value : 0), 0));
    const within = (k: number) =>
      valuesOf({ q: softmax(constant(row(...[...p].map((value, i) => (z[i] === k ? Math.log(value) : -100))))) }).q;
    for (const [i, value] of p.entries()) same(within(z[i]!)[i]! * ofEmbedding[z[i]!]!, value);
  },
  'prior-loss'() {
    const network = scalingNetwork(2);
    const process = networkProcess(schedulerConfig({ predictionType: 'sample' }));
    const losses = denoisingLoss(network, scalingContext(network), 1, { process, objective: objectiveDefaults });
    const [z, eps, w, t] = [unit([0.7, -0.1]), [-1.3, 0.4], 0.6, 400];
    const [a, b] = process.preconditioning.target(t);
    const leaves = {
      weight: row(w),
      x0: row(...z),
      noise: row(...eps),
      timestep: float32([1], [t]),
      signalScale: float32([1], [linear.alpha(t)]),
      noiseScale: float32([1], [linear.sigma(t)]),
      targetSignal: float32([1], [a]),
      targetNoise: float32([1], [b]),
    };
    const zt = qSample(linear, row(...z), [t], row(...eps)).data;
    same(2 * valuesOf({ losses }, leaves).losses[0]!, (z[0]! - w * zt[0]!) ** 2 + (z[1]! - w * zt[1]!) ** 2);
  },
  async 'prior-choice'() {
    const executor = createNodeExecutor({ threads: 1, worker: false });
    const generator = await openGenerator(executor, folderFiles(pipeline), { batchSize: 1 });
    const request = { count: 1, seed: 2, prompts: ['bell'], candidates: 2, sampling: { steps: 1 } };
    const candidates: (readonly number[])[] = [];
    for await (const { candidate } of generator.generate(request)) if (candidate) candidates.push([...candidate.data]);
    const text = unit([...(await generator.clip!.embedTexts(['bell'])).data]);
    const { conditions } = await generator.first!.conditionsOf(request);
    const cosines = candidates.map((each) => dot(unit(each), text));
    expect(candidates).toHaveLength(2);
    allSame(conditions['image_embeds']!.data as Float32Array, candidates[cosines[0]! > cosines[1]! ? 0 : 1]!);
    await generator.dispose();
    await executor.dispose();
  },
  async 'decoder-guidance'() {
    // A denoiser that shows what it is given: ε̂ is a sum over its conditions.
    const denoise: Denoiser = async (xt, _, { conditions }) => {
      const [z, y] = ['image_embeds', 'text'].map((name) => Number(conditions![name]!.data[0]!));
      const eps = row(0.1 * xt.data[0]! + 2 * z! + 3 * y!);
      return { x0: eps, eps };
    };
    const nothing = { image_embeds: row(0), text: row(0) };
    const guide = classifierFreeGuidance(denoise, { schedule: coarse, scale: 4, nothing });
    const { eps } = await guide(row(0.5), [4], { conditions: { image_embeds: row(0.3), text: row(-0.2) } });
    same(eps.data[0]!, 0.05 + 4 * (2 * 0.3 + 3 * -0.2));

    // In training the two are dropped apart: each at its own rate, and both together at the product.
    const count = 10_000;
    const ones = float32([count, 1], new Float32Array(count).fill(1));
    const dropout = (name: string, probability: number) => ({
      names: [name],
      probability,
      random: new RandomStream(0, name),
    });
    const left = dropConditions({ image_embeds: ones, text: ones }, nothing, [
      dropout('image_embeds', 0.1),
      dropout('text', 0.5),
    ]);
    const gone = (names: readonly string[]) =>
      Array.from({ length: count }, (_, i) => names.every((name) => left[name]!.data[i] === 0)).filter(Boolean).length /
      count;
    same(gone(['image_embeds']), 0.1, 0.02);
    same(gone(['text']), 0.5, 0.02);
    same(gone(['image_embeds', 'text']), 0.05, 0.02);
  },
  'upsampler-noise'() {
    const low = float32([1, 1, 1, 2], [0.7, -0.2]);
    const made = noisedImages(low, [0.4], linear, [new RandomStream(0, 'noise')]);
    const z = new RandomStream(0, 'noise').fillNormal(new Float32Array(2));
    const s = Math.round(0.4 * 999);
    const bar = linear.alphaBar(s);
    allSame(
      made['image']!.data as Float32Array,
      [0.7, -0.2].map((x, i) => Math.sqrt(bar) * x + Math.sqrt(1 - bar) * z[i]!),
    );
    same(Number(made['noise_level']?.data[0] ?? made['class_labels']!.data[0]), s, 0);
  },
};
