import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folderFiles, readTextEncoder, writeTextEncoderFolder } from '../src/checkpoint/index.ts';
import { createInterpreter } from '../src/core/index.ts';
import { readSafetensors } from '../src/formats/index.ts';
import { openTextEncoder } from '../src/pipelines/index.ts';
import { browserPath, serveFolder, startBrowser, withoutBrowser, type Served } from './browser.ts';
import { root } from './source-files.ts';

// test/golden/text-encoder-folders.py
const golden = join(root, 'test/golden/text-encoder-folders');
const texts = JSON.parse(readFileSync(join(golden, 'texts.json'), 'utf8')) as string[];
const folder = mkdtempSync(join(tmpdir(), 'kuosan-text-page-'));
const from = (path: string) => JSON.stringify(join(root, 'src', path));

/** A page that opens text encoders from the addresses of their folders. */
const entry = `
import { fetchedFiles, readTextEncoder } from ${from('checkpoint/browser.ts')};
import { openTextEncoder } from ${from('pipelines/index.ts')};
import { createWebExecutor } from ${from('runtime/web/index.ts')};
globalThis.encoded = async (address, folder, texts) => {
  const executor = await createWebExecutor({ device: 'wasm', wasmPaths: new URL('.', location.href).href });
  const loaded = await readTextEncoder(fetchedFiles(new URL(address, location.href)), { folder });
  const encoder = await openTextEncoder(executor, loaded, { maxLength: 12 });
  const { hidden, mask, pooled } = await encoder.encode(texts);
  const fingerprint = await encoder.fingerprint();
  await encoder.dispose();
  await executor.dispose();
  return { hidden: [...hidden.data], mask: [...mask.data], pooled: [...pooled.data], fingerprint };
};`;

interface Answer {
  readonly hidden: readonly number[];
  readonly mask: readonly number[];
  readonly pooled: readonly number[];
  readonly fingerprint: string;
}

let browser: Browser;
let server: Served;

beforeAll(async () => {
  if (browserPath === undefined) return;
  const built = join(folder, 'built');
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="./entry.js"></script>');
  writeFileSync(join(folder, 'entry.js'), entry);
  await build({ configFile: join(root, 'vite.config.ts'), root: folder, logLevel: 'error', build: { outDir: built } });
  for (const file of ['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'])
    copyFileSync(createRequire(import.meta.url).resolve(`onnxruntime-web/${file}`), join(built, file));
  cpSync(golden, join(built, 'encoders'), { recursive: true });
  const clip = await readTextEncoder(folderFiles(join(golden, 'clip')));
  await writeTextEncoderFolder(join(built, 'encoders/int8'), clip, { dtype: 'int8' });
  browser = await startBrowser();
  server = await serveFolder(built, false);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function encode(name: string, part = ''): Promise<Answer> {
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.waitForFunction('globalThis.encoded');
  const answer = await page.evaluate(
    `encoded(${JSON.stringify(`encoders/${name}`)}, ${JSON.stringify(part)}, ${JSON.stringify(texts)})`,
  );
  await page.close();
  return answer as Answer;
}

const furthest = (a: readonly number[], b: ArrayLike<unknown>) => {
  expect(a).toHaveLength(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - Number(b[i]))), 0);
};

describe.skipIf(browserPath === undefined)(`text encoders in a page (${withoutBrowser})`, { timeout: 120_000 }, () => {
  test.each([
    ['sentence-bert', ''],
    ['t5', 'text_encoder'],
    ['clip', ''],
  ])("%s has transformers' hidden states and vectors, and Node's fingerprint", async (name, part) => {
    const answer = await encode(name, part);
    const expected = readSafetensors(readFileSync(join(golden, `${name}.safetensors`))).tensors;
    expect(answer.mask).toEqual([...expected.get('mask')!.data].map(Number));
    expect(furthest(answer.hidden, expected.get('hidden')!.data)).toBeLessThan(1e-4);
    expect(furthest(answer.pooled, expected.get('pooled')!.data)).toBeLessThan(1e-4);
    const loaded = await readTextEncoder(folderFiles(join(golden, name)), { folder: part });
    const here = await openTextEncoder(createInterpreter(), loaded, { maxLength: 12 });
    expect(answer.fingerprint).toBe(await here.fingerprint());
  });

  test('one in int8 is found and is near', async () => {
    const { pooled } = await encode('int8');
    const expected = readSafetensors(readFileSync(join(golden, 'clip.safetensors'))).tensors.get('pooled')!.data;
    expect(furthest(pooled, expected)).toBeLessThan(0.1);
  });
});
