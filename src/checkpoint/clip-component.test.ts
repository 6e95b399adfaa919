import { cpSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { input, program, type HostArray, type Tensor } from '../core/index.ts';
import { readSafetensors, writeSafetensors, type SafetensorsTensor } from '../formats/safetensors.ts';
import { CLIPTextModelWithProjection, CLIPVisionModel, type CLIPModel } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { clipComponent } from './clip-component.ts';
import { readClipFolder, readClipNetwork, readImageTower, writeClipFolder } from './clip-folder.ts';
import { readNetworkFolder, writeNetworkFolder } from './network-folder.ts';
import { part } from './pipeline-files.ts';
import { scratchCopies } from '../../test/scratch-copies.ts';

// test/golden/clip.py, clip-openai.py, tokenizer.py
const golden = fileURLToPath(new URL('../../test/golden/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'kuosan-clip-'));
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await executor.dispose();
});

const { newFolder, copy } = scratchCopies(scratch, golden);
const tensorsOf = (path: string) => readSafetensors(readFileSync(path)).tensors;
async function expectFeatures(
  model: CLIPModel,
  weights: ReadonlyMap<string, HostArray>,
  fixture: string,
): Promise<void> {
  const io = tensorsOf(join(golden, fixture, 'io.safetensors')) as ReadonlyMap<string, HostArray>;
  const leaf = (name: string): Tensor => input(name, io.get(name)!.shape, io.get(name)!.dtype);
  const ctx = bind(model);
  const p = program({
    outputs: {
      image_features: model.imageFeatures(ctx, leaf('pixel_values')),
      text_features: model.textFeatures(ctx, leaf('input_ids')),
    },
  });
  const store = await executor.createStore(p.reads, weights);
  const executable = await executor.compile(p);
  const found = await executable.run(store, Object.fromEntries(io));
  await executable.dispose();
  await store.dispose();
  for (const [name, { data }] of Object.entries(found)) {
    const expected = io.get(name)!.data as Float32Array;
    expect(data.length).toBe(expected.length);
    expected.forEach((value, i) => expect(Math.abs(Number(data[i]) - value), `${name}[${i}]`).toBeLessThan(1e-4));
  }
}

describe('a CLIP model is read', () => {
  test.each(['gradients', 'gelu-end-token-7', 'legacy-end-token'])('as transformers writes it: %s', async (name) => {
    const { model, weights, tokenizer, preprocessing } = await readClipFolder(join(golden, 'clip', name));
    await expectFeatures(model, weights, `clip/${name}`);
    expect(tokenizer).toBeNull();
    // Without a file that says otherwise, OpenAI's numbers for color, and transformers' kernel.
    expect(preprocessing!.resample).toBe('bicubic');
    expect(preprocessing!.imageMean).toEqual(name === 'gelu-end-token-7' ? [0.5] : [0.48145466, 0.4578275, 0.40821073]);
  });

  test("under OpenAI's names, without a configuration, in half precision", async () => {
    const { model, weights } = await readClipFolder(join(golden, 'clip-openai/model.safetensors'));
    expect(model.config).toMatchObject({
      projectionDim: 12,
      textConfig: {
        vocabSize: 40,
        hiddenSize: 64,
        intermediateSize: 128,
        numHiddenLayers: 1,
        numAttentionHeads: 1,
        maxPositionEmbeddings: 9,
        eosTokenId: 39,
        hiddenAct: 'quick_gelu',
      },
      visionConfig: {
        hiddenSize: 64,
        intermediateSize: 64,
        numHiddenLayers: 2,
        numAttentionHeads: 1,
        imageSize: 16,
        patchSize: 8,
        numChannels: 3,
      },
    });
    await expectFeatures(model, weights, 'clip-openai');
  });

  test("under OpenAI's names, with a configuration of transformers", async () => {
    const read = await readClipFolder(join(golden, 'clip-openai/model.safetensors'));
    const dir = newFolder();
    await writeClipFolder(dir, read);
    cpSync(join(golden, 'clip-openai/model.safetensors'), join(dir, 'model.safetensors'));
    const { model, weights } = await readClipFolder(dir);
    await expectFeatures(model, weights, 'clip-openai');
  });

  test('in shards, and with the positions that early ones stored', async () => {
    const dir = copy('clip/gradients', (folder) => {
      const tensors = [
        ...tensorsOf(join(folder, 'model.safetensors')),
        [
          'text_model.embeddings.position_ids',
          { dtype: 'i64', shape: [1, 9], data: BigInt64Array.from({ length: 9 }, (_, i) => BigInt(i)) },
        ],
      ] as [string, SafetensorsTensor][];
      const shards = [tensors.slice(0, 30), tensors.slice(30)];
      const name = (i: number) => `model-0000${i + 1}-of-00002.safetensors`;
      shards.forEach((shard, i) => writeFileSync(join(folder, name(i)), writeSafetensors(new Map(shard))));
      writeFileSync(
        join(folder, 'model.safetensors.index.json'),
        JSON.stringify({
          weight_map: Object.fromEntries(shards.flatMap((shard, i) => shard.map(([key]) => [key, name(i)]))),
        }),
      );
      unlinkSync(join(folder, 'model.safetensors'));
    });
    const { model, weights } = await readClipFolder(dir);
    await expectFeatures(model, weights, 'clip/gradients');
  });

  test.each(['text-only', 'text-with-projection', 'vision-only', 'vision-with-projection'])(
    'as a tower alone: %s',
    async (name) => {
      const { model, weights, preprocessing } = await readClipNetwork(join(golden, 'clip', name));
      expect(model.constructor.name).toBe(
        {
          'text-only': 'CLIPTextModel',
          'text-with-projection': 'CLIPTextModelWithProjection',
          'vision-only': 'CLIPVisionModel',
          'vision-with-projection': 'CLIPVisionModelWithProjection',
        }[name],
      );
      expect(
        [...weights.keys()].every((key) =>
          /^(?:text_model|vision_model|text_projection|visual_projection)\./.test(key),
        ),
      ).toBe(true);
      expect(preprocessing === null).toBe(name.startsWith('text'));
    },
  );

  test('as a tower alone under the names that transformers 4 gave', async () => {
    const plain = tensorsOf(join(golden, 'clip/text-only/model.safetensors'));
    const dir = copy('clip/text-only', (folder) =>
      writeFileSync(
        join(folder, 'model.safetensors'),
        writeSafetensors(new Map([...plain].map(([key, value]) => [`text_model.${key}`, value]))),
      ),
    );
    expect((await readClipNetwork(dir)).weights).toEqual(
      (await readClipNetwork(join(golden, 'clip/text-only'))).weights,
    );
  });
});

describe('what embeds images is read', () => {
  test.each(['vision-with-projection', 'gradients'])('from %s', async (name) => {
    const { model, weights } = await readImageTower(join(golden, 'clip', name));
    expect(model.constructor.name).toBe(name === 'gradients' ? 'CLIPModel' : 'CLIPVisionModelWithProjection');
    expect(weights.has('visual_projection.weight')).toBe(true);
  });

  test.each([
    ['vision-only', 'CLIPVisionModel, which has no projection'],
    ['text-with-projection', 'CLIPTextModelWithProjection, which has no image tower'],
  ])('and not from %s', async (name, message) => {
    await expect(readImageTower(join(golden, 'clip', name))).rejects.toThrow(
      `clip/${name}: is a ${message}; give a CLIPModel or a CLIPVisionModelWithProjection`,
    );
  });
});

test('towers have the classes that read them', async () => {
  expect((await readClipNetwork(join(golden, 'clip/text-with-projection'))).model).toBeInstanceOf(
    CLIPTextModelWithProjection,
  );
  expect((await readClipNetwork(join(golden, 'clip/vision-only'))).model).toBeInstanceOf(CLIPVisionModel);
});

describe('a tower that is written', () => {
  test.each(['text-only', 'text-with-projection', 'vision-only', 'vision-with-projection'])(
    'is read back the same: %s',
    async (name) => {
      const { model, weights } = await readClipNetwork(join(golden, 'clip', name));
      const dir = newFolder();
      await writeNetworkFolder(dir, { network: part(clipComponent, { network: model, weights, vocabulary: null }) });
      const again = await readNetworkFolder(dir, clipComponent);
      expect(again.network.constructor).toBe(model.constructor);
      expect(again.network.config).toEqual(model.config);
      expect(again.weights).toEqual(weights);
      expect(JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'))).toMatchObject({
        architectures: [model.constructor.name],
      });
    },
  );
});
