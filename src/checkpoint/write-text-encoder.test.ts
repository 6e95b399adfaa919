import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { float32, type HostArray } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { fetchedFiles, folderFiles, part, readPart, readTextEncoder, writePipelineFolder } from './index.ts';
import { dequantized, quantizeWeights } from './int8-weights.ts';
import { textEncoderComponent } from './text-encoder-component.ts';
import { writeTextEncoderFolder } from './write-text-encoder.ts';

// test/golden/text-encoder-folders.py
const golden = fileURLToPath(new URL('../../test/golden/text-encoder-folders/', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'kuosan-encoders-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});
const folders = [
  ['sentence-bert', ''],
  ['bert-in-folder', ''],
  ['t5', 'text_encoder'],
  ['clip-text', ''],
  ['clip', ''],
] as const;
const read = async (name: string, folder = '') => readTextEncoder(folderFiles(`${golden}${name}`), { folder });
const again = async (dir: string) => readTextEncoder(folderFiles(join(root, dir)));

describe.each(folders)('%s, written', (name, folder) => {
  test('in f32 is the same when it is read again', async () => {
    const encoder = await read(name, folder);
    await writeTextEncoderFolder(join(root, `${name}-f32`), encoder);
    const { network, ...rest } = await again(`${name}-f32`);
    const { network: expected, ...others } = encoder;
    expect({ className: network.className, config: network.config }).toEqual({
      className: expected.className,
      config: expected.config,
    });
    expect({ ...rest, path: '', tokenizerPath: '', tokenizerConfig: null }).toEqual({
      ...others,
      path: '',
      tokenizerPath: '',
      tokenizerConfig: null,
    });
  });

  test('in int8 has every weight within half a step of its row and column', async () => {
    const { weights, network } = await read(name, folder);
    await writeTextEncoderFolder(join(root, `${name}-int8`), await read(name, folder), { dtype: 'int8' });
    const found = (await again(`${name}-int8`)).weights;
    const file = readSafetensors(readFileSync(join(root, `${name}-int8`, 'model.int8.safetensors')), {
      int8: true,
    }).tensors;
    for (const [key, { shape, data }] of weights) {
      const values = found.get(key)!.data as Float32Array;
      const scale = (suffix: string) => file.get(network.publishedName(key) + suffix)?.data as Float32Array | undefined;
      const [rows, columns] = [scale('_scale'), scale('_column_scale')];
      expect(rows !== undefined).toBe(shape.length >= 2);
      for (const [i, value] of (data as Float32Array).entries()) {
        const width = columns?.length ?? 1;
        // A vector is rounded to float16, by 2^-11 of each value at most.
        const step = rows ? rows[Math.floor(i / width)]! * columns![i % width]! : Math.abs(value) * 2 ** -10;
        expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(step * 0.5001);
      }
    }
  });
});

test('the published names are those of transformers', async () => {
  for (const name of ['sentence-bert', 't5/text_encoder']) {
    const folder = name === 't5/text_encoder' ? ['t5', 'text_encoder'] : [name, ''];
    await writeTextEncoderFolder(join(root, `${folder[0]}-names`), await read(folder[0]!, folder[1]));
    const names = (path: string) => [...readSafetensors(readFileSync(`${path}/model.safetensors`)).tensors.keys()];
    const theirs = new Set(names(`${golden}${name}`));
    const ours = names(join(root, `${folder[0]}-names`));
    expect(ours.filter((each) => !theirs.has(each))).toEqual([]);
  }
});

test('an encoder is a part of a model, in int8 where asked', async () => {
  const encoder = await read('sentence-bert');
  const dir = join(root, 'pipeline');
  const component = textEncoderComponent({ dtype: 'int8' });
  await writePipelineFolder(dir, { className: 'ToyPipeline', parts: { text_encoder: part(component, encoder) } });
  const index = JSON.parse(readFileSync(join(dir, 'model_index.json'), 'utf8')) as Record<string, unknown>;
  expect(index['text_encoder']).toEqual(['transformers', 'BertModel']);
  const found = await readPart(folderFiles(dir), index, 'text_encoder', component);
  expect(found.pooling).toEqual(encoder.pooling);
  const bytes = readFileSync(join(dir, 'text_encoder', 'model.int8.safetensors'));
  const { tensors } = readSafetensors(bytes, { int8: true });
  expect(tensors.get('embeddings.word_embeddings.weight')!.dtype).toBe('i8');
  // Who does not ask for int8 is not given whole numbers for weights.
  expect(() => readSafetensors(bytes)).toThrow('unsupported dtype "I8"');
});

test('a folder that holds a model is left as it is', async () => {
  const encoder = await read('sentence-bert');
  await writeTextEncoderFolder(join(root, 'twice'), encoder);
  await expect(writeTextEncoderFolder(join(root, 'twice'), encoder)).rejects.toThrow('holds a model already');
});

test('a damaged file of int8 is seen, and another quantization refused', async () => {
  const dir = join(root, 'damaged');
  await writeTextEncoderFolder(dir, await read('sentence-bert'), { dtype: 'int8' });
  const bytes = readFileSync(join(dir, 'model.int8.safetensors'));
  bytes[bytes.length - 9]! ^= 1;
  writeFileSync(join(dir, 'model.int8.safetensors'), bytes);
  await expect(again('damaged')).rejects.toThrow('is damaged, the values of tensor');
  const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...config, quantization_config: { quant_method: 'gptq' } }));
  await expect(again('damaged')).rejects.toThrow('the weights are quantized by "gptq", expected none or "kuosan-int8"');
});

describe('weights in int8', () => {
  const array = (shape: number[], values: number[]): HostArray => float32(shape, values);

  test('keep the largest value of a row, zeros, and values of any size', () => {
    const w = array([4, 2], [127, -127, 0, 0, 1e-30, -2.5e-31, 3e30, 3e30]);
    const stored = quantizeWeights(new Map([['w', w]]), 'w');
    expect(stored.get('w')).toMatchObject({ dtype: 'i8', data: Int8Array.of(127, -127, 0, 0, 127, -32, 127, 127) });
    const found = dequantized(stored, 'file');
    expect([...found.keys()]).toEqual(['w']);
    const values = [...found.get('w')!.data].map(Number);
    expect(values.slice(0, 4)).toEqual([127, -127, 0, 0]);
    expect(values[4]! / 1e-30).toBeCloseTo(1, 6);
    expect(values[6]! / 3e30).toBeCloseTo(1, 6);
  });

  test('keep the others of a row precise where one is forty times as large, and a column of zeros', () => {
    const [rows, columns] = [20, 50];
    const data = Array.from({ length: rows * columns }, (_, i) => (i % columns === 7 ? 0 : Math.sin(i * 12.9898)));
    data[3 * columns + 11] = 40;
    const found = dequantized(quantizeWeights(new Map([['w', array([rows, columns], data)]]), 'w'), 'file').get('w')!;
    const worst = (row: number) =>
      Math.max(
        ...data
          .slice(row * columns, (row + 1) * columns)
          .map((value, i) => Math.abs(value - Number(found.data[row * columns + i]))),
      );
    // Without a scale for the column it is 40 / 127 / 2 = 0.157.
    expect(worst(3)).toBeLessThan(0.025);
    expect(Number(found.data[7])).toBe(0);
    expect(Number(found.data[3 * columns + 11])).toBeCloseTo(40, 5);
  });

  test.each<[string, (stored: Map<string, HostArray>) => unknown, string]>([
    ['no scale', (stored) => stored.delete('w_scale'), 'needs a scale for each row, "w_scale" is not there'],
    [
      'a scale of other columns',
      (stored) => stored.set('w_column_scale', array([3], [1, 1, 1])),
      '"w" i8[2, 2] needs a scale for each column, "w_column_scale" is f32[3]',
    ],
  ])('%s is named', (_, change, message) => {
    const stored = quantizeWeights(new Map([['w', array([2, 2], [1, 2, 3, 4])]]), 'w');
    change(stored as Map<string, HostArray>);
    expect(() => dequantized(stored, 'file')).toThrow(message);
  });

  test('a name that is a scale is refused', () => {
    const weights = new Map([
      ['w', array([1, 1], [1])],
      ['w_scale', array([1], [1])],
    ]);
    expect(() => quantizeWeights(weights, 'checkpoint x')).toThrow(
      'checkpoint x: tensor "w_scale" has the name of a scale',
    );
  });
});

test('an encoder in int8 is read from an address, where files cannot be listed', async () => {
  await writeTextEncoderFolder(join(root, 'fetched'), await read('clip-text'), { dtype: 'int8' });
  const fetch = async (url: string | URL | Request, { method = 'GET' }: RequestInit = {}) => {
    const path = join(root, 'fetched', String(url).slice('https://example.com/e/'.length));
    if (!existsSync(path)) return new Response(null, { status: 404 });
    return new Response(method === 'HEAD' ? null : new Uint8Array(readFileSync(path)));
  };
  const files = fetchedFiles('https://example.com/e/', { fetch });
  expect((await readTextEncoder(files)).weights).toEqual((await again('fetched')).weights);
});
