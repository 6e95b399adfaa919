import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataset } from './open-dataset.ts';
import { readCaptions } from './captions.ts';

let folder: string;
let cacheDir: string;
beforeEach(async () => {
  const base = await mkdtemp(join(tmpdir(), 'kuosan-captions-'));
  folder = join(base, 'images');
  cacheDir = join(base, 'cache');
  await mkdir(join(folder, 'birds'), { recursive: true });
  for (const id of ['a.png', 'b.jpg', 'birds/c.png']) {
    await sharp({ create: { width: 8, height: 8, channels: 3, background: '#abc' } }).toFile(join(folder, id));
  }
});
afterEach(async () => {
  await rm(dirname(folder), { recursive: true });
});

const open = (options = {}) => openDataset(folder, { size: 4, cacheDir, ...options });
const put = async (id: string, content: string | Uint8Array) => writeFile(join(folder, id), content);
const lines = (...entries: readonly (object | string)[]): string =>
  entries.map((entry) => `${typeof entry === 'string' ? entry : JSON.stringify(entry)}\n`).join('');

describe('captions of a folder', () => {
  it('come from metadata.jsonl, in any order, other keys left alone', async () => {
    await put(
      'metadata.jsonl',
      lines(
        { file_name: 'birds/c.png', text: 'a  crow\n' },
        '',
        { file_name: 'b.jpg', text: 'Ölbild 🎨', artist: 7 },
        { file_name: './a.png', caption: 'an ant' },
      ),
    );
    const dataset = await open();
    expect(dataset).toMatchObject({
      ids: ['a.png', 'b.jpg', 'birds/c.png'],
      captions: ['an ant', 'Ölbild 🎨', 'a crow'],
      notes: [],
      skipped: [],
    });
    const again = await open();
    expect(again).toEqual({ ...dataset, images: again.images, fromCache: true });
  });

  it('come from a metadata.jsonl in the folder of the images', async () => {
    await put('birds/metadata.jsonl', lines({ file_name: 'c.png', text: 'a crow' }));
    expect((await open()).captions).toEqual(['', '', 'a crow']);
  });

  it('come with tags, where these are a list of texts', async () => {
    await put(
      'metadata.jsonl',
      lines(
        { file_name: 'a.png', text: 'an ant', tags: ['insect', 'six  legs'] },
        { file_name: 'b.jpg', tags: 'not a list' },
        { file_name: 'birds/c.png', tags: [7] },
      ),
    );
    expect(await open()).toMatchObject({
      captions: ['an ant', '', ''],
      tags: [['insect', 'six legs'], [], []],
      skipped: [],
    });
    expect((await open()).tags).toEqual([['insect', 'six legs'], [], []]);
  });

  it('come from a text next to each image, whose end of line is no part of it', async () => {
    await put('a.txt', '\ufeffan ant\r\n');
    await put('b.txt', 'a boat\non the sea\n');
    await put('birds/c.txt', 'a crow');
    await put('notes.txt', 'of no image');
    expect(await open()).toMatchObject({ captions: ['an ant', 'a boat on the sea', 'a crow'], notes: [] });
  });

  it('are those of metadata.jsonl where there are both', async () => {
    await put('metadata.jsonl', lines({ file_name: 'a.png', text: 'an ant' }));
    await put('a.txt', 'another');
    await put('b.txt', 'a boat');
    const dataset = await open();
    expect(dataset.captions).toEqual(['an ant', 'a boat', '']);
    expect(dataset.notes).toEqual([
      '1 of 3 images have no caption, the first is birds/c.png; theirs is the empty text',
    ]);
  });

  it('enter the fingerprint, and the cache follows them', async () => {
    await put('a.txt', 'an ant');
    const first = await open();
    await put('a.txt', 'an ape');
    await utimes(join(folder, 'a.txt'), 1, 1);
    const second = await open();
    expect(second).toMatchObject({ captions: ['an ape', '', ''], fromCache: false });
    expect(second.fingerprint).not.toBe(first.fingerprint);
    await rm(join(folder, 'a.txt'));
    expect((await open()).captions).toBeUndefined();
  });

  it.each([
    [
      'a line that is no JSON',
      lines({ file_name: 'a.png', text: 'x' }, '{"file_name": "b.jpg", text: y}'),
      'metadata.jsonl:2',
      'not valid JSON: {"file_name": "b.jpg", text: y}',
    ],
    [
      'a line that is no object',
      lines('[1]'),
      'metadata.jsonl:1',
      'expected an object with file_name and text, got [1]',
    ],
    ['a line without a name', lines({ text: 'x' }), 'metadata.jsonl:1', 'expected a file_name, got none'],
    [
      'a name that a terminal obeys',
      lines('', { file_name: '\u007f.png', text: 'x' }),
      'metadata.jsonl:2',
      String.raw`there is no image "\u007f.png"`,
    ],
    ['a missing image', lines('', { file_name: 'd.png', text: 'x' }), 'metadata.jsonl:2', 'there is no image "d.png"'],
    [
      'an image outside of the folder',
      lines({ file_name: '../images/a.png', text: 'x' }),
      'metadata.jsonl:1',
      'there is no image "../images/a.png"',
    ],
    [
      'a second line',
      lines({ file_name: 'a.png', text: 'x' }, { file_name: 'a.png', text: 'y' }),
      'metadata.jsonl:2',
      '"a.png" has a line already, 1',
    ],
    [
      'a caption that is no text',
      lines({ file_name: 'a.png', text: ['x'] }),
      'metadata.jsonl:1',
      'text: expected a caption, got ["x"]',
    ],
    [
      'a caption that is a book',
      lines({ file_name: 'a.png', text: 'x'.repeat(10_001) }),
      'metadata.jsonl:1',
      'text: is 10001 characters long, expected at most 10000',
    ],
  ])('name %s', async (_name, content, where, reason) => {
    await put('metadata.jsonl', content);
    await expect(open()).rejects.toThrow(
      `data: ${JSON.stringify(join(folder, where))}: ${reason}; mend or remove it, or do without such captions with --skip-bad`,
    );
    expect(await open({ skipBad: true })).toMatchObject({ count: 3, skipped: [{ id: where, reason }] });
    // Also after the cache has it.
    await expect(open()).rejects.toThrow(reason);
  });

  it('name a text that is none', async () => {
    await put('a.txt', Uint8Array.of(0xff, 0xfe, 0x00));
    await expect(open()).rejects.toThrow(/a\.txt": is not text in UTF-8 but in UTF-16; mend or remove it/);
    await put('a.txt', Buffer.from('caf\xe9', 'latin1'));
    await expect(open()).rejects.toThrow(/a\.txt": is not text in UTF-8; mend or remove it/);
    await put('a.txt', new Uint8Array(50_000).fill(65));
    await expect(open()).rejects.toThrow(/a\.txt": has 50000 bytes, expected at most 40000/);
  });

  it('say that a table of comma-separated values is not read', async () => {
    await put('metadata.csv', 'file_name,text\na.png,an ant\n');
    expect((await open()).notes).toEqual(['captions are read from metadata.jsonl or .txt files, not from .csv']);
  });

  it('survive any metadata: each line gives a caption or a problem of one line', async () => {
    const value = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({
          file_name: fc.constantFrom('a.png', 'b.jpg', '../a.png', '/etc/passwd', '', '__proto__'),
          text: fc.oneof(fc.string(), fc.integer()),
        })
        .map((entry) => JSON.stringify(entry)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { maxLength: 5 }),
        fc.option(fc.uint8Array({ maxLength: 20 })),
        async (entries, tail) => {
          await put('metadata.jsonl', Buffer.concat([Buffer.from(entries.join('\n')), tail ?? new Uint8Array()]));
          const { captions, problems } = await readCaptions(folder, {
            images: ['a.png', 'b.jpg'],
            metadata: ['metadata.jsonl'],
            texts: [],
          });
          expect(captions === undefined || captions.length === 2).toBe(true);
          for (const { reason } of problems) expect(reason).toMatch(/^[^\n]+$/);
        },
      ),
      { numRuns: 200 },
    );
  });
});
