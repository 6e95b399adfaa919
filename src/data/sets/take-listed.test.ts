import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { fingerprintOf, type Dataset, type DatasetContent } from './dataset.ts';
import { allPixels, imagesInMemory } from '../images/image-store.ts';
import { MissingDataError } from './missing-data.ts';
import { takeListed } from './take-listed.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-list-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const content: DatasetContent = {
  images: imagesInMemory(Uint8Array.of(1, 2, 3, 4), 1),
  count: 4,
  height: 1,
  width: 1,
  channels: 1,
  ids: ['a/1.png', 'a/2.png', 'b/1.png', 'b/2.png'],
  labels: Int32Array.of(0, 0, 1, 1),
  classNames: ['a', 'b'],
  captions: ['one', 'two', 'three', 'four'],
  tags: [['x'], [], ['y'], []],
  skipped: [{ id: 'b/bad.png', reason: 'empty file' }],
  notes: [],
};
const dataset: Dataset = { ...content, name: 'letters', fingerprint: fingerprintOf(content), fromCache: false };

function list(text: string): string {
  const path = join(folder, 'list.txt');
  writeFileSync(path, text);
  return path;
}

test('takes what is listed, in that order, with all that belongs to it; what could not be read is left out', async () => {
  const taken = await takeListed(dataset, list('b/1.png\r\n\nb/bad.png\na/2.png\n'));
  expect(taken).toMatchObject({
    count: 2,
    ids: ['b/1.png', 'a/2.png'],
    captions: ['three', 'two'],
    tags: [['y'], []],
    classNames: ['a', 'b'],
    name: 'letters',
  });
  expect([...allPixels(taken)]).toEqual([3, 2]);
  expect([...taken.labels!]).toEqual([1, 0]);
  expect(taken.fingerprint).not.toBe(dataset.fingerprint);
});

test.each([
  ['a/3.png', /list.txt":1: letters has no image "a\/3.png"; did you mean a\/1.png\?/],
  ['a/1.png\na/1.png\n', /list.txt":2: "a\/1.png" stands there already/],
  ['\n\n', /names no image/],
])('refuses %j', async (text, message) => {
  await expect(takeListed(dataset, list(text))).rejects.toThrow(message);
});

test('says what is wrong with the file', async () => {
  await expect(takeListed(dataset, folder)).rejects.toThrow(/": it is a folder, not a file/);
  writeFileSync(join(folder, 'latin1.txt'), Buffer.from('caf\xe9.png', 'latin1'));
  await expect(takeListed(dataset, join(folder, 'latin1.txt'))).rejects.toThrow(/latin1\.txt": is not text in UTF-8$/);
});

describe('a list', () => {
  const here = process.cwd();
  afterEach(() => {
    process.chdir(here);
  });

  test("is looked for inside the data set's folder, then as it is given", async () => {
    mkdirSync(join(folder, 'set'));
    writeFileSync(join(folder, 'both.txt'), 'a/1.png');
    writeFileSync(join(folder, 'set/both.txt'), 'b/1.png');
    writeFileSync(join(folder, 'outside.txt'), 'a/2.png');
    process.chdir(folder);
    const inSet = { ...dataset, name: 'set' };
    expect((await takeListed(inSet, 'both.txt')).ids).toEqual(['b/1.png']);
    expect((await takeListed(inSet, './outside.txt')).ids).toEqual(['a/2.png']);
    expect((await takeListed(inSet, join(folder, 'both.txt'))).ids).toEqual(['a/1.png']);
  });

  test('that is nowhere is missed in all places where it was looked for', async () => {
    await expect(takeListed(dataset, 'none.txt')).rejects.toThrow(
      new MissingDataError(
        'list',
        'data list "none.txt": there is no such file, neither "letters/none.txt" nor "none.txt"',
      ),
    );
    await expect(takeListed(dataset, '/nowhere/none.txt')).rejects.toThrow(
      new MissingDataError('list', 'data list "/nowhere/none.txt": there is no such file'),
    );
  });
});
