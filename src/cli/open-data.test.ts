import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, expect, test, vi } from 'vitest';
import { openData } from './open-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-open-data-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('says that a split is read, and what is left out', async () => {
  const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#369' } })
    .png()
    .toBuffer();
  for (const split of ['train', 'test']) mkdirSync(join(folder, split));
  writeFileSync(join(folder, 'train/a.png'), png);
  writeFileSync(join(folder, 'train/bad.png'), 'no image');
  writeFileSync(join(folder, 'test/b.png'), png);
  let said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  const { count } = await openData(folder, { size: 4, skipBad: true, cacheDir: join(folder, '.cache') }).finally(() =>
    vi.restoreAllMocks(),
  );
  expect(count).toBe(1);
  expect(said.split('\n')).toEqual([
    `note: ${folder}: its folders test, train are splits, of which train is read; give ${join(folder, 'test')} for the other`,
    'left out 1 file that cannot be read, the first is train/bad.png: not an image that can be read',
    '',
  ]);
});
