import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { keepBounded, markUsed } from './bounded-folder.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-bounded-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
/** A folder with files of a size that were used so many seconds ago. */
function folderOf(files: Readonly<Record<string, readonly [bytes: number, secondsAgo: number]>>): string {
  const folder = join(scratch, String(folders++));
  mkdirSync(folder);
  for (const [name, [bytes, secondsAgo]] of Object.entries(files)) {
    writeFileSync(join(folder, name), new Uint8Array(bytes));
    const at = new Date(Date.now() - 1000 * secondsAgo);
    utimesSync(join(folder, name), at, at);
  }
  return folder;
}

test('what was not used for the longest time goes first, and no more than has to', async () => {
  const folder = folderOf({ a: [40, 30], b: [40, 20], c: [40, 10] });
  await keepBounded(folder, 100);
  expect(readdirSync(folder)).toEqual(['b', 'c']);
});

test('a file that is read counts as used', async () => {
  const folder = folderOf({ a: [40, 30], b: [40, 20], c: [40, 10] });
  await markUsed(join(folder, 'a'));
  await keepBounded(folder, 100);
  expect(readdirSync(folder)).toEqual(['a', 'c']);
});

test('the one that was used last stays, whatever its size', async () => {
  const folder = folderOf({ small: [1, 20], large: [500, 10] });
  await keepBounded(folder, 100);
  expect(readdirSync(folder)).toEqual(['large']);
});

test('what a killed process left goes after a day', async () => {
  const folder = folderOf({ '.old.1-0.part': [1, 100_000], '.new.2-0.part': [1, 100], whole: [1, 10] });
  await keepBounded(folder, 100);
  expect(readdirSync(folder)).toEqual(['.new.2-0.part', 'whole']);
});

test('a folder that is not there is no error', async () => {
  expect(await keepBounded(join(scratch, 'nothing'), 1)).toBeUndefined();
});
