import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cached, decodeCache } from './cache.ts';
import type { DatasetContent } from './dataset.ts';

const content: DatasetContent = {
  images: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  count: 2,
  height: 2,
  width: 2,
  channels: 1,
  ids: ['a', 'ü'],
  labels: Int32Array.of(1, 0),
  classNames: ['x', 'y'],
  captions: ['one', 'two'],
  tags: [['t'], []],
  skipped: [{ id: 'z', reason: 'empty file' }],
  notes: [],
};

let folder: string;
let bytes: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuosan-cache-'));
  await cached(folder, 'name', 'key', async () => content);
  const [file] = await readdir(join(folder, 'data'));
  bytes = await readFile(join(folder, 'data', file!));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('decodeCache', () => {
  it('gives back what was kept', () => {
    const back = decodeCache(bytes, 'key')!;
    expect({ ...back, images: Uint8Array.from(back.images) }).toEqual(content);
  });

  it('gives nothing for another key', () => {
    expect(decodeCache(bytes, 'other')).toBeUndefined();
  });

  it('notices every single damaged byte and every missing end', () => {
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      expect(decodeCache(damaged, 'key'), `byte ${at}`).toBeUndefined();
      expect(decodeCache(bytes.subarray(0, at), 'key'), `${at} bytes`).toBeUndefined();
    }
  });

  it('never throws on random bytes, with or without the right start', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.uint8Array({ maxLength: 200 }), (right, tail) => {
        expect(decodeCache(right ? Buffer.concat([bytes.subarray(0, 44), tail]) : tail, 'key')).toBeUndefined();
      }),
    );
  });
});

describe('cached', () => {
  it('builds once for each key', async () => {
    let built = 0;
    const build = async () => {
      built++;
      return content;
    };
    expect((await cached(folder, 'once', 'a', build)).fromCache).toBe(false);
    expect((await cached(folder, 'once', 'a', build)).fromCache).toBe(true);
    expect((await cached(folder, 'once', 'b', build)).fromCache).toBe(false);
    expect(built).toBe(2);
  });

  it('keeps nothing where there is no folder, and says so', async () => {
    const { content: built, fromCache } = await cached(undefined, 'name', 'key', async () => content);
    expect(fromCache).toBe(false);
    expect(built.notes).toEqual([
      'decoded images are not cached (this user has no home folder); set KUOSAN_CACHE to a folder that can be written',
    ]);
  });

  it('does not keep what may be otherwise the next time', async () => {
    const build = async () => ({ ...content, temporary: true });
    await cached(folder, 'temporary', 'a', build);
    expect((await cached(folder, 'temporary', 'a', build)).fromCache).toBe(false);
  });
});
