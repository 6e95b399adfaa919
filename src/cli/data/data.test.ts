import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from './data.ts';

let folder: string;
let printed: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuosan-cli-data-'));
  vi.stubEnv('KUOSAN_CACHE', join(folder, 'cache'));
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function kuosan(...args: string[]): Promise<string> {
  const program = new Command('kuosan');
  register(program);
  printed = '';
  await program.parseAsync(['data', ...args], { from: 'user' });
  return printed;
}

async function image(path: string): Promise<void> {
  await sharp({ create: { width: 8, height: 8, channels: 3, background: '#369' } })
    .png()
    .toFile(path);
}

describe('kuosan data', () => {
  it('tells what the emoji are and draws some of them', async () => {
    const out = join(folder, 'new/grid.png');
    const text = await kuosan('noto-emoji', '--out', out, '--count', '16');
    expect(text).toMatch(
      /^noto-emoji: 1,897 images of 32×32, color; decoded in [\d.]+ s\n10 classes: smileys-emotion 169, .*\nfirst captions: grinning face, /,
    );
    expect(text).toContain(`${out}: 16 of 1897 images, sampled with seed 0\n`);
    expect(await sharp(out).metadata()).toMatchObject({ format: 'png', width: 138 * 7, height: 138 * 7 });
    const first = await readFile(out);
    expect(await kuosan('noto-emoji', '--out', out, '--count', '16')).toContain('from the cache');
    expect(await readFile(out)).toEqual(first);
    await kuosan('noto-emoji', '--out', out, '--count', '16', '--seed', '1');
    expect(await readFile(out)).not.toEqual(first);
  });

  it('counts and lists what it leaves out', async () => {
    const images = join(folder, 'images');
    await mkdir(images);
    await image(join(images, 'a.png'));
    await writeFile(join(images, 'b.png'), 'fake');
    const out = join(folder, 'grid.png');
    await expect(kuosan(images, '--out', out)).rejects.toThrow(/b\.png": not an image that can be read; .*--skip-bad$/);
    expect(await kuosan(images, '--out', out, '--skip-bad')).toMatch(
      /: 1 image of 32×32.*\nfirst files: a\.png\nleft out: 1 file that cannot be read\n {2}b\.png: not an image/,
    );
  });

  it('refuses bad input in one line, and writes nothing', async () => {
    const images = join(folder, 'images');
    await mkdir(images);
    await image(join(images, 'a.png'));
    await writeFile(join(folder, 'notes.txt'), 'kept');
    const out = join(folder, 'grid.png');
    const refused = async (...args: string[]): Promise<string> =>
      kuosan(...args).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refused('noto-emojy', '--out', out)).toBe('unknown data set "noto-emojy"; did you mean noto-emoji?');
    expect(await refused('noto-emoji', '--out', join(folder, 'notes.txt'))).toMatch(
      /^cannot write ".*notes\.txt": the name does not end in \.png; give another path$/,
    );
    expect(await refused('noto-emoji', '--out', join(folder, 'notes.txt/grid.png'))).toMatch(
      /^cannot write ".*grid\.png": .*; give another path$/,
    );
    expect(await refused(images, '--out', join(images, 'sub/grid.png'))).toContain('lies inside the data set');
    expect(await refused('noto-emoji', '--out', out, '--count', '0')).toBe(
      '--count: expected an integer from 1 to 10000, got "0"',
    );
    expect(await refused('noto-emoji', '--out', out, '--size', '3x')).toBe(
      '--size: expected an integer from 1 to 4096, got "3x"',
    );
    expect((await readdir(folder)).sort()).toEqual(['images', 'notes.txt']);
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('kept');
  });
});
