import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { readSafetensors, writeSafetensors, type SafetensorsTensor } from '../formats/safetensors.ts';
import { CLIPModel, openAIPreprocessing } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { readClipFolder, writeClipFolder } from './clip-folder.ts';
import { scratchCopies } from '../../test/scratch-copies.ts';

// test/golden/clip.py, clip-openai.py, tokenizer.py
const golden = fileURLToPath(new URL('../../test/golden/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'kuosan-clip-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Numbers of PIL.Image.Resampling. */
const PIL = { lanczos: 1, bilinear: 2, bicubic: 3 } as const;

const { newFolder, copy } = scratchCopies(scratch, golden);
const tensorsOf = (path: string) => readSafetensors(readFileSync(path)).tensors;
function editTensors(dir: string, change: (tensors: Map<string, SafetensorsTensor>) => void): void {
  const tensors = tensorsOf(join(dir, 'model.safetensors'));
  change(tensors);
  writeFileSync(join(dir, 'model.safetensors'), writeSafetensors(tensors));
}
function editConfig(dir: string, change: (json: Record<string, unknown>) => unknown): void {
  const path = join(dir, 'config.json');
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)));
}

describe('a CLIP model that is written', () => {
  const tokenizer = JSON.parse(readFileSync(join(golden, 'tokenizer/tokenizer.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  const tiny = (eosTokenId: number) =>
    new CLIPModel({
      projectionDim: 6,
      initializerFactor: 1,
      textConfig: {
        vocabSize: 700,
        hiddenSize: 8,
        intermediateSize: 8,
        numHiddenLayers: 1,
        numAttentionHeads: 1,
        maxPositionEmbeddings: 8,
        bosTokenId: 698,
        eosTokenId,
        padTokenId: 699,
      },
      visionConfig: {
        hiddenSize: 8,
        intermediateSize: 8,
        numHiddenLayers: 1,
        numAttentionHeads: 1,
        imageSize: 8,
        patchSize: 4,
      },
    });

  test('is read back the same, with its tokenizer and its preprocessing', async () => {
    const dir = newFolder();
    const model = tiny(699);
    const weights = initialValues(model, 1);
    const preprocessing = { imageMean: [0.4, 0.5, 0.6], imageStd: [0.1, 0.2, 0.3] };
    await writeClipFolder(dir, { model, weights, tokenizer, preprocessing });
    const read = await readClipFolder(dir);
    expect(read.weights).toEqual(weights);
    expect(read.model.config).toEqual({
      ...model.config,
      textConfig: { ...model.config.textConfig, projectionDim: 6 },
      visionConfig: { ...model.config.visionConfig, projectionDim: 6 },
    });
    expect({ tokenizer: read.tokenizer, preprocessing: read.preprocessing }).toEqual({
      tokenizer,
      preprocessing: { ...preprocessing, resample: 'lanczos' },
    });
  });

  test.each(['lanczos', 'bilinear', 'bicubic'] as const)('resizes images as it says: %s', async (resample) => {
    const dir = newFolder();
    const model = tiny(699);
    await writeClipFolder(dir, {
      model,
      weights: initialValues(model, 1),
      preprocessing: { ...openAIPreprocessing, resample },
    });
    expect(JSON.parse(readFileSync(join(dir, 'preprocessor_config.json'), 'utf8'))).toMatchObject({
      resample: PIL[resample],
    });
    expect((await readClipFolder(dir)).preprocessing).toEqual({ ...openAIPreprocessing, resample });
  });

  test('says what transformers looks for: classes, floats as floats, start and end', async () => {
    const dir = newFolder();
    const model = tiny(699);
    await writeClipFolder(dir, { model, weights: initialValues(model, 1), tokenizer, dtype: 'f16' });
    const text = readFileSync(join(dir, 'config.json'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({
      architectures: ['CLIPModel'],
      model_type: 'clip',
      text_config: { model_type: 'clip_text_model', eos_token_id: 699 },
      vision_config: { model_type: 'clip_vision_model', patch_size: 4 },
    });
    // Its configurations are strict: 1 is no float.
    expect(text.match(/"initializer_factor": 1\.0\b/g)).toHaveLength(3);
    expect(JSON.parse(readFileSync(join(dir, 'tokenizer_config.json'), 'utf8'))).toEqual({
      tokenizer_class: 'CLIPTokenizer',
      model_max_length: 8,
      bos_token: '<|startoftext|>',
      eos_token: '<|endoftext|>',
      pad_token: '<|endoftext|>',
      unk_token: '<|endoftext|>',
    });
    expect(JSON.parse(readFileSync(join(dir, 'preprocessor_config.json'), 'utf8'))).toMatchObject({
      image_processor_type: 'CLIPImageProcessor',
      size: { shortest_edge: 8 },
      crop_size: { height: 8, width: 8 },
      resample: 1,
    });
  });

  test('has a card that says what it is, with and without a tokenizer', async () => {
    const model = tiny(699);
    const card = async (json: typeof tokenizer | null) => {
      const dir = newFolder();
      await writeClipFolder(dir, { model, weights: initialValues(model, 1), tokenizer: json });
      return readFileSync(join(dir, 'README.md'), 'utf8');
    };
    const whole = await card(tokenizer);
    expect(whole).toMatch(
      /^---\nlibrary_name: transformers\npipeline_tag: zero-shot-image-classification\n---\n\n\| \| \|\n/,
    );
    expect(whole).toContain(
      '| images | 3 × 8 × 8 in patches of 4, 1 block of 8 |\n| texts | at most 8 of 700 tokens, 1 block of 8 |\n',
    );
    expect(whole).toContain('processor = CLIPProcessor.from_pretrained(".")');
    // A processor would miss the tokenizer.
    expect(await card(null)).not.toContain('CLIPProcessor');
  });

  test('never says that the end token is 2', async () => {
    const dir = newFolder();
    const model = tiny(2);
    await writeClipFolder(dir, { model, weights: initialValues(model, 1) });
    expect((await readClipFolder(dir)).model.config.textConfig.eosTokenId).toBe(699);
  });

  test('does not take the place of another', async () => {
    const dir = copy('clip/gradients');
    const model = tiny(699);
    await expect(writeClipFolder(dir, { model, weights: initialValues(model, 1) })).rejects.toThrow(
      `checkpoint ${dir}: holds a model already; give another folder`,
    );
  });

  const trained = async () => {
    const dir = newFolder();
    const model = tiny(699);
    await writeClipFolder(dir, { model, weights: initialValues(model, 1), tokenizer });
    return dir;
  };
  const { model: bpe } = tokenizer as {
    readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly merges: readonly string[] };
  };

  test('knows its vocabulary: one of the same size with two ids exchanged is refused', async () => {
    const dir = await trained();
    const { a, b, ...vocab } = bpe.vocab;
    writeFileSync(
      join(dir, 'tokenizer.json'),
      JSON.stringify({ ...tokenizer, model: { ...bpe, vocab: { ...vocab, a: b, b: a } } }),
    );
    await expect(readClipFolder(dir)).rejects.toThrow(
      `checkpoint ${dir}/tokenizer.json: has another vocabulary than the weights were trained with; take the tokenizer.json that came with the model`,
    );
    await expect(readClipFolder(join(dir, 'model.safetensors'))).rejects.toThrow(
      `checkpoint ${dir}/tokenizer.json: has another vocabulary`,
    );
  });

  test('knows its vocabulary in whatever file it is', async () => {
    const dir = await trained();
    // As newer tokenizers save it: in another order, merges as pairs, special tokens in one list alone.
    const { '<|endoftext|>': _end, ...vocab } = Object.fromEntries(Object.entries(bpe.vocab).reverse());
    writeFileSync(
      join(dir, 'tokenizer.json'),
      JSON.stringify({
        model: { ...bpe, vocab, merges: bpe.merges.map((pair) => pair.split(' ')) },
        added_tokens: tokenizer['added_tokens'],
      }),
    );
    expect((await readClipFolder(dir)).tokenizer).not.toEqual(tokenizer);
  });

  test('keeps what it knows of its vocabulary when it is written again, with a tokenizer and without', async () => {
    const read = await readClipFolder(await trained());
    expect(read.vocabulary).toMatch(/^[0-9a-f]{64}$/);
    const dir = newFolder();
    await writeClipFolder(dir, { ...read, tokenizer: null });
    expect((await readClipFolder(dir)).vocabulary).toBe(read.vocabulary);
    await expect(
      writeClipFolder(newFolder(), {
        ...read,
        tokenizer: { ...tokenizer, model: { ...bpe, vocab: { ...bpe.vocab, more: 700 } } },
      }),
    ).rejects.toThrow('the tokenizer: has another vocabulary than the weights were trained with');
  });

  test('has all its weights', async () => {
    const model = tiny(699);
    const weights = initialValues(model, 1);
    weights.delete('logit_scale');
    await expect(writeClipFolder(newFolder(), { model, weights })).rejects.toThrow('missing tensor "logit_scale"');
  });
});

describe('what cannot be read is named', () => {
  test.each<[string, string, (dir: string) => void, (dir: string) => string]>([
    [
      'a model without a text tower',
      'clip/vision-with-projection',
      () => {},
      (dir) => `checkpoint ${dir}: is a CLIPVisionModelWithProjection, which has no text tower; give a whole CLIPModel`,
    ],
    [
      'a model without an image tower',
      'clip/text-only',
      () => {},
      (dir) => `checkpoint ${dir}: is a CLIPTextModel, which has no image tower; give a whole CLIPModel`,
    ],
    [
      'another class',
      'clip/gradients',
      (dir) => editConfig(dir, (json) => ({ ...json, architectures: ['SiglipModel'] })),
      (dir) => `checkpoint ${dir}/config.json: the class is "SiglipModel", expected one of CLIPModel, CLIPTextModel`,
    ],
    [
      'a class that is no name',
      'clip/gradients',
      (dir) => editConfig(dir, (json) => ({ ...json, architectures: [{ a: 1 }] })),
      (dir) => `checkpoint ${dir}/config.json: the class is {"a":1}, expected one of CLIPModel, CLIPTextModel`,
    ],
    [
      'no class',
      'clip/gradients',
      (dir) => editConfig(dir, () => ({})),
      (dir) => `checkpoint ${dir}/config.json: the class is not said, expected one of`,
    ],
    [
      'an unknown option',
      'clip/gradients',
      (dir) =>
        editConfig(dir, (json) => ({
          ...json,
          vision_config: { ...(json['vision_config'] as object), use_rope: true },
        })),
      (dir) => `checkpoint ${dir}/config.json.visionConfig: unknown key "useRope"`,
    ],
    [
      'an option that cannot be built',
      'clip/gradients',
      (dir) =>
        editConfig(dir, (json) => ({
          ...json,
          text_config: { ...(json['text_config'] as object), num_attention_heads: 3 },
        })),
      (dir) => `checkpoint ${dir}/config.json: clip: textConfig: hiddenSize 16 does not split into 3 heads`,
    ],
    [
      'more layers than there can be',
      'clip/gradients',
      (dir) =>
        editConfig(dir, (json) => ({
          ...json,
          text_config: { ...(json['text_config'] as object), num_hidden_layers: 1e9 },
        })),
      (dir) => `checkpoint ${dir}/config.json: asks for 1000000000 layers, the weights hold only 78 tensors`,
    ],
    [
      'a tensor of another shape',
      'clip/gradients',
      (dir) =>
        editTensors(dir, (tensors) =>
          tensors.set('text_projection.weight', { dtype: 'f32', shape: [12, 8], data: new Float32Array(96) }),
        ),
      (dir) =>
        `checkpoint ${dir}/model.safetensors: tensor "text_projection.weight" is [12, 8], expected [12, 16] (at byte 29404); the weights are not of the network in ${dir}/config.json`,
    ],
    [
      'weights without a tensor',
      'clip/gradients',
      (dir) => editTensors(dir, (tensors) => tensors.delete('logit_scale')),
      (dir) => `checkpoint ${dir}/model.safetensors: missing tensor "logit_scale"`,
    ],
    [
      'no weights',
      'clip/gradients',
      (dir) => unlinkSync(join(dir, 'model.safetensors')),
      (dir) => `checkpoint ${dir}: there is no model.safetensors`,
    ],
    [
      'pickled weights',
      'clip/gradients',
      (dir) => {
        unlinkSync(join(dir, 'model.safetensors'));
        writeFileSync(join(dir, 'pytorch_model.bin'), '');
      },
      (dir) =>
        `checkpoint ${dir}: there is no model.safetensors, only pickled weights (pytorch_model.bin), which Python alone can read; convert them there: CLIPModel.from_pretrained(`,
    ],
    [
      'three maps that are not three',
      'clip-openai',
      (dir) =>
        editTensors(dir, (tensors) =>
          tensors.set('transformer.resblocks.0.attn.in_proj_bias', {
            dtype: 'f32',
            shape: [10],
            data: new Float32Array(10),
          }),
        ),
      (dir) =>
        `checkpoint ${dir}/model.safetensors: tensor "transformer.resblocks.0.attn.in_proj_bias" is [10], expected three maps, one after the other`,
    ],
    [
      'a tower that is a ResNet',
      'clip-openai',
      (dir) =>
        editTensors(dir, (tensors) =>
          tensors.set('visual.layer1.0.conv1.weight', { dtype: 'f32', shape: [1], data: new Float32Array(1) }),
        ),
      (dir) => `checkpoint ${dir}/model.safetensors: the image tower is a ResNet`,
    ],
    [
      'weights that say too little',
      'clip-openai',
      (dir) => editTensors(dir, (tensors) => tensors.delete('visual.conv1.weight')),
      (dir) =>
        `checkpoint ${dir}/model.safetensors: there is no tensor "vision_model.embeddings.patch_embedding.weight", so the model's configuration is unknown; put its config.json next to it`,
    ],
    [
      'a mean of another number of channels',
      'clip/gradients',
      (dir) => writeFileSync(join(dir, 'preprocessor_config.json'), '{"image_mean":[0.5],"image_std":[0.5]}'),
      (dir) => `checkpoint ${dir}/preprocessor_config.json.imageMean: expected 3 numbers, one a channel, got [0.5]`,
    ],
    [
      'a kernel that is none of three',
      'clip/gradients',
      (dir) => writeFileSync(join(dir, 'preprocessor_config.json'), '{"resample":5}'),
      (dir) =>
        `checkpoint ${dir}/preprocessor_config.json.resample: expected 3 (bicubic), 2 (bilinear) or 1 (Lanczos), got 5`,
    ],
    [
      'images of another size',
      'clip/gradients',
      (dir) => writeFileSync(join(dir, 'preprocessor_config.json'), '{"size":{"shortest_edge":224}}'),
      (dir) =>
        `checkpoint ${dir}/preprocessor_config.json.size: expected {"shortest_edge":8}, the size of the model's images, got {"shortest_edge":224}`,
    ],
    [
      'images of changed proportions',
      'clip/gradients',
      (dir) => writeFileSync(join(dir, 'preprocessor_config.json'), '{"size":{"height":8,"width":8}}'),
      (dir) =>
        `checkpoint ${dir}/preprocessor_config.json.size: expected {"shortest_edge":8}, the size of the model's images, got {"height":8,"width":8}`,
    ],
    [
      'images of another size in the file of a processor, which comes first',
      'clip/gradients',
      (dir) => {
        writeFileSync(join(dir, 'preprocessor_config.json'), '{}');
        writeFileSync(join(dir, 'processor_config.json'), '{"image_processor":{"size":{"shortest_edge":224}}}');
      },
      (dir) =>
        `checkpoint ${dir}/processor_config.json.image_processor.size: expected {"shortest_edge":8}, the size of the model's images, got {"shortest_edge":224}`,
    ],
    [
      'a crop of another size',
      'clip/gradients',
      (dir) => writeFileSync(join(dir, 'preprocessor_config.json'), '{"size":8,"crop_size":{"height":8,"width":6}}'),
      (dir) =>
        `checkpoint ${dir}/preprocessor_config.json.cropSize: expected {"height":8,"width":8}, the size of the model's images, got {"height":8,"width":6}`,
    ],
    [
      'a tokenizer that is no JSON',
      'clip/gradients',
      (dir) => writeFileSync(join(dir, 'tokenizer.json'), '{'),
      (dir) => `checkpoint ${dir}/tokenizer.json: is not valid JSON`,
    ],
  ])('%s', async (_, fixture, change, message) => {
    const dir = copy(fixture, change);
    await expect(readClipFolder(dir)).rejects.toThrow(message(dir));
  });

  test('a folder that is not there', async () => {
    await expect(readClipFolder(join(scratch, 'none'))).rejects.toThrow(
      `checkpoint ${join(scratch, 'none')}: there is no such folder`,
    );
  });
});
