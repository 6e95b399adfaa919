import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import {
  add,
  arange,
  createInterpreter,
  grad,
  input,
  logSoftmax,
  mean,
  mul,
  neg,
  program,
  reshape,
  takeAlongAxis,
  type HostArray,
  type Tensor,
} from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, countParameters, initialValues, namedParameters, type Module } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import {
  CLIPModel,
  CLIPTextModelWithProjection,
  CLIPTextModel,
  CLIPVisionModel,
  CLIPVisionModelWithProjection,
} from './clip.ts';
import { clipConfig, clipTextConfig, clipVisionConfig } from './clip/config.ts';
import { tinyTextConfig, tinyVisionConfig } from '../../test/tiny-models.ts';

// test/golden/clip.py
const fixtures = fileURLToPath(new URL('../../test/golden/clip/', import.meta.url));
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

const tensorsOf = (path: string) => readSafetensors(readFileSync(path)).tensors as ReadonlyMap<string, HostArray>;
const configOf = (name: string) =>
  JSON.parse(readFileSync(`${fixtures}${name}/config.json`, 'utf8')) as Record<string, unknown>;

function expectClose(found: HostArray, expected: HostArray, what: string, tolerance = 1e-4): void {
  expect(found.shape, what).toEqual(expected.shape);
  expected.data.forEach((value, i) =>
    expect(Math.abs(Number(found.data[i]) - Number(value)), `${what}[${i}]`).toBeLessThan(tolerance),
  );
}

async function run(
  outputs: Record<string, Tensor>,
  weights: ReadonlyMap<string, HostArray>,
  inputs: Record<string, HostArray>,
): Promise<Record<string, HostArray>> {
  const p = program({ outputs });
  const store = await executor.createStore(p.reads, weights);
  const executable = await executor.compile(p);
  try {
    return await executable.run(store, inputs);
  } finally {
    await executable.dispose();
    await store.dispose();
  }
}

/** The inputs that a fixture has, as tensors and as values. */
function given(io: ReadonlyMap<string, HostArray>) {
  const values: Record<string, HostArray> = {};
  const take = (name: string, value = io.get(name)): Tensor | undefined => {
    if (value) values[name] = value;
    return value && input(name, value.shape, value.dtype);
  };
  const mask = io.get('attention_mask');
  return {
    values,
    pixels: take('pixel_values')!,
    ids: take('input_ids')!,
    keyMask: take(
      'key_mask',
      mask && { dtype: 'bool', shape: mask.shape, data: Uint8Array.from(mask.data as BigInt64Array, Number) },
    ),
  };
}

/** Cross-entropy of the diagonal of a matrix of logits. */
function diagonalCrossEntropy(logits: Tensor): Tensor {
  const count = logits.shape[0]!;
  return neg(mean(takeAlongAxis(logSoftmax(logits), reshape(arange(count), [count, 1]), 1)));
}

describe.each(['gradients', 'gelu-end-token-7', 'legacy-end-token', 'padding-before'])(
  'transformers\' CLIPModel "%s"',
  (name) => {
    const weights = tensorsOf(`${fixtures}${name}/model.safetensors`);
    const io = tensorsOf(`${fixtures}${name}/io.safetensors`);
    const model = new CLIPModel(clipConfig(configOf(name), name));
    const { values, pixels, ids, keyMask } = given(io);
    const ctx = bind(model);
    const out = model.forward(ctx, pixels, ids, keyMask);

    test('has the same parameter names and shapes', () => {
      const ours = new Map([...namedParameters(model)].map(([key, { shape }]) => [key, [...shape]]));
      expect(new Map([...ours].sort())).toEqual(
        new Map([...weights].map(([key, { shape }]) => [key, [...shape]] as const).sort()),
      );
    });

    test('has the same embeddings, hidden states and logits within 1e-4', async () => {
      const found = await run(
        {
          image_features: model.imageFeatures(ctx, pixels),
          text_features: model.textFeatures(ctx, ids, keyMask),
          vision_hidden: model.visionModel.forward(ctx, pixels).lastHiddenState,
          text_hidden: model.textModel.forward(ctx, ids, keyMask).lastHiddenState,
          logits_per_image: out.logitsPerImage,
          logits_per_text: out.logitsPerText,
        },
        weights,
        values,
      );
      // What a padding token that sees no other becomes is nobody's business.
      const present = io.get('attention_mask')?.data;
      const hidden = (value: HostArray): HostArray => ({
        ...value,
        data: (value.data as Float32Array).map((v, i) => (present?.[Math.floor(i / value.shape[2]!)] === 0n ? 0 : v)),
      });
      for (const [what, value] of Object.entries(found)) {
        const expected = io.get(what)!;
        if (what === 'text_hidden') expectClose(hidden(value), hidden(expected), what);
        else expectClose(value, expected, what);
      }
    });

    if (io.has('grad.logit_scale')) {
      test('has the same loss and gradients, of every parameter and of the images', async () => {
        const loss = mul(add(diagonalCrossEntropy(out.logitsPerImage), diagonalCrossEntropy(out.logitsPerText)), 0.5);
        const wrt: [string, Tensor][] = [['pixel_values', pixels], ...ctx.parameters];
        const gradients = grad(
          loss,
          wrt.map(([, tensor]) => tensor),
        );
        const found = await run(
          { loss, ...Object.fromEntries(gradients.map((g, i) => [`grad.${wrt[i]![0]}`, g])) },
          weights,
          values,
        );
        expect(wrt).toHaveLength([...io.keys()].filter((key) => key.startsWith('grad.')).length);
        for (const [what, value] of Object.entries(found)) expectClose(value, io.get(what)!, what, 1e-5);
      });
    }
  },
);

describe('a tower alone', () => {
  /** transformers 5 stores what has no projection without the tower's own name. */
  const underTower = (tower: string, tensors: ReadonlyMap<string, HostArray>) =>
    new Map(
      [...tensors].map(([key, value]) => [/^(?:text|vision|visual)_/.test(key) ? key : `${tower}.${key}`, value]),
    );

  const states = (model: CLIPTextModel | CLIPVisionModel, x: Tensor) => {
    const { lastHiddenState, pooled } = model.forward(bind(model), x);
    return { last_hidden_state: lastHiddenState, pooler_output: pooled };
  };

  test.each<[string, 'text' | 'vision', (json: Record<string, unknown>, x: Tensor) => Record<string, Tensor>]>([
    ['text-only', 'text', (json, ids) => states(new CLIPTextModel(clipTextConfig(json, 'config')), ids)],
    [
      'text-with-projection',
      'text',
      (json, ids) => {
        const model = new CLIPTextModelWithProjection(clipTextConfig(json, 'config'));
        return { ...states(model, ids), text_embeds: model.textFeatures(bind(model), ids) };
      },
    ],
    ['vision-only', 'vision', (json, pixels) => states(new CLIPVisionModel(clipVisionConfig(json, 'config')), pixels)],
    [
      'vision-with-projection',
      'vision',
      (json, pixels) => {
        const model = new CLIPVisionModelWithProjection(clipVisionConfig(json, 'config'));
        return { ...states(model, pixels), image_embeds: model.imageFeatures(bind(model), pixels) };
      },
    ],
  ])('%s is as transformers has it', async (name, tower, outputsOf) => {
    const io = tensorsOf(`${fixtures}${name}/io.safetensors`);
    const { ids, pixels, values } = given(io);
    const outputs = outputsOf(configOf(name), tower === 'text' ? ids : pixels);
    // With a projection, transformers hands out no pooled state next to it.
    const expected = [...io.keys()].filter((key) => !(key in values));
    expect(expected).toHaveLength(2);
    const found = await run(
      Object.fromEntries(expected.map((what) => [what, outputs[what]!])),
      underTower(`${tower}_model`, tensorsOf(`${fixtures}${name}/model.safetensors`)),
      values,
    );
    for (const what of expected) expectClose(found[what]!, io.get(what)!, what);
  });
});

const tiny = { textConfig: tinyTextConfig, visionConfig: tinyVisionConfig, projectionDim: 4 } as const;

describe('the embedding of a text', () => {
  const embed = async (rows: readonly (readonly number[])[], eosTokenId = 19) => {
    const model = new CLIPModel({ ...tiny, textConfig: { ...tiny.textConfig, eosTokenId } });
    const shape = [rows.length, rows[0]!.length];
    const { out } = await run(
      { out: model.textFeatures(bind(model), input('ids', shape, 'i64')) },
      initialValues(model, 1),
      { ids: { dtype: 'i64', shape, data: BigInt64Array.from(rows.flat(), BigInt) } },
    );
    return rows.map((_, i) => Array.from(out!.data.slice(4 * i, 4 * i + 4), Number));
  };

  test('does not depend on what follows the end token', async () => {
    const [a, b, c] = await embed([
      [18, 3, 19, 19, 19],
      [18, 3, 19, 0, 7],
      [18, 4, 19, 19, 19],
    ]);
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  test('is read at the end token, wherever it stands in the vocabulary', async () => {
    const [short, long] = await embed(
      [
        [1, 5, 4, 4, 4],
        [1, 5, 17, 18, 4],
      ],
      5,
    );
    expect(short).toEqual(long);
  });
});

test('what stands for an image or a text is the same without the other positions, whatever the padding', async () => {
  const model = new CLIPModel({
    ...tiny,
    visionConfig: { ...tiny.visionConfig, numHiddenLayers: 2 },
    textConfig: { ...tiny.textConfig, numHiddenLayers: 2 },
  });
  const [pixels, ids, keyMask] = [
    input('pixels', [2, 3, 8, 8]),
    input('ids', [2, 5], 'i64'),
    input('keyMask', [2, 5], 'bool'),
  ];
  const ctx = bind(model);
  const { visionModel, textModel } = model;
  const values = {
    pixels: { dtype: 'f32', shape: [2, 3, 8, 8], data: Float32Array.from({ length: 384 }, (_, i) => Math.sin(i)) },
    ids: { dtype: 'i64', shape: [2, 5], data: BigInt64Array.of(18n, 3n, 19n, 19n, 19n, 0n, 18n, 3n, 7n, 19n) },
    keyMask: { dtype: 'bool', shape: [2, 5], data: Uint8Array.of(1, 1, 1, 0, 0, 0, 1, 1, 1, 1) },
  } as const;
  const found = await run(
    {
      image: visionModel.pooled(ctx, pixels),
      fullImage: visionModel.forward(ctx, pixels).pooled,
      text: textModel.pooled(ctx, ids),
      fullText: textModel.forward(ctx, ids).pooled,
      masked: textModel.pooled(ctx, ids, keyMask),
      fullMasked: textModel.forward(ctx, ids, keyMask).pooled,
    },
    initialValues(model, 1),
    values,
  );
  expectClose(found['image']!, found['fullImage']!, 'image', 1e-5);
  expectClose(found['text']!, found['fullText']!, 'text', 1e-5);
  expectClose(found['masked']!, found['fullMasked']!, 'masked text', 1e-5);
});

describe('published configurations', () => {
  test('ViT-B/32 has 151,277,313 parameters', () => {
    expect(countParameters(new CLIPModel())).toBe(151_277_313);
  });

  test('ViT-L/14 has 427,616,513', () => {
    expect(
      countParameters(
        new CLIPModel({
          projectionDim: 768,
          textConfig: { hiddenSize: 768, intermediateSize: 3072, numAttentionHeads: 12 },
          visionConfig: {
            hiddenSize: 1024,
            intermediateSize: 4096,
            numHiddenLayers: 24,
            numAttentionHeads: 16,
            patchSize: 14,
          },
        }),
      ),
    ).toBe(427_616_513);
  });
});

describe('first weights', () => {
  const std = (values: ArrayLike<number>) =>
    Math.sqrt(Array.from(values).reduce((total, v) => total + v * v, 0) / values.length);

  test("have OpenAI's deviations", () => {
    const model = new CLIPModel({
      ...tiny,
      textConfig: {
        ...tiny.textConfig,
        vocabSize: 600,
        hiddenSize: 64,
        intermediateSize: 256,
        numHiddenLayers: 2,
        maxPositionEmbeddings: 40,
      },
    });
    const values = initialValues(model, 3);
    const expected: Record<string, number> = {
      'embeddings.token_embedding': 0.02,
      'embeddings.position_embedding': 0.01,
      'encoder.layers.1.self_attn.q_proj': 64 ** -0.5,
      'encoder.layers.1.self_attn.out_proj': 64 ** -0.5 * 4 ** -0.5,
      'encoder.layers.0.mlp.fc1': 128 ** -0.5,
      'encoder.layers.0.mlp.fc2': 64 ** -0.5 * 4 ** -0.5,
    };
    // The deviation of n normal numbers is known to 1 / √(2n): 1.4 % for 2560.
    for (const [name, deviation] of Object.entries(expected))
      expect(std(values.get(`text_model.${name}.weight`)!.data as Float32Array) / deviation, name).toBeCloseTo(1, 1);
    expect(values.get('logit_scale')!.data[0]).toBeCloseTo(2.6592, 6);
  });
});

test('dropout acts on attention weights in training alone', async () => {
  const model = new CLIPVisionModel({ ...tiny.visionConfig, attentionDropout: 0.5 });
  const pixels = input('pixels', [1, 3, 8, 8]);
  const inputsOf = (module: Module, training: boolean) =>
    Object.keys(
      program({ outputs: { out: (module as CLIPVisionModel).forward(bind(module, { training }), pixels).pooled } })
        .inputs,
    );
  expect(inputsOf(model, true)).toContain('randomKey');
  expect(inputsOf(model, false)).toEqual(['pixels']);
});

describe('bad input', () => {
  const model = new CLIPModel(tiny);
  const ctx = bind(model);

  test.each<[string, () => unknown, string]>([
    [
      'images of another size',
      () => model.imageFeatures(ctx, input('p', [2, 3, 16, 8])),
      'clip: the images are [2, 3, 16, 8], expected [B, 3, 8, 8]; resize them',
    ],
    [
      'a text longer than the context',
      () => model.textFeatures(ctx, input('ids', [1, 7], 'i64')),
      'clip: texts of 7 tokens are longer than the context of 6 (maxPositionEmbeddings); truncate them, keeping the end token',
    ],
    [
      'tokens that are no numbers of tokens',
      () => model.textFeatures(ctx, input('ids', [1, 6])),
      'clip: tokens must be i64[B, L], got f32[1, 6]',
    ],
    [
      'heads that do not divide the width',
      () => new CLIPModel({ ...tiny, visionConfig: { ...tiny.visionConfig, numAttentionHeads: 3 } }),
      'clip: visionConfig: hiddenSize 8 does not split into 3 heads (numAttentionHeads)',
    ],
    [
      'a patch larger than the image',
      () => new CLIPModel({ ...tiny, visionConfig: { ...tiny.visionConfig, patchSize: 9 } }),
      'clip: visionConfig: a patch of 9 pixels is larger than an image of 8 (patchSize, imageSize)',
    ],
    [
      'a key that transformers does not have',
      () => clipConfig({ text_config: { hiden_size: 8 } }, 'config.json'),
      'config.json.textConfig: unknown key "hidenSize"; did you mean hiddenSize?',
    ],
    [
      'an option that would change the network',
      () => clipTextConfig({ is_decoder: true }, 'config.json'),
      'config.json: unknown key "isDecoder"',
    ],
    [
      'a tower that is no object',
      () => clipConfig({ vision_config: 7 }, 'config.json'),
      'config.json.vision_config: expected an object, got 7',
    ],
    [
      'a function that is not there',
      () => clipVisionConfig({ hidden_act: 'selu' }, 'config.json'),
      'config.json.hiddenAct: expected one of "gelu"',
    ],
    [
      'a list of end tokens',
      () => clipTextConfig({ eos_token_id: [1, 2] }, 'config.json'),
      'config.json.eosTokenId: expected number, got [1,2]',
    ],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(message);
  });

  test('an early configuration, with each tower twice and what a generator of text is told, is read', () => {
    const config = clipConfig(
      {
        _name_or_path: '',
        model_type: 'clip',
        torch_dtype: 'float32',
        transformers_version: null,
        projection_dim: 6,
        text_config: { hidden_size: 512, is_decoder: false, top_k: 50, dropout: 0, eos_token_id: 2, pruned_heads: {} },
        text_config_dict: { hidden_size: 16, eos_token_id: 2 },
        vision_config: { image_size: 32, eos_token_id: null, num_beams: 1 },
        vision_config_dict: null,
      },
      'config.json',
    );
    expect(config).toMatchObject({
      projectionDim: 6,
      textConfig: { hiddenSize: 16, eosTokenId: 2, vocabSize: 49408 },
      visionConfig: { imageSize: 32, hiddenSize: 768 },
    });
  });
});

test('the interpreter agrees', async () => {
  const interpreter = createInterpreter();
  const model = new CLIPModel(tiny);
  const p = program({ outputs: { out: model.textFeatures(bind(model), input('ids', [1, 3], 'i64')) } });
  const ids: HostArray = { dtype: 'i64', shape: [1, 3], data: BigInt64Array.of(18n, 3n, 19n) };
  const exact = await (
    await interpreter.compile(p)
  ).run(await interpreter.createStore(p.reads, initialValues(model, 1)), { ids });
  expectClose((await run(p.outputs, initialValues(model, 1), { ids }))['out']!, exact['out']!, 'out', 1e-5);
});
