import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import { folderFiles, readTextEncoder } from '../checkpoint/index.ts';
import { openTextCache, type TextCache } from '../data/index.ts';
import { floatsToHalf, halfToFloats } from '../formats/half.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { cachedTextEncoder } from './cached-text-encoder.ts';
import { openTextEncoder, type FrozenTextEncoder } from './text-encoder.ts';

const root = mkdtempSync(join(tmpdir(), 'kuosan-cached-'));
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(async () => {
  rmSync(root, { recursive: true, force: true });
  await executor.dispose();
});
const folder = fileURLToPath(new URL('../../test/golden/text-encoder-folders/sentence-bert/', import.meta.url));
const texts = ['a bell', 'a folder with a heart', '', 'a bell', 'the moon'];

/** An encoder that notes which texts it computes. */
async function watched(maxLength?: number): Promise<{ encoder: FrozenTextEncoder; seen: string[][] }> {
  const encoder = await openTextEncoder(executor, await readTextEncoder(folderFiles(folder)), { maxLength });
  const seen: string[][] = [];
  const encode: FrozenTextEncoder['encode'] = async (batch) => {
    seen.push([...batch]);
    return encoder.encode(batch);
  };
  return { encoder: { ...encoder, encode }, seen };
}

const opened: TextCache[] = [];
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close();
});

async function cached(encoder: FrozenTextEncoder) {
  const { width, pooledWidth } = encoder;
  const cache = await openTextCache(root, { fingerprint: await encoder.fingerprint(), width, pooledWidth });
  opened.push(cache);
  return cache;
}

test('computes each text once, in this process and the next, and gives the features rounded to float16', async () => {
  const { encoder, seen } = await watched();
  const cache = await cached(encoder);
  const expected = await encoder.encode(texts);
  seen.length = 0;
  const first = await cachedTextEncoder(encoder, cache).encode(texts);
  expect(seen).toEqual([['a bell', 'a folder with a heart', '', 'the moon']]);
  expect(first.mask).toEqual(expected.mask);
  expect(first.hidden.data).toEqual(halfToFloats(floatsToHalf(expected.hidden.data)));
  expect(first.pooled.data).toEqual(halfToFloats(floatsToHalf(expected.pooled.data)));
  expect(await cachedTextEncoder(encoder, cache).encode(texts)).toEqual(first);
  await cache.close();

  const next = await watched();
  const reopened = await cached(next.encoder);
  expect(await cachedTextEncoder(next.encoder, reopened).encode([...texts].reverse())).toMatchObject({
    pooled: { shape: [5, 12] },
  });
  expect(await cachedTextEncoder(next.encoder, reopened).encode(texts)).toEqual(first);
  expect(next.seen).toEqual([]);
});

test('encodes ahead what is missing, by length, with progress, and stops when asked to', async () => {
  const { encoder, seen } = await watched(11);
  const cache = await cached(encoder);
  const ahead = cachedTextEncoder(encoder, cache);
  const progress: string[] = [];
  const onProgress = (done: number, total: number) => progress.push(`${done}/${total}`);
  expect(await ahead.encodeAhead(texts, { onProgress })).toBe(4);
  expect(seen.flat().map(encoder.countTokens)).toEqual(
    seen
      .flat()
      .map(encoder.countTokens)
      .sort((a, b) => a - b),
  );
  expect(progress).toEqual(['4/4']);
  expect(await ahead.encodeAhead(texts)).toBe(0);
  await expect(ahead.encodeAhead(['new'], { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
});

test('an encoder that differs has a cache of its own', async () => {
  const [one, other] = [await watched(), await watched(10)];
  await cachedTextEncoder(one.encoder, await cached(one.encoder)).encode(texts);
  expect((await cached(other.encoder)).size).toBe(0);
});

test('features that float16 cannot hold are refused', async () => {
  const { encoder } = await watched();
  const large: FrozenTextEncoder = {
    ...encoder,
    encode: async (batch) => {
      const features = await encoder.encode(batch);
      features.hidden.data[0] = 1e6;
      return features;
    },
  };
  const cache = await openTextCache(undefined, { fingerprint: 'ef'.repeat(32), width: 12, pooledWidth: 12 });
  await expect(cachedTextEncoder(large, cache).encode(['a bell'])).rejects.toThrow(
    'the features of "a bell" leave float16 (65504)',
  );
});
