import { mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allPixels } from '../images/image-store.ts';
import { fingerprintOf, type Dataset } from './dataset.ts';
import { openDataset } from './open-dataset.ts';

let folder: string;
let cacheDir: string;
beforeEach(async () => {
  const base = await mkdtemp(join(tmpdir(), 'kuosan-data-'));
  folder = join(base, 'images');
  cacheDir = join(base, 'cache');
  await mkdir(folder);
});
afterEach(async () => {
  await rm(dirname(folder), { recursive: true });
});

/** Writes an image of one shade of gray under a path inside the folder. */
async function put(id: string, shade: number): Promise<void> {
  const path = join(folder, id);
  await mkdir(dirname(path), { recursive: true });
  await sharp({ create: { width: 12, height: 9, channels: 3, background: { r: shade, g: shade, b: shade } } }).toFile(
    path,
  );
}

const open = (options = {}) => openDataset(folder, { size: 4, cacheDir, ...options });
/** A data set with its pixels as they are. */
const whole = (dataset: Dataset) => ({ ...dataset, images: allPixels(dataset) });
const shades = ({ images, count }: Dataset): number[] => Array.from({ length: count }, (_, i) => images.at(i)[0]!);

describe('openDataset of a folder', () => {
  it('takes the images of all sub-folders in the order of their paths', async () => {
    await put('b.png', 20);
    await put('deep/er/c.webp', 30);
    await put('a.png', 10);
    await put('B.PNG'.toLowerCase().replace('b', 'Z'), 5);
    await writeFile(join(folder, 'notes.txt'), 'no image');
    await put('.hidden/x.png', 99);
    const dataset = await open();
    expect(dataset).toMatchObject({
      count: 4,
      width: 4,
      height: 4,
      channels: 3,
      ids: ['Z.png', 'a.png', 'b.png', 'deep/er/c.webp'],
      fromCache: false,
    });
    expect(shades(dataset).slice(0, 3)).toEqual([5, 10, 20]);
    expect(dataset.labels).toBeUndefined();
  });

  it('makes classes of two or more sub-folders', async () => {
    await put('dog/1.png', 1);
    await put('cat/2.png', 2);
    await put('cat/more/3.png', 3);
    const dataset = await open();
    expect(dataset.classNames).toEqual(['cat', 'dog']);
    expect([...dataset.labels!]).toEqual([0, 0, 1]);
  });

  it('makes no classes when images lie next to the sub-folders, and says so', async () => {
    await put('dog/1.png', 1);
    await put('cat/2.png', 2);
    await put('3.png', 3);
    const dataset = await open();
    expect(dataset.labels).toBeUndefined();
    expect(dataset.notes).toEqual(['no classes: 1 of 3 images lie next to the 2 sub-folders; move them into one']);
  });

  it('makes images of any height and width, and keeps each size by itself', async () => {
    await put('a.png', 10);
    const wide = await open({ size: [3, 6] });
    expect(wide).toMatchObject({ count: 1, height: 3, width: 6, fromCache: false });
    expect([...allPixels(wide)]).toEqual(new Array(3 * 6 * 3).fill(10));
    expect(await open({ size: [6, 3] })).toMatchObject({ height: 6, width: 3, fromCache: false });
    expect(whole(await open({ size: [3, 6] }))).toEqual({ ...whole(wide), fromCache: true });
    const square = await open({ size: 4 });
    expect(whole(await open({ size: [4, 4] }))).toEqual({ ...whole(square), fromCache: true });
  });

  it('follows links without going round in circles', async () => {
    await put('one/1.png', 1);
    await symlink(folder, join(folder, 'one/up'));
    expect((await open()).ids).toEqual(['one/1.png']);
  });

  it('is the same the second time, from the cache and without decoding', async () => {
    for (let i = 0; i < 20; i++) await put(`${i % 2}/${i}.png`, i);
    let decoded = 0;
    const first = await open({
      onProgress: () => {
        decoded++;
      },
    });
    expect(decoded).toBe(20);
    const second = await open({
      onProgress: () => {
        decoded++;
      },
    });
    expect(decoded).toBe(20);
    expect(whole(second)).toEqual({ ...whole(first), fromCache: true });
    expect(second.fingerprint).toBe(fingerprintOf(first));
  });

  it('decodes again when a file, a date or an option has changed', async () => {
    await put('a.png', 10);
    await put('b.png', 20);
    await open();
    await put('c.png', 30);
    expect(await open()).toMatchObject({ count: 3, fromCache: false });
    expect(await open()).toMatchObject({ count: 3, fromCache: true });
    await utimes(join(folder, 'a.png'), new Date(0), new Date(0));
    expect(await open()).toMatchObject({ fromCache: false });
    expect(await open({ channels: 1 })).toMatchObject({ channels: 1, fromCache: false });
    expect(await open({ size: 5 })).toMatchObject({ width: 5, fromCache: false });
    // One file for each set of options: the changed folder replaced its own.
    expect(await readdir(join(cacheDir, 'data'))).toHaveLength(3);
  });

  it('rebuilds a damaged cache', async () => {
    await put('a.png', 10);
    const first = await open();
    const [name] = await readdir(join(cacheDir, 'data'));
    const path = join(cacheDir, 'data', name!);
    const bytes = await readFile(path);
    for (const damage of [
      async () => truncate(path, bytes.length - 5),
      async () => writeFile(path, ''),
      async () => writeFile(path, Buffer.from(bytes).fill(7, 60, 61)),
    ]) {
      await damage();
      expect(whole(await open())).toEqual(whole(first));
      expect(await readFile(path)).toEqual(bytes);
    }
  });

  it('works without a cache that can be written, and says so', async () => {
    await put('a.png', 10);
    await writeFile(cacheDir, 'in the way');
    const dataset = await open();
    expect(dataset.count).toBe(1);
    expect(dataset.notes[0]).toMatch(/^the cache could not be kept in .*; set KUOSAN_CACHE/);
  });

  it('names a bad image and a hint', async () => {
    await put('a.png', 10);
    await writeFile(join(folder, 'b.jpg'), 'I only look like a photo');
    await writeFile(join(folder, 'c.png'), '');
    await expect(open()).rejects.toThrow(
      /^data: ".*b\.jpg": not an image that can be read; remove the file, or leave such files out with --skip-bad$/,
    );
  });

  it('leaves bad images out when told to, lists them, and does not forget them in the cache', async () => {
    await put('a.png', 10);
    await put('d.png', 40);
    await writeFile(join(folder, 'b.jpg'), 'I only look like a photo');
    await writeFile(join(folder, 'c.png'), '');
    const expected = [
      { id: 'b.jpg', reason: 'not an image that can be read' },
      { id: 'c.png', reason: 'empty file' },
    ];
    const dataset = await open({ skipBad: true });
    expect(dataset.skipped).toEqual(expected);
    expect(shades(dataset)).toEqual([10, 40]);
    expect(await open({ skipBad: true })).toMatchObject({ fromCache: true, skipped: expected });
    await expect(open()).rejects.toThrow('--skip-bad');
  });

  it('says when there is nothing to train on', async () => {
    await expect(open()).rejects.toThrow(
      /no images here or in its sub-folders \(it holds no files\); give a folder with PNG/,
    );
    await writeFile(join(folder, 'a.txt'), 'x');
    await expect(open()).rejects.toThrow('(it holds only .txt)');
    await writeFile(join(folder, 'a.png'), 'x');
    await expect(open({ skipBad: true })).rejects.toThrow(
      'none of its 1 images can be read; the first, a.png: not an image',
    );
  });

  it('stops when it is aborted', async () => {
    await put('a.png', 10);
    await expect(open({ signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
    const controller = new AbortController();
    for (let i = 0; i < 40; i++) await put(`${i}.png`, i);
    await expect(
      open({
        signal: controller.signal,
        onProgress: () => {
          controller.abort();
        },
      }),
    ).rejects.toThrow(/abort/);
    await expect(readdir(cacheDir)).rejects.toThrow('ENOENT');
  });
});

describe('openDataset of a name', () => {
  it('gives the sheet of emoji with groups as classes and labels as captions', async () => {
    const dataset = await openDataset('noto-emoji', { cacheDir });
    expect(dataset).toMatchObject({ count: 1897, width: 32, height: 32, channels: 3 });
    expect(dataset.classNames).toHaveLength(10);
    expect(dataset.captions![0]).toBe('grinning face');
    expect(dataset.tags![0]).toContain('smile');
    // The corner of a round face is transparent, so white; its middle is yellow.
    expect([...dataset.images.at(0).subarray(0, 3)]).toEqual([255, 255, 255]);
    const [red, green, blue] = dataset.images.at(0).subarray((16 * 32 + 16) * 3);
    expect(red! - blue!).toBeGreaterThan(100);
    expect(green! - blue!).toBeGreaterThan(60);
    expect(await openDataset('noto-emoji', { cacheDir })).toMatchObject({
      fingerprint: dataset.fingerprint,
      fromCache: true,
    });
  });

  it('gives a part by group, sub-group or a shorter name', async () => {
    const part = async (name: string) => openDataset(`noto-emoji/${name}`, { cacheDir });
    const smileys = await part('smileys');
    expect(smileys.fingerprint).toBe((await part('smileys-emotion')).fingerprint);
    expect(smileys.classNames).toContain('cat-face');
    const faces = await part('faces');
    expect(faces.classNames!.every((name) => name.startsWith('face-'))).toBe(true);
    expect(faces.count).toBe(faces.labels!.length);
    const smiling = await part('face-smiling');
    expect(smiling.labels).toBeUndefined();
    expect(smiling.captions).toContain('grinning face');
  });

  it('names the nearest when it does not know the name', async () => {
    await expect(openDataset('noto-emojy', { cacheDir })).rejects.toThrow(
      'unknown data set "noto-emojy"; did you mean noto-emoji?',
    );
    await expect(openDataset('noto-emoji/smilies', { cacheDir })).rejects.toThrow(
      'unknown part of noto-emoji "smilies"; did you mean smileys?',
    );
    await expect(openDataset('noto-emoji/picasso', { cacheDir })).rejects.toThrow(
      'one of smileys, people, component, animals, food, travel, activities, objects, symbols, flags, faces',
    );
    await expect(openDataset(folder.replace('images', 'imags'), { cacheDir })).rejects.toThrow(
      `did you mean the folder ${folder}?`,
    );
    await expect(openDataset('/nowhere/at/all', { cacheDir })).rejects.toThrow(
      'unknown data set "/nowhere/at/all"; one of noto-emoji, mnist, fashion-mnist, cifar10, or the path of a folder of images',
    );
    await expect(openDataset('', { cacheDir })).rejects.toThrow('unknown data set ""');
  });

  it('refuses a file and a size that is none', async () => {
    await put('a.png', 1);
    await expect(openDataset(join(folder, 'a.png'), { cacheDir })).rejects.toThrow(
      'this is a file; give the folder it lies in',
    );
    await expect(open({ size: [4, 0] })).rejects.toThrow('data size: expected an integer from 1 to 4096, got 0');
    for (const size of [0, -1, 2.5, Number.NaN, 5000])
      await expect(open({ size })).rejects.toThrow(`data size: expected an integer from 1 to 4096, got ${size}`);
  });
});
