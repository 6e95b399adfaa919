import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { filesInMemory, folderFiles, readTextEncoder, type ModelFiles } from '../checkpoint/index.ts';
import type { FloatArray, HostArray } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { batchesByLength, openTextEncoder, type FrozenTextEncoder, type TextEncoderOptions } from './text-encoder.ts';

// test/golden/text-encoder-folders.py
const root = fileURLToPath(new URL('../../test/golden/text-encoder-folders/', import.meta.url));
const texts = JSON.parse(readFileSync(`${root}texts.json`, 'utf8')) as string[];
const length = 12;
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

const folders = [
  ['sentence-bert', '', 'BertModel', 12, 12],
  ['bert-in-folder', '', 'BertModel', 12, 36],
  ['t5', 'text_encoder', 'T5EncoderModel', 12, 12],
  ['clip-text', '', 'CLIPTextModel', 12, 12],
  ['clip-text-projection', '', 'CLIPTextModelWithProjection', 12, 10],
  ['clip', '', 'CLIPTextModelWithProjection', 12, 6],
] as const;

async function open(name: string, folder = '', options?: TextEncoderOptions): Promise<FrozenTextEncoder> {
  return openTextEncoder(executor, await readTextEncoder(folderFiles(`${root}${name}`), { folder }), options);
}

function largestDifference(found: FloatArray, expected: HostArray): number {
  expect(found.shape).toEqual(expected.shape);
  return found.data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - Number(expected.data[i]))), 0);
}

describe.each(folders)('%s', (name, folder, className, width, pooledWidth) => {
  test("has transformers' mask, hidden states and pooled vectors within 1e-5", async () => {
    const encoder = await open(name, folder, { maxLength: length });
    expect(encoder).toMatchObject({ className, width, pooledWidth, maxLength: length });
    const { hidden, mask, pooled } = await encoder.encode(texts);
    const golden = readSafetensors(readFileSync(`${root}${name}.safetensors`)).tensors;
    expect([...mask.data].map(Number)).toEqual([...golden.get('mask')!.data].map(Number));
    expect(largestDifference(hidden, golden.get('hidden')!)).toBeLessThan(1e-5);
    expect(largestDifference(pooled, golden.get('pooled')!)).toBeLessThan(1e-5);
    await encoder.dispose();
  });

  test('gives a text the same features alone, in company, in small batches and at a larger length', async () => {
    const [encoder, small, long] = await Promise.all([
      open(name, folder, { maxLength: length }),
      open(name, folder, { maxLength: length, batchSize: 3 }),
      open(name, folder, { maxLength: 20 }),
    ]);
    const all = await encoder.encode(texts);
    const inThrees = await small.encode(texts);
    expect(largestDifference(inThrees.hidden, all.hidden)).toBeLessThan(1e-6);
    expect(largestDifference(inThrees.pooled, all.pooled)).toBeLessThan(1e-6);
    for (const [row, text] of texts.entries()) {
      if (encoder.truncated(text)) continue;
      const alone = await long.encode([text]);
      for (const i of alone.pooled.data.keys())
        expect(Math.abs(alone.pooled.data[i]! - all.pooled.data[row * pooledWidth + i]!)).toBeLessThan(1e-6);
      expect([...alone.mask.data].reduce((n: number, m) => n + Number(m), 0)).toBe(encoder.countTokens(text));
    }
    for (const each of [encoder, small, long]) await each.dispose();
  });
});

test('the files say how long a text may be, and an option says otherwise', async () => {
  const long = texts[5]!;
  const encoder = await open('sentence-bert');
  expect(encoder.maxLength).toBe(length);
  expect(encoder.truncated(long)).toBe(true);
  expect(encoder.truncated('bell')).toBe(false);
  expect(encoder.countTokens('bell')).toBeGreaterThan(2);
  const longer = await open('sentence-bert', '', { maxLength: 20 });
  expect(longer.maxLength).toBe(20);
  expect(await open('t5', 'text_encoder')).toMatchObject({ maxLength: 512 });
});

test('nothing to encode is no features', async () => {
  const { hidden, mask, pooled } = await (await open('sentence-bert')).encode([]);
  expect([hidden.shape, mask.shape, pooled.shape]).toEqual([
    [0, length, 12],
    [0, length],
    [0, 12],
  ]);
});

test('texts of one length come together, and sizes of batches are few', () => {
  const batches = batchesByLength([3, 5, 6, 12, 40, 6, 6], 16, 2);
  expect(batches).toEqual([
    { length: 4, rows: [0], batch: 1 },
    { length: 6, rows: [1, 2], batch: 2 },
    { length: 6, rows: [5, 6], batch: 2 },
    { length: 12, rows: [3], batch: 1 },
    { length: 16, rows: [4], batch: 1 },
  ]);
  expect(batchesByLength([], 16, 2)).toEqual([]);
});

describe('a fingerprint', () => {
  test('is the same for the same folder, and another for another length, pooling, tokenizer or weight', async () => {
    const loaded = await readTextEncoder(folderFiles(`${root}sentence-bert`));
    const first = [...loaded.weights.keys()][0]!;
    const value = loaded.weights.get(first)!;
    const others = [
      loaded,
      { ...loaded, pooling: { ...loaded.pooling, normalize: false } },
      { ...loaded, tokenizer: { ...loaded.tokenizer, version: '2.0' } },
      {
        ...loaded,
        weights: new Map([...loaded.weights, [first, { ...value, data: (value.data as Float32Array).map((x) => -x) }]]),
      },
    ];
    const found = await Promise.all(others.map(async (each) => (await openTextEncoder(executor, each)).fingerprint()));
    found.push(await (await openTextEncoder(executor, loaded, { maxLength: 11 })).fingerprint());
    expect(found[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(found).size).toBe(others.length + 1);
    expect(await (await open('sentence-bert')).fingerprint()).toBe(found[0]);
  });
});

test('a length that nobody means is not taken for one', async () => {
  const loaded = await readTextEncoder(folderFiles(`${root}t5`), { folder: 'text_encoder' });
  expect(loaded.maxLength).toBe(512);
  const contents = new Map(
    ['config.json', 'model.safetensors'].map((file) => [file, readFileSync(`${root}t5/text_encoder/${file}`)]),
  );
  contents.set('tokenizer.json', readFileSync(`${root}t5/tokenizer/tokenizer.json`));
  contents.set('sentence_bert_config.json', Buffer.from('{"max_seq_length": 9007199254740991}'));
  const found = await readTextEncoder(filesInMemory(contents));
  expect(found.maxLength).toBe(512);
  expect(await openTextEncoder(executor, found)).toMatchObject({ maxLength: 512 });
});

describe('bad input is named in a line', () => {
  /** A folder's files in memory, some replaced, or taken away by null. */
  async function changed(name: string, changes: Readonly<Record<string, string | null>>): Promise<ModelFiles> {
    const contents = new Map<string, Uint8Array>();
    for (const file of ['config.json', 'tokenizer.json', 'modules.json', '1_Pooling/config.json', 'model.safetensors'])
      contents.set(file, await readFile(`${root}${name}/${file}`));
    for (const [file, content] of Object.entries(changes)) {
      if (content === null) contents.delete(file);
      else contents.set(file, new TextEncoder().encode(content));
    }
    return filesInMemory(contents, 'minilm');
  }
  const config = JSON.parse(readFileSync(`${root}sentence-bert/config.json`, 'utf8')) as Record<string, unknown>;
  const dense =
    '[{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "2_Dense", "type": "Dense"}]';

  test.each<[string, Readonly<Record<string, string | null>>, string]>([
    ['no configuration', { 'config.json': null }, 'checkpoint minilm: there is no config.json, so this is no text'],
    ['no tokenizer', { 'tokenizer.json': null }, 'checkpoint minilm: there is no tokenizer.json; write one in Python'],
    [
      'another class',
      { 'config.json': JSON.stringify({ ...config, architectures: ['GPT2Model'] }) },
      'checkpoint minilm/config.json: the class is ["GPT2Model"], expected one of BertModel, T5EncoderModel',
    ],
    [
      'another width',
      { 'config.json': JSON.stringify({ ...config, hidden_size: 14 }) },
      'is [260, 12], expected [260, 14]',
    ],
    [
      'too many layers',
      { 'config.json': JSON.stringify({ ...config, num_hidden_layers: 500 }) },
      'asks for 500 layers, the weights hold only',
    ],
    ['a step that is not supported', { 'modules.json': dense }, 'modules.json: the step "Dense" is not supported'],
    [
      'a step outside',
      { 'modules.json': '[{"path": "../x", "type": "Pooling"}]' },
      'a step lies in "../x", expected the name of a folder',
    ],
    ['steps that are no list', { 'modules.json': '{}' }, 'modules.json: expected a JSON list, got an object'],
    [
      'no pooling',
      { '1_Pooling/config.json': '{"pooling_mode_lasttoken": true}' },
      'pooling_mode_lasttoken is not supported; expected pooling_mode_cls_token',
    ],
  ])('%s', async (_, changes, message) => {
    await expect(readTextEncoder(await changed('sentence-bert', changes))).rejects.toThrow(message);
  });

  test('a tokenizer of another vocabulary', async () => {
    const clip = readFileSync(`${root}clip/tokenizer.json`, 'utf8');
    const larger = await readTextEncoder(await changed('sentence-bert', { 'tokenizer.json': clip }));
    await expect(openTextEncoder(executor, larger)).rejects.toThrow(
      'tokenizer.json: has 562 tokens, the BertModel has 260 (vocab_size); take the tokenizer.json that came with the model',
    );
    const bert = JSON.parse(readFileSync(`${root}sentence-bert/tokenizer.json`, 'utf8')) as Record<string, unknown>;
    const t5 = await readTextEncoder(folderFiles(`${root}clip`));
    await expect(openTextEncoder(executor, { ...t5, tokenizer: bert })).rejects.toThrow('has 260 tokens, the CLIP');
  });

  test.each([1, 21, 2.5])('a length of %s', async (maxLength) => {
    await expect(open('sentence-bert', '', { maxLength })).rejects.toThrow(
      'maxLength must be a whole number of 2 to 20 tokens',
    );
  });
});
