import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bitmap } from '../../data/index.ts';
import { checkSvgFiles, checkTraceable, svgPaths, writeSvg } from './write-svg.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuosan-svg-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('names have the prompt and a number, and no two are the same', () => {
  const prompts = ['A folder with a heart!', 'A folder with a heart!', 'a folder, with a heart', '铃 关', '...'];
  expect(svgPaths('out', prompts, 5)).toEqual(
    ['a-folder-with-a-heart-1', 'a-folder-with-a-heart-2', 'a-folder-with-a-heart-3', '铃-关-1', '00004'].map((name) =>
      join('out', `${name}.svg`),
    ),
  );
  expect(svgPaths('out', undefined, 2)).toEqual([join('out', '00000.svg'), join('out', '00001.svg')]);
  const [long] = svgPaths('out', ['铃'.repeat(300)], 1);
  expect(Buffer.byteLength(long!)).toBeLessThan(100);
  // A prompt leads nowhere else.
  expect(svgPaths('out', ['../../etc/passwd'], 1)).toEqual([join('out', 'etc-passwd-1.svg')]);
});

test('writes a drawing for each image, and not between others', async () => {
  const out = join(folder, 'icons');
  const paths = svgPaths(out, ['square', 'square'], 2);
  await checkSvgFiles(out, paths, {});
  const square: Bitmap = {
    data: Uint8Array.from({ length: 576 }, (_, i) =>
      Math.abs((i % 24) - 11.5) < 6 && Math.abs(Math.floor(i / 24) - 11.5) < 6 ? 0 : 255,
    ),
    height: 24,
    width: 24,
    channels: 1,
  };
  await writeSvg(paths, [square, square]);
  expect((await readdir(out)).sort()).toEqual(['square-1.svg', 'square-2.svg']);
  expect(await readFile(paths[0]!, 'utf8')).toMatch(/^<svg .*viewBox="0 0 24 24" fill="currentColor"><path /);
  // The same again takes their place, others would stay among them.
  await checkSvgFiles(out, paths, {});
  await writeFile(join(out, 'mine.svg'), '<svg/>');
  await expect(checkSvgFiles(out, paths, {})).rejects.toThrow(
    `--svg ${JSON.stringify(out)}: holds an image that these would not replace (mine.svg); give a new folder, or remove it`,
  );
  await expect(checkSvgFiles(out, paths, { images: `${out}/` })).rejects.toThrow('--svg: is the folder of --images');
});

test('color is refused', () => {
  expect(() => checkTraceable({ shape: [3, 32, 32] })).toThrow(
    '--svg: traces icons in black and white, and this model generates color; leave it out',
  );
  expect(() => checkTraceable({ shape: [1, 4, 4] })).toThrow("this model's are 4 × 4");
  checkTraceable({ shape: [1, 24, 24] });
});
