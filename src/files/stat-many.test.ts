import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { statMany } from './stat-many.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-stat-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('says the size of every file in order, and what is wrong with one', async () => {
  const paths = Array.from({ length: 600 }, (_, i) => join(folder, `${i}`));
  for (const [i, path] of paths.entries()) if (i !== 300) writeFileSync(path, 'x'.repeat(i));
  const found = await statMany(paths);
  expect(found).toHaveLength(600);
  expect(found[300]).toMatchObject({ code: 'ENOENT' });
  expect(found.flatMap((each) => ('size' in each ? [each.size] : []))).toEqual(
    paths.map((_, i) => i).filter((i) => i !== 300),
  );
  expect(await statMany([])).toEqual([]);
});
