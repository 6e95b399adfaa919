import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { float32, type FloatArray } from '../../core/dtype.ts';
import { contentKey, openEmbeddingCache } from './embedding-cache.ts';
import { embedImages, type ImageEncoder } from './embed-images.ts';
import { encodePng } from '../images/image.ts';
import { imageFiles } from '../sets/folder.ts';

const root = mkdtempSync(join(tmpdir(), 'kuosan-embeddings-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});
let count = 0;
let dir: string;
beforeEach(() => {
  dir = join(root, String(count++));
});

const keys = ['one', 'two', 'three'].map((text) => contentKey(Buffer.from(text)));
const vectors = [
  [1, 0.5, -1],
  [2, -0.25, 1e-20],
  [3, 1, 1],
].map((values) => Float32Array.from(values));
const pairs = keys.map((key, i) => [key, vectors[i]!] as const);
const file = () => join(dir, 'embeddings', readdirSync(join(dir, 'embeddings'))[0]!);

describe('an embedding cache', () => {
  test('gives back what was added, after it is opened again, and only for its own network', async () => {
    const cache = await openEmbeddingCache(dir, 'net', 3);
    await cache.add(pairs.slice(0, 2));
    await cache.add(pairs.slice(1));
    const again = await openEmbeddingCache(dir, 'net', 3);
    expect(again.size).toBe(3);
    for (const [key, vector] of pairs) expect(again.get(key)).toEqual(vector);
    expect((await openEmbeddingCache(dir, 'another net', 3)).size).toBe(0);
  });

  test('loses a damaged record and no other', async () => {
    await (await openEmbeddingCache(dir, 'net', 3)).add(pairs);
    const bytes = readFileSync(file());
    const whole = Buffer.from(bytes);
    for (let at = 12; at < bytes.length; at++) {
      whole.copy(bytes);
      bytes[at]! ^= 1;
      writeFileSync(file(), bytes);
      const cache = await openEmbeddingCache(dir, 'net', 3);
      expect(cache.size, `byte ${at}`).toBe(2);
      for (const [key, vector] of pairs) expect(cache.get(key) ?? vector).toEqual(vector);
    }
  });

  test('starts anew where an end is missing or the file is another', async () => {
    for (const damage of [
      () => {
        truncateSync(file(), 50);
      },
      () => {
        writeFileSync(file(), 'something else');
      },
      () => {
        writeFileSync(file(), '');
      },
    ]) {
      await (await openEmbeddingCache(dir, 'net', 3)).add(pairs);
      damage();
      const cache = await openEmbeddingCache(dir, 'net', 3);
      expect(cache.size).toBe(0);
      await cache.add(pairs);
      expect((await openEmbeddingCache(dir, 'net', 3)).size).toBe(3);
      rmSync(dir, { recursive: true });
    }
  });

  test('works without a disk, and says so once', async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'embeddings'), 'a file where the folder should be');
    const notes: string[] = [];
    const cache = await openEmbeddingCache(dir, 'net', 3, (line) => notes.push(line));
    await cache.add(pairs.slice(0, 1));
    await cache.add(pairs);
    expect(cache.get(keys[2]!)).toEqual(vectors[2]);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^embeddings are not cached in .*; set KUOSAN_CACHE to a folder that can be written$/);
  });
});

/** The mean of each channel. */
function meanEncoder(): ImageEncoder & { readonly seen: number[] } {
  const seen: number[] = [];
  return {
    seen,
    dim: 3,
    imageSize: 4,
    async embedImages({ shape: [n = 0], data }: FloatArray) {
      seen.push(n);
      return float32(
        [n, 3],
        Float32Array.from({ length: n * 3 }, (_, i) =>
          data.subarray(i * 16, (i + 1) * 16).reduce((sum, value) => sum + value / 16, 0),
        ),
      );
    },
  };
}

async function writeFolder(levels: readonly number[]): Promise<string> {
  mkdirSync(dir);
  for (const [i, level] of levels.entries())
    writeFileSync(
      join(dir, `${String(i).padStart(3, '0')}.png`),
      await encodePng({ data: new Uint8Array(4 * 4 * 3).fill(level), width: 4, height: 4, channels: 3 }),
    );
  return dir;
}

describe('embedImages', () => {
  test('embeds in batches, and what was seen before comes from the cache, wherever it lies now', async () => {
    const { files } = await imageFiles(await writeFolder([0, 51, 102, 153, 204]));
    const cache = await openEmbeddingCache(join(root, 'cache-a'), 'net', 3);
    const encoder = meanEncoder();
    const first = await embedImages(encoder, files, { cache, batchSize: 2 });
    expect(encoder.seen).toEqual([2, 2, 1]);
    expect(first).toMatchObject({ files, fromCache: 0, skipped: [] });
    expect([...first.embeddings.data].map((value) => Number(value.toFixed(4)))).toEqual(
      [-1, -0.6, -0.2, 0.2, 0.6].flatMap((value) => [value, value, value]),
    );
    writeFileSync(join(dir, 'zz.png'), readFileSync(files[3]!));
    writeFileSync(
      join(dir, 'zzz.png'),
      await encodePng({ data: new Uint8Array(48).fill(255), width: 4, height: 4, channels: 3 }),
    );
    const more = await embedImages(encoder, (await imageFiles(dir)).files, {
      cache: await openEmbeddingCache(join(root, 'cache-a'), 'net', 3),
      batchSize: 4,
    });
    expect(more.fromCache).toBe(6);
    expect(encoder.seen).toEqual([2, 2, 1, 1]);
    expect([...more.embeddings.data.subarray(0, 15)]).toEqual([...first.embeddings.data]);
    expect(more.embeddings.data[18]).toBeCloseTo(1, 6);
  });

  test('leaves out what is no image if asked, else names it', async () => {
    await writeFolder([0, 255]);
    writeFileSync(join(dir, '0000.png'), 'no image');
    const { files } = await imageFiles(dir);
    await expect(embedImages(meanEncoder(), files)).rejects.toThrow(
      /0000.png": not an image that can be read; remove the file, or leave such files out with --skip-bad/,
    );
    const { files: kept, embeddings, skipped } = await embedImages(meanEncoder(), files, { skipBad: true });
    expect(skipped.map(({ id }) => id)).toEqual([join(dir, '0000.png')]);
    expect(kept).toHaveLength(2);
    expect([...embeddings.data].map(Math.round)).toEqual([-1, -1, -1, 1, 1, 1]);
    writeFileSync(join(dir, 'only.png'), 'no image');
    await expect(embedImages(meanEncoder(), [join(dir, 'only.png')], { skipBad: true })).rejects.toThrow(
      /none of 1 files can be read as an image; the first, .*only.png": not an image/,
    );
  });

  test('stops when it is told to', async () => {
    const { files } = await imageFiles(await writeFolder([0, 1, 2, 3]));
    const controller = new AbortController();
    await expect(
      embedImages(meanEncoder(), files, {
        batchSize: 1,
        signal: controller.signal,
        onProgress: () => controller.abort(new Error('enough')),
      }),
    ).rejects.toThrow('enough');
  });
});

test('imageFiles takes a file, or all of a folder, and says what else is there', async () => {
  await writeFolder([0, 1]);
  expect(await imageFiles(join(dir, '001.png'))).toEqual({ files: [join(dir, '001.png')], skipped: [], notes: [] });
  await expect(imageFiles(join(dir, 'none'))).rejects.toThrow(/images ".*none": it does not exist/);
  rmSync(join(dir, '000.png'));
  rmSync(join(dir, '001.png'));
  writeFileSync(join(dir, 'thesis.doc'), '');
  await expect(imageFiles(dir)).rejects.toThrow(/no images here or in its sub-folders \(it holds only .doc\)/);
});
