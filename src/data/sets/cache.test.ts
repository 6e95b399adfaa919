import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { allPixels, imagesInMemory, type PutImage } from '../images/image-store.ts';
import { cached } from './cache.ts';
import { fingerprintOf, selectImages, type DatasetContent } from './dataset.ts';
import { mostInMemory, openKept, type Undecoded } from './kept-images.ts';
import { fingerprintOfPart } from './part-fingerprint.ts';

const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const said = {
  count: 2,
  ids: ['a', 'ü'],
  labels: Int32Array.of(1, 0),
  classNames: ['x', 'y'],
  captions: ['one', 'two'],
  tags: [['t'], []],
  skipped: [{ id: 'z', reason: 'empty file' }],
  notes: [],
};
const content: DatasetContent = { ...said, images: imagesInMemory(pixels, 4), height: 2, width: 2, channels: 1 };
const small: Undecoded = {
  source: 'small',
  count: 2,
  height: 2,
  width: 2,
  channels: 1,
  async decode(put) {
    for (const i of [1, 0]) put(i, content.images.at(i));
    return said;
  },
};
const seen = (dataset: DatasetContent) => ({ ...dataset, images: allPixels(dataset) });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuosan-cache-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** The cache's files. */
async function files(): Promise<string[]> {
  return (await readdir(join(folder, 'data'))).sort().map((name) => join(folder, 'data', name));
}

describe('a file of a small data set', () => {
  let bytes: Buffer;
  let kept: string;
  beforeAll(async () => {
    kept = await mkdtemp(join(tmpdir(), 'kuosan-kept-'));
    await cached(kept, 'name', 'key', () => small);
    const [name] = await readdir(join(kept, 'data'));
    bytes = await readFile(join(kept, 'data', name!));
  });
  afterAll(async () => {
    await rm(kept, { recursive: true });
  });
  const read = async (some: Uint8Array, key = 'key') => {
    const path = join(folder, 'some.images');
    await writeFile(path, some);
    return openKept(path, key);
  };

  it('gives back what was kept, with its fingerprint', async () => {
    const back = (await read(bytes))!;
    expect(seen(back.content)).toEqual(seen(content));
    expect(back.fingerprint).toBe(fingerprintOf(content));
  });

  it('gives nothing for another key', async () => {
    expect(await read(bytes, 'other')).toBeUndefined();
  });

  it('notices every single damaged byte and every missing end', async () => {
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      expect(await read(damaged), `byte ${at}`).toBeUndefined();
      expect(await read(bytes.subarray(0, at)), `${at} bytes`).toBeUndefined();
    }
  });

  it('never throws on random bytes, with or without the right start', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.uint8Array({ maxLength: 200 }), async (right, tail) => {
        expect(await read(right ? Buffer.concat([bytes.subarray(0, 64), tail]) : tail)).toBeUndefined();
      }),
    );
  });
});

describe('cached', () => {
  it('decodes once for each key', async () => {
    let decoded = 0;
    const counted = (): Undecoded => ({ ...small, decode: (put) => (decoded++, small.decode(put)) });
    expect((await cached(folder, 'once', 'a', counted)).fromCache).toBe(false);
    expect((await cached(folder, 'once', 'a', counted)).fromCache).toBe(true);
    expect((await cached(folder, 'once', 'b', counted)).fromCache).toBe(false);
    expect(decoded).toBe(2);
  });

  it('keeps nothing where there is no folder, and says so', async () => {
    const { content: built, fromCache } = await cached(undefined, 'name', 'key', () => small);
    expect(fromCache).toBe(false);
    expect(built.notes).toEqual([
      'decoded images are not cached (this user has no home folder); set KUOSAN_CACHE to a folder that can be written',
    ]);
  });

  it('does not keep what may be otherwise the next time', async () => {
    const temporary: Undecoded = {
      ...small,
      decode: async (put) => ({ ...(await small.decode(put)), temporary: true }),
    };
    await cached(folder, 'temporary', 'a', () => temporary);
    expect((await cached(folder, 'temporary', 'a', () => temporary)).fromCache).toBe(false);
  });
});

/** 70 images of a megabyte: more than is held in memory. */
const side = 1024;
const count = 70;
function image(i: number): Uint8Array {
  const pixels = new Uint8Array(side * side).fill(i);
  // Where it begins and ends can be seen.
  pixels.set([200, 201]);
  pixels.set([202, 203], pixels.length - 2);
  return pixels;
}
const space = { source: 'large', count, height: side, width: side, channels: 1 } as const;
const ids = (places: readonly number[]) => places.map((i) => `${i}.png`);
const all = Array.from({ length: count }, (_, i) => i);
const large = (places = all): Undecoded => ({
  ...space,
  async decode(put: PutImage) {
    // Backwards: images are done in any order.
    for (const i of places.toReversed()) put(i, image(i));
    return { count: places.length, ids: ids(places), places, skipped: [], notes: [] };
  },
});

describe('a data set that is too large for the memory', () => {
  it('stays in the file, with the fingerprint that it would have in memory', async () => {
    expect(count * side * side).toBeGreaterThan(mostInMemory);
    const built = await cached(folder, 'large', 'key', () => large());
    const back = await cached(folder, 'large', 'key', () => large());
    expect(back).toMatchObject({ fromCache: true, fingerprint: built.fingerprint });
    const [path] = await files();
    for (const { content } of [built, back]) {
      expect(content.images.file).toBe(path);
      for (const i of [0, 69, 33, 33]) expect(Buffer.compare(content.images.at(i), image(i))).toBe(0);
    }
    const { places: _, ...named } = await large().decode(() => {});
    const inMemory = { ...space, ...named, images: { at: image } };
    expect(built.fingerprint).toBe(fingerprintOf(inMemory));
  });

  it('has gaps where images could not be decoded', async () => {
    const good = all.filter((i) => i % 9 !== 2);
    for (const fromCache of [false, true]) {
      const opened = await cached(folder, 'large', 'key', () => large(good));
      expect(opened).toMatchObject({ fromCache, content: { count: good.length, ids: ids(good) } });
      for (const place of [0, 2, 40])
        expect(Buffer.compare(opened.content.images.at(place), image(good[place]!))).toBe(0);
    }
  });

  it('that is damaged is noticed when the image is read, and decoded again at the next start', async () => {
    const { content } = await cached(folder, 'large', 'key', () => large());
    const [path] = await files();
    const file = await open(path!, 'r+');
    await file.write(Uint8Array.of(255), 0, 1, 64 + 12 * side * side + 5);
    await file.close();
    const { content: back } = await cached(folder, 'large', 'key', () => large());
    expect(Buffer.compare(back.images.at(11), content.images.at(11))).toBe(0);
    expect(() => back.images.at(12)).toThrow(
      /^data: the decoded images in ".*" are damaged at image 12; the file is rem/,
    );
    const again = await cached(folder, 'large', 'key', () => large());
    expect(again.fromCache).toBe(false);
    expect(Buffer.compare(again.content.images.at(12), image(12))).toBe(0);
  });

  it('that was cut short, or never completed, is decoded again', async () => {
    await cached(folder, 'large', 'key', () => large());
    const [path] = await files();
    await truncate(path!, 50_000_000);
    expect((await cached(folder, 'large', 'key', () => large())).fromCache).toBe(false);
    const failing: Undecoded = {
      ...large(),
      async decode(put) {
        put(3, image(3));
        throw new Error('an image is bad');
      },
    };
    await expect(cached(folder, 'large', 'other', () => failing)).rejects.toThrow('an image is bad');
    // What was there before is still there, and nothing else.
    expect(await files()).toEqual([path]);
    expect((await cached(folder, 'large', 'key', () => large())).fromCache).toBe(true);
  });

  it('is not kept where it may be otherwise the next time, and can be read all the same', async () => {
    const temporary: Undecoded = {
      ...large(),
      decode: async (put) => ({ ...(await large().decode(put)), temporary: true }),
    };
    const { content } = await cached(folder, 'large', 'key', () => temporary);
    expect(Buffer.compare(content.images.at(5), image(5))).toBe(0);
    expect(await files()).toEqual([]);
  });

  it('remembers the fingerprints of its parts', async () => {
    const whole = await cached(folder, 'large', 'key', () => large());
    const places = [3, 1, 66];
    const part = selectImages(whole.content, places);
    const expected = fingerprintOf({ ...part, images: { at: (i) => image(places[i]!) } });
    expect(await fingerprintOfPart(whole, places, part)).toBe(expected);
    // The second time no pixel is read.
    const unread = { file: part.images.file!, at: () => expect.fail('was read') };
    expect(await fingerprintOfPart(whole, places, { ...part, images: unread })).toBe(expected);
    const path = (await files()).find((name) => name.endsWith('.fingerprint'))!;
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    );
    expect(await fingerprintOfPart(whole, places, part)).toBe(expected);
    expect(await fingerprintOfPart(whole, [3, 1, 65], selectImages(whole.content, [3, 1, 65]))).not.toBe(expected);
  });
});
