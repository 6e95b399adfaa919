import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { notoEmojiFolder, readEmojiIndex, readSheet } from './noto-emoji.ts';

describe('the sheet of Noto emoji', () => {
  it('has words for every cell, no code twice, and images that all differ', async () => {
    const index = await readEmojiIndex();
    expect(index).toMatchObject({ cell: 32, columns: 44 });
    expect(index.emoji).toHaveLength(1897);
    expect(new Set(index.emoji.map(({ code }) => code)).size).toBe(1897);
    const cells = await readSheet(await readFile(join(notoEmojiFolder, 'sheet-32.png')), index);
    const size = 32 * 32 * 4;
    const images = new Set(index.emoji.map((_, i) => Buffer.from(cells.buffer, i * size, size).toString('latin1')));
    expect(images.size).toBe(1897);
    expect(images.has('\0'.repeat(size))).toBe(false);
  });

  it('is cut into cells row by row', async () => {
    const emoji = ['a', 'b', 'c'].map((code) => ({ code, label: code, tags: [], group: 'g', subgroup: 's' }));
    const pixels = Uint8Array.from({ length: 16 }, (_, i) => (i % 4 === 3 ? 255 : i));
    const sheet = await sharp(pixels, { raw: { width: 2, height: 2, channels: 4 } })
      .png()
      .toBuffer();
    expect([...(await readSheet(sheet, { cell: 1, columns: 2, emoji }))]).toEqual([...pixels.subarray(0, 12)]);
    await expect(readSheet(sheet, { cell: 1, columns: 3, emoji })).rejects.toThrow(
      'sheet-32.png is 2×2, expected 3×1; install kuosan again',
    );
  });

  it('answers random bytes with one line', async () => {
    const index = await readEmojiIndex();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await expect(readSheet(bytes, index)).rejects.toThrow(
          /^data noto-emoji: sheet-32\.png .*; install kuosan again$/,
        );
      }),
      { numRuns: 50 },
    );
  });

  it('says so when its words are damaged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kuosan-emoji-'));
    await expect(readEmojiIndex(folder)).rejects.toThrow('is missing or damaged');
    for (const text of ['', '{', '{"cell":32}', '{"cell":32,"columns":44,"emoji":[{"code":1}]}']) {
      await writeFile(join(folder, 'emoji.json'), text);
      await expect(readEmojiIndex(folder)).rejects.toThrow(
        /^data noto-emoji: ".*emoji\.json" is missing or damaged \([^\n]*\); install kuosan again$/,
      );
    }
    await rm(folder, { recursive: true });
  });
});
