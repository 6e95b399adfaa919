import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTextCache, type TextCache, type TextRecord } from './text-cache.ts';

const root = mkdtempSync(join(tmpdir(), 'kuosan-texts-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});
let count = 0;
let dir: string;
beforeEach(() => {
  dir = join(root, String(count++));
});

const width = 3;
const pooledWidth = 2;
const fingerprint = 'ab'.repeat(32);
const opened: TextCache[] = [];
const open = async (note?: (line: string) => void, of = fingerprint) => {
  const cache = await openTextCache(dir, { fingerprint: of, width, pooledWidth, ...(note && { note }) });
  opened.push(cache);
  return cache;
};
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close();
});
const file = () => join(dir, 'texts', readdirSync(join(dir, 'texts'))[0]!);

/** What belongs to a text: of one to four tokens. */
function recordOf(text: string): TextRecord {
  const tokens = (text.length % 4) + 1;
  const value = (i: number) => (text.charCodeAt(i % Math.max(1, text.length)) * 31 + i) & 0x3bff;
  return {
    hidden: Uint16Array.from({ length: tokens * width }, (_, i) => value(i)),
    pooled: Uint16Array.from({ length: pooledWidth }, (_, i) => value(i + 7)),
  };
}
const add = async (cache: TextCache, texts: readonly string[]) =>
  cache.add(texts.map((text) => [text, recordOf(text)] as const));
const texts = ['a bell', 'a folder', '', 'a bell off', 'a', '猫 and 犬'];

describe('a cache of encoded texts', () => {
  test('gives back what was added, after it is opened again, and only for its own encoder', async () => {
    const cache = await open();
    expect(cache.has('a bell')).toBe(false);
    await add(cache, texts.slice(0, 2));
    await add(cache, texts);
    expect(cache.size).toBe(texts.length);
    expect(await cache.read(texts)).toEqual(texts.map(recordOf));
    await cache.close();
    const again = await open();
    expect(again.size).toBe(texts.length);
    expect(await again.read([...texts, 'unknown'])).toEqual([...texts.map(recordOf), undefined]);
    expect((await open(undefined, 'cd'.repeat(32))).size).toBe(0);
    // The first half of a fingerprint names the file, the whole of it decides.
    expect((await open(undefined, `${fingerprint.slice(0, -2)}00`)).size).toBe(0);
  });

  test('is one file, which grows by what is new', async () => {
    const cache = await open();
    await add(cache, texts);
    const { length } = readFileSync(file());
    await add(cache, texts);
    expect(readFileSync(file()).length).toBe(length);
    await add(cache, ['another']);
    expect(readdirSync(join(dir, 'texts'))).toHaveLength(1);
    expect(readFileSync(file()).length).toBe(length + 16 + 8 + 24 + 2 * (4 * width + pooledWidth) + 4);
  });

  test('survives being cut short anywhere, and goes on growing after', async () => {
    const cache = await open();
    await add(cache, texts.slice(0, 3));
    const { length: first } = readFileSync(file());
    await add(cache, texts.slice(3));
    await cache.close();
    const whole = readFileSync(file());
    // Every third byte, and all where the second block ends.
    const ends = Array.from({ length: whole.length }, (_, end) => end).filter(
      (end) => end % 3 === 0 || end > whole.length - 30,
    );
    for (const end of ends) {
      writeFileSync(file(), whole.subarray(0, end));
      const cut = await open();
      expect(cut.size, `cut at ${end}`).toBe(end < first ? 0 : 3);
      await add(cut, texts);
      expect(await cut.read(texts), `cut at ${end} of ${first}`).toEqual(texts.map(recordOf));
      await cut.close();
      const after = await open();
      expect(await after.read(texts), `cut at ${end}`).toEqual(texts.map(recordOf));
      await after.close();
    }
  });

  test('never gives what was damaged, wherever it is', async () => {
    const cache = await open();
    await add(cache, texts.slice(0, 3));
    await add(cache, texts.slice(3));
    await cache.close();
    const whole = readFileSync(file());
    for (let at = 0; at < whole.length; at += 2) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 1 << (at % 8);
      writeFileSync(file(), bytes);
      const damaged = await open();
      const found = await damaged.read(texts);
      expect(
        found.map((record, i) => record ?? recordOf(texts[i]!)),
        `byte ${at}`,
      ).toEqual(texts.map(recordOf));
      // A head that is another's is another encoder's; of the rest one block is lost at most.
      if (at >= 48) expect(found.filter((record) => record).length).toBeGreaterThanOrEqual(3);
      await add(damaged, texts);
      expect(await damaged.read(texts)).toEqual(texts.map(recordOf));
      await damaged.close();
    }
  });

  test('is shared by two that begin and add at the same time', async () => {
    const [one, two] = [await open(), await open()];
    await add(one, texts.slice(0, 2));
    await add(two, texts.slice(2, 4));
    await add(one, texts.slice(4));
    expect(await one.read(texts)).toEqual(texts.map(recordOf));
    expect((await two.read(texts)).slice(0, 4)).toEqual(texts.slice(0, 4).map(recordOf));
    expect((await open()).size).toBe(texts.length);
  });

  test('passes over half a block that another process left', async () => {
    const cache = await open();
    await add(cache, texts.slice(0, 3));
    appendFileSync(file(), readFileSync(file()).subarray(48, 100));
    await add(cache, texts.slice(3));
    expect(await cache.read(texts)).toEqual(texts.map(recordOf));
    await cache.close();
    expect(await (await open()).read(texts)).toEqual(texts.map(recordOf));
  });

  test('begins anew where its file was removed', async () => {
    const cache = await open();
    await add(cache, texts.slice(0, 1));
    rmSync(file());
    await add(cache, texts.slice(1, 2));
    await add(cache, texts.slice(2));
    expect((await cache.read(texts)).slice(1)).toEqual(texts.slice(1).map(recordOf));
    await cache.close();
    expect((await open()).size).toBeGreaterThanOrEqual(texts.length - 2);
  });

  test('works without a disk, and says so once', async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'texts'), 'a file where the folder should be');
    const notes: string[] = [];
    const cache = await open((line) => notes.push(line));
    await add(cache, texts.slice(0, 2));
    await add(cache, texts);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^encoded texts are not cached in .*; set KUOSAN_CACHE to a folder that can be written$/);
    expect(await cache.read(texts)).toEqual(texts.map(recordOf));
    const nowhere = await openTextCache(undefined, {
      fingerprint,
      width,
      pooledWidth,
      note: (line) => notes.push(line),
    });
    await add(nowhere, texts);
    expect(await nowhere.read(texts)).toEqual(texts.map(recordOf));
    expect(notes[1]).toContain('this user has no home folder');
  });
});
