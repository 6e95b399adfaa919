import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { root } from '../../../test/source-files.ts';
import { studioModels } from './studio-models.ts';

const dir = mkdtempSync(join(tmpdir(), 'kuosan-studio-models-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('lists the files of folders that a model links to, and ends where a link leads back up', async () => {
  const folder = join(dir, 'linked');
  cpSync(join(root, 'pretrained/noto-32'), folder, { recursive: true });
  mkdirSync(join(dir, 'elsewhere'));
  renameSync(join(folder, 'unet'), join(dir, 'elsewhere/unet'));
  symlinkSync(join(dir, 'elsewhere/unet'), join(folder, 'unet'), 'junction');
  symlinkSync(folder, join(folder, 'up'), 'junction');
  const models = await studioModels([folder], 1e9);
  const linked = models.find(({ name }) => name === 'linked')!;
  expect(linked.files).toEqual(expect.arrayContaining(['model_index.json', 'unet/config.json']));
});
