import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { float32 } from '../../core/dtype.ts';
import { cosineSchedule } from '../../diffusion/index.ts';
import { drawForward, largestDifference, runForward } from './run-forward.ts';

let folder: string;
let image: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuosan-cli-forward-'));
  image = join(folder, 'x.png');
  await sharp({ create: { width: 20, height: 20, channels: 3, background: '#fa3' } })
    .png()
    .toFile(image);
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const options = { schedule: 'cosine', steps: 40, size: 16, seed: 0 } as const;

describe('runForward', () => {
  it('agrees with the theory on both ways, as far as chance allows', () => {
    const x0 = float32(
      [1, 3, 64, 64],
      Float32Array.from({ length: 12288 }, (_, i) => Math.sin(i)),
    );
    const { moments } = runForward(cosineSchedule({ T: 50 }), x0, 5, []);
    expect(moments).toHaveLength(51);
    expect(moments[0]!.closed).toEqual(moments[0]!.iterated);
    // Four standard errors of the mean of 12,288 values.
    const chance = 4 / Math.sqrt(12288);
    for (const way of ['closed', 'iterated'] as const) {
      expect(largestDifference(moments, way, 'theory', 'mean').difference).toBeLessThan(chance);
      expect(largestDifference(moments, way, 'theory', 'std').difference).toBeLessThan(chance);
    }
  });
});

describe('kuosan forward', () => {
  it('writes the figure, prints a table and the largest differences, and repeats itself exactly', async () => {
    const out = join(folder, 'new/forward.png');
    const lines: string[] = [];
    await drawForward(image, { ...options, out }, (line) => lines.push(line));
    expect(lines[0]).toBe(`${image}: 16×16, cosine schedule, T = 40`);
    expect(lines).toHaveLength(3 + 9 + 5 + 1);
    expect(lines.join('\n')).toMatch(/closed form and iterated +mean 0\.\d{4} \(t = \d+\), std 0\.\d{4} \(t = \d+\)/);
    expect(await sharp(out).metadata()).toMatchObject({ format: 'png', width: 2 * (128 + 9 * 140 - 12) });
    const first = await readFile(out);
    await drawForward(image, { ...options, out }, () => {});
    expect(await readFile(out)).toEqual(first);
  });

  it('draws any number of steps and any size', async () => {
    for (const [steps, size] of [
      [1, 1],
      [2, 33],
      [21, 150],
    ] as const) {
      await drawForward(image, { ...options, steps, size, out: join(folder, 'f.png') }, () => {});
      expect((await sharp(join(folder, 'f.png')).metadata()).format).toBe('png');
    }
  }, 20_000);

  it('refuses bad input in one line, and writes nothing', async () => {
    await writeFile(join(folder, 'fake.png'), 'fake');
    const refused = async (path: string, changes: object): Promise<string> =>
      drawForward(path, { ...options, out: join(folder, 'f.png'), ...changes }, () => {}).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refused(join(folder, 'none.png'), {})).toMatch(/^cannot read ".*none\.png": it does not exist/);
    expect(await refused(join(folder, 'fake.png'), {})).toMatch(/^cannot read ".*fake\.png": not an image/);
    expect(await refused(image, { out: image })).toMatch(/^--out ".*x\.png" is the image itself/);
    expect(await refused(image, { out: join(folder, 'f.gif') })).toContain('does not end in .png');
    expect(await refused(image, { schedule: 'linear', steps: 10 })).toBe(
      '--steps 10: the linear schedule needs more than 20; give more, or --schedule cosine',
    );
    expect((await readdir(folder)).sort()).toEqual(['fake.png', 'x.png']);
  });
});
