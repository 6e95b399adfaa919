import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  createInterpreter,
  evaluate,
  float32,
  freeze,
  input,
  mean,
  program,
  RandomStream,
  toValues,
  type HostArray,
  type Program,
  type Values,
} from '../core/index.ts';
import { readTokenizer } from '../data/texts/tokenizer.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { CLIPModel, clipPixels, openAIPreprocessing } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { trainSchema } from '../train/steps/train-config.ts';
import { Trainer, type TrainingTask } from '../train/steps/trainer.ts';
import {
  chanceLoss,
  checkTokenizer,
  clampLogitScale,
  clipLoss,
  contrastiveLoss,
  imageProgram,
  maxLogitScale,
  textProgram,
} from './clip.ts';

const golden = new URL('../../test/golden/', import.meta.url);

/** Evaluates a program in float64 and keeps the results so. */
function exactly(p: Program, values: ReadonlyMap<string, Values>): ReadonlyMap<string, Values> {
  const { outputs, writes } = evaluate(p, (_, name) => values.get(name)!);
  return new Map([...outputs, ...writes]);
}
const normal = (shape: readonly number[], seed: number): Values =>
  toValues(
    float32(shape, new RandomStream(seed, 'test').fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1)))),
  );
const scalar = (value: number): Values => ({ shape: [], dtype: 'f32', data: Float64Array.of(value) });

describe('the contrastive loss', () => {
  const on = (image: Values, text: Values, scale: number) => {
    const { losses, imageAccuracy, textAccuracy } = contrastiveLoss(
      input('image', image.shape),
      input('text', text.shape),
      input('scale', []),
    );
    const found = exactly(
      program({ outputs: { loss: mean(losses), imageAccuracy, textAccuracy } }),
      new Map([
        ['image', image],
        ['text', text],
        ['scale', scalar(scale)],
      ]),
    );
    return Object.fromEntries([...found].map(([name, { data }]) => [name, data[0]!])) as {
      loss: number;
      imageAccuracy: number;
      textAccuracy: number;
    };
  };

  test('is ln B where all embeddings are one', () => {
    const same: Values = { shape: [8, 3], dtype: 'f32', data: new Float64Array(24).fill(0.3) };
    expect(on(same, same, 2).loss).toBeCloseTo(Math.log(8), 12);
    expect(chanceLoss(8)).toBe(Math.log(8));
  });

  test('of orthogonal pairs is ln(1 + (B − 1) e^{−s}), and every pair is found', () => {
    const eye: Values = {
      shape: [4, 4],
      dtype: 'f32',
      data: Float64Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 7 : 0)),
    };
    const { loss, imageAccuracy, textAccuracy } = on(eye, eye, Math.log(5));
    expect(loss).toBeCloseTo(Math.log(1 + 3 * Math.exp(-5)), 12);
    expect([imageAccuracy, textAccuracy]).toEqual([1, 1]);
  });

  test('does not depend on lengths; images and texts count alike', () => {
    const [image, text] = [normal([5, 6], 1), normal([5, 6], 2)];
    const { loss, imageAccuracy, textAccuracy } = on(image, text, 1);
    const swapped = on(text, { ...image, data: image.data.map((v) => 10 * v) }, 1);
    expect(swapped.loss).toBeCloseTo(loss, 12);
    expect([swapped.textAccuracy, swapped.imageAccuracy]).toEqual([imageAccuracy, textAccuracy]);
  });

  test("is transformers'", () => {
    const io = readSafetensors(readFileSync(new URL('clip/gradients/io.safetensors', golden))).tensors as ReadonlyMap<
      string,
      HostArray
    >;
    const weights = readSafetensors(readFileSync(new URL('clip/gradients/model.safetensors', golden)))
      .tensors as ReadonlyMap<string, HostArray>;
    const { loss } = on(
      toValues(io.get('image_features')!),
      toValues(io.get('text_features')!),
      toValues(weights.get('logit_scale')!).data[0]!,
    );
    expect(loss).toBeCloseTo(toValues(io.get('loss')!).data[0]!, 5);
  });

  test('needs a text for each image', () => {
    expect(() => contrastiveLoss(input('i', [3, 4]), input('t', [2, 4]), input('s', []))).toThrow(
      'contrastiveLoss: images are [3, 4] and texts [2, 4]; both must be [B, D], a text for each image',
    );
  });
});

const model = new CLIPModel({
  projectionDim: 5,
  textConfig: {
    vocabSize: 12,
    hiddenSize: 8,
    intermediateSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    maxPositionEmbeddings: 4,
    eosTokenId: 11,
  },
  visionConfig: {
    hiddenSize: 8,
    intermediateSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    imageSize: 4,
    patchSize: 2,
  },
});

describe('training', () => {
  const task = (batchSize: number): TrainingTask => ({
    module: model,
    loss: (ctx) => clipLoss(model, ctx, { batchSize, length: 4, preprocessing: openAIPreprocessing }),
    constrain: { logit_scale: clampLogitScale },
    inputs(batch) {
      const rows = Array.from({ length: batchSize }, (_, i) => new RandomStream(3, 'clip', batch * batchSize + i));
      return {
        images: float32(
          [batchSize, 3, 4, 4],
          new Float32Array(rows.flatMap((row) => [...row.fillNormal(new Float32Array(48))])),
        ),
        ids: {
          dtype: 'i64',
          shape: [batchSize, 4],
          data: BigInt64Array.from(
            rows.flatMap((row) => [Math.floor(row.uniform() * 11), Math.floor(row.uniform() * 11), 11, 11]),
            BigInt,
          ),
        },
      };
    },
  });
  const train = async (batchSize: number, gradientAccumulation: number, steps: number) => {
    const trainer = await Trainer.open(
      createInterpreter(),
      task(batchSize),
      trainSchema.parse({ steps: 100, warmupSteps: 0, clipNorm: null, learningRate: 0.02, gradientAccumulation }),
    );
    const reports = [];
    for (let i = 0; i < steps; i++) reports.push(await trainer.advance());
    const state = await trainer.state();
    await trainer.dispose();
    return { reports, state };
  };

  test('in parts has the loss, the accuracies and the gradients of the whole batch', async () => {
    const [whole, parts] = [await train(6, 1, 1), await train(2, 3, 1)];
    expect(parts.reports[0]!.loss).toBeCloseTo(whole.reports[0]!.loss, 6);
    const measured = whole.reports[0]!.measures!;
    expect(Object.keys(measured).sort()).toEqual(['image_accuracy', 'logit_scale', 'text_accuracy']);
    for (const [name, value] of Object.entries(measured))
      expect(parts.reports[0]!.measures![name], name).toBeCloseTo(value, 6);
    for (const [entry, { data }] of whole.state.training) {
      if (!entry.startsWith('adam/exp_avg/')) continue;
      // Stored as float32, whose numbers near 1 are 1.2e-7 apart; rounded a few times on the way.
      data.forEach((value, i) =>
        expect(
          Math.abs(Number(parts.state.training.get(entry)!.data[i]) - Number(value)),
          `${entry}[${i}]`,
        ).toBeLessThan(5e-7 * Math.max(0.2, Math.abs(Number(value)))),
      );
    }
  });

  test('learns: from chance to telling all pairs of a batch apart', async () => {
    const fixed: TrainingTask = { ...task(6), inputs: () => task(6).inputs(0) };
    const trainer = await Trainer.open(
      createInterpreter(),
      fixed,
      trainSchema.parse({ steps: 100, warmupSteps: 0, clipNorm: null, learningRate: 0.02 }),
    );
    const first = await trainer.advance();
    let last = first;
    for (let i = 0; i < 99; i++) last = await trainer.advance();
    await trainer.dispose();
    expect(first.loss).toBeGreaterThan(chanceLoss(6) - 1);
    expect(last.loss).toBeLessThan(0.2);
    expect(last.measures).toMatchObject({ image_accuracy: 1, text_accuracy: 1 });
  });

  test.each([
    [-0.5, 0],
    [2.5, 2.5],
    [9, maxLogitScale],
  ])('keeps a logit scale of %d at %d', (value, expected) => {
    const found = exactly(
      program({ outputs: { out: clampLogitScale(input('x', [])) } }),
      new Map([['x', scalar(value)]]),
    );
    expect(found.get('out')!.data[0]).toBeCloseTo(expected, 6);
  });
});

describe('a tower as a program', () => {
  const weights = initialValues(model, 1);

  test('reads its own weights alone, and gives unit vectors', async () => {
    const [image, text] = [imageProgram(model, 2), textProgram(model, 2)];
    expect(Object.keys(image.reads).every((name) => /^(?:vision_model|visual_projection)\./.test(name))).toBe(true);
    expect(Object.keys(text.reads).every((name) => /^(?:text_model|text_projection)\./.test(name))).toBe(true);
    const fixed = freeze(text, weights);
    expect(Object.keys(fixed.reads)).toEqual([]);
    const ids: HostArray = { dtype: 'i64', shape: [2, 4], data: BigInt64Array.of(1n, 2n, 11n, 11n, 1n, 11n, 11n, 11n) };
    const { text_embeds: embeds } = await (await createInterpreter().compile(fixed)).run(null, { input_ids: ids });
    const data = embeds!.data as Float32Array;
    for (const row of [0, 1]) expect(Math.hypot(...data.subarray(5 * row, 5 * row + 5))).toBeCloseTo(1, 6);
  });
});

test('images of a data set become pixels as CLIPImageProcessor makes them', () => {
  const p = program({ outputs: { out: clipPixels(input('x', [1, 3, 1, 1]), openAIPreprocessing) } });
  const found = exactly(p, new Map([['x', { shape: [1, 3, 1, 1], dtype: 'f32', data: Float64Array.of(1, -1, -1) }]]));
  // transformers' numbers for a red image.
  [1.9303362369537354, -1.7520970106124878, -1.480219841003418].forEach((value, i) =>
    expect(found.get('out')!.data[i]).toBeCloseTo(value, 6),
  );
});

describe('a tokenizer that does not belong to a model', () => {
  const json = JSON.parse(readFileSync(new URL('tokenizer/tokenizer.json', golden), 'utf8')) as Record<string, unknown>;
  const tokenizer = readTokenizer(json, 'a/tokenizer.json');

  test.each<[string, { vocabSize: number; eosTokenId: number }, string]>([
    [
      'because it has more tokens',
      { vocabSize: 600, eosTokenId: 599 },
      'a/tokenizer.json: has 700 tokens, the model knows 600; take the tokenizer.json that came with the model',
    ],
    [
      'because texts end otherwise',
      { vocabSize: 49408, eosTokenId: 49407 },
      'a/tokenizer.json: its end token is 699, the model reads texts at 49407; take the tokenizer.json that came with the model',
    ],
  ])('is named, %s', (_, config, message) => {
    expect(() => checkTokenizer(tokenizer, config)).toThrow(message);
  });

  test('passes where it does, also to an early model', () => {
    for (const config of [
      { vocabSize: 700, eosTokenId: 699 },
      { vocabSize: 800, eosTokenId: 699 },
      { vocabSize: 700, eosTokenId: 2 },
    ])
      expect(() => checkTokenizer(tokenizer, config)).not.toThrow();
  });

  test('an end token of 2 is one that transformers would not look for', () => {
    expect(() => checkTokenizer({ ...tokenizer, eosTokenId: 2 }, { vocabSize: 700, eosTokenId: 2 })).toThrow(
      'a/tokenizer.json: its end token has the id 2, by which transformers knows early checkpoints',
    );
  });
});
