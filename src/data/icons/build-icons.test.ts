import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDataset } from '../sets/open-dataset.ts';
import { buildIcons } from './build-icons.ts';

let root: string;
let packages: string;
let count = 0;

const square = (side: number) => `<path fill="currentColor" d="M2 2h${side}v${side}h-${side}z"/>`;

function writePackage(name: string, files: Record<string, unknown>): void {
  const folder = join(packages, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), JSON.stringify(content));
}

function info(spdx: string, more: object = {}): object {
  return {
    name: 'A set',
    author: { name: 'Somebody' },
    license: { title: spdx, spdx, url: 'https://example.com/l' },
    ...more,
  };
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'kuosan-icons-'));
  packages = join(root, 'project');
  writePackage('@iconify-json/tabler', {
    'info.json': info('MIT'),
    'icons.json': {
      width: 24,
      height: 24,
      icons: {
        folder: { body: square(10) },
        'folder-heart': { body: square(11) },
        'folder-filled': { body: square(12) },
        'brand-github': { body: square(13) },
        'number-5': { body: square(14) },
        empty: { body: '<path d="M0 0"/>' },
        broken: { body: '<path' },
        gone: { body: square(15), hidden: true },
      },
    },
  });
  writePackage('@iconify-json/ri', {
    'info.json': info('Apache-2.0'),
    'icons.json': {
      width: 24,
      height: 24,
      icons: {
        'folder-line': { body: square(10) },
        'folder-2-fill': { body: square(16) },
        'github-line': { body: square(9) },
        'some-sign': { body: square(8) },
      },
    },
    'metadata.json': { categories: { Logos: ['some-sign'] } },
  });
  writePackage('@iconify-json/solar', {
    'info.json': info('CC-BY-4.0'),
    'icons.json': { icons: { home: { body: square(7) } } },
  });
  writePackage('@iconify-json/flags', { 'info.json': info('MIT', { palette: true }), 'icons.json': { icons: {} } });
  writePackage('@tabler/icons', {
    'icons.json': { folder: { tags: ['directory', 'folder', 5, 'file'] }, 'folder-heart': {} },
  });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function options(more: object = {}) {
  return { out: join(root, `out-${count++}`), packages, sets: ['tabler', 'ri'], ...more };
}

const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('buildIcons', () => {
  test('keeps one of each image, and leaves out trademarks, numbers and what shows nothing', async () => {
    const given = options();
    const { how, counts, splits } = await buildIcons(given);
    expect(how).toBe('built');
    expect(counts).toEqual({
      images: 4,
      captions: 2,
      sets: { tabler: 3, ri: 1 },
      styles: { outline: 2, filled: 2 },
      duplicates: 1,
      brands: 3,
      unusable: 2,
    });
    expect(splits).toMatchObject({ train: 4, 'train-shared': 3 });
    expect(readFileSync(join(given.out, 'splits/train-shared.txt'), 'utf8').trim().split('\n')).not.toContain(
      'tabler/folder-heart.png',
    );
    expect(linesOf(join(given.out, 'tabler/metadata.jsonl'))).toEqual([
      { file_name: 'folder.png', text: 'folder', style: 'outline', set: 'tabler', tags: ['directory', 'file'] },
      { file_name: 'folder-heart.png', text: 'folder heart', style: 'outline', set: 'tabler', tags: [] },
      { file_name: 'folder-filled.png', text: 'folder', style: 'filled', set: 'tabler', tags: ['directory', 'file'] },
    ]);
    // The synonyms of one designer are those of the caption.
    expect(linesOf(join(given.out, 'ri/metadata.jsonl'))[0]).toMatchObject({
      text: 'folder',
      tags: ['directory', 'file'],
    });
    const card = readFileSync(join(given.out, 'README.md'), 'utf8');
    expect(card).toContain('[Apache-2.0](https://example.com/l)');
    expect(card).toContain('@tabler/icons 1.0.0');
    expect(card).toContain('| `splits/train-shared.txt` | nothing: the part of `train` whose');
  });

  test('makes the same icons at another size, and the same bytes again', async () => {
    const [small, large, again] = [options(), options({ size: 96 }), options()];
    await buildIcons(small);
    await buildIcons(large);
    await buildIcons(again);
    expect(readdirSync(join(large.out, 'tabler'))).toEqual(readdirSync(join(small.out, 'tabler')));
    for (const file of ['tabler/folder.png', 'tabler/metadata.jsonl', 'splits/train.txt', 'README.md']) {
      expect(readFileSync(join(again.out, file)).equals(readFileSync(join(small.out, file))), file).toBe(true);
    }
    expect(await buildIcons(small)).toMatchObject({ how: 'there', counts: { images: 4 } });
  });

  test('is a data set: captions, one channel, black on white', async () => {
    const given = options();
    await buildIcons(given);
    const dataset = await openDataset(given.out, { size: 24, channels: 1 });
    expect(dataset.count).toBe(4);
    expect(dataset.captions).toContain('folder heart');
  });

  test('gives the lists of now to a folder that has those of an earlier version', async () => {
    const given = options();
    await buildIcons(given);
    const manifest = join(given.out, 'dataset.json');
    const { split, ...rest } = JSON.parse(readFileSync(manifest, 'utf8')) as { split: object };
    writeFileSync(manifest, JSON.stringify({ ...rest, split: { ...split, lists: undefined } }));
    rmSync(join(given.out, 'splits/train-shared.txt'));
    expect((await buildIcons(given)).how).toBe('split');
    expect(existsSync(join(given.out, 'splits/train-shared.txt'))).toBe(true);
  });

  test('says how to install what is missing, keeping what is there', async () => {
    await expect(buildIcons(options({ sets: ['tabler', 'lucide'] }))).rejects.toThrow(
      `data icons: the package @iconify-json/lucide is not installed; run: npm install --no-save --prefix "${packages}" @iconify-json/tabler@1.0.0 @iconify-json/lucide@1`,
    );
  });

  test.each<[string, object, RegExp]>([
    ['an unknown set', { sets: ['tablr'] }, /unknown set "tablr".*tabler/],
    ['a set with colors', { sets: ['flags'] }, /the icons of flags have colors/],
    ['a license that asks for more', { sets: ['solar'] }, /solar is under CC-BY-4\.0.*--licenses all/],
    ['a set twice', { sets: ['ri', 'ri'] }, /the set ri is named twice/],
    ['a size of nothing', { size: 0 }, /size: expected an integer from 8 to 1024, got 0/],
    ['all held out', { holdOut: 1 }, /holdOut/],
  ])('refuses %s in one line, and writes nothing', async (_, more, message) => {
    const given = options(more);
    await expect(buildIcons(given)).rejects.toThrow(message);
    expect(existsSync(given.out)).toBe(false);
  });

  test('takes any license when it is told so', async () => {
    expect((await buildIcons(options({ sets: ['solar'], allLicenses: true }))).counts.images).toBe(1);
  });

  test('leaves what lies in the folder alone', async () => {
    const given = options();
    mkdirSync(given.out);
    cpSync(join(packages, 'node_modules/@iconify-json/ri/info.json'), join(given.out, 'mine.json'));
    await expect(buildIcons(given)).rejects.toThrow('holds other files');
    expect(readdirSync(given.out)).toEqual(['mine.json']);
  });
});
