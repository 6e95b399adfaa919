import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInterpreter, type Environment } from '../src/core/index.ts';
import { createWebExecutor, type WebExecutorOptions } from '../src/runtime/web/index.ts';
import { browserPath, serveFolder, softwareWebGpu, startBrowser, withoutBrowser, type Served } from './browser.ts';
import { exercise, type Exercised } from './exercise-executor.ts';
import { root } from './source-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-web-'));
const steps = 20;

const engineFiles = ['', '.asyncify'].flatMap((build) => [
  `ort-wasm-simd-threaded${build}.mjs`,
  `ort-wasm-simd-threaded${build}.wasm`,
]);

/** A page that knows nothing but the executor. */
const entry = `
import { createWebExecutor } from ${JSON.stringify(join(root, 'src/runtime/web/index.ts'))};
import { exercise } from ${JSON.stringify(join(root, 'test/exercise-executor.ts'))};
globalThis.exercised = async (options) => {
  const executor = await createWebExecutor(options);
  const result = await exercise(executor, ${steps});
  const environment = await executor.environment();
  await executor.dispose();
  return { ...result, environment, device: executor.device };
};`;

type Answer = Exercised & { readonly device: string; readonly environment: Environment };

let browser: Browser;
const served: Served[] = [];

async function openPage(isolated: boolean): Promise<Page> {
  const server = await serveFolder(join(folder, 'built'), isolated);
  served.push(server);
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.waitForFunction('globalThis.exercised');
  return page;
}
const run = (page: Page, options: WebExecutorOptions) =>
  page.evaluate(`exercised(${JSON.stringify(options)})`) as Promise<Answer>;

beforeAll(async () => {
  if (browserPath === undefined) return;
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="./entry.js"></script>');
  writeFileSync(join(folder, 'entry.js'), entry);
  await build({
    configFile: join(root, 'vite.config.ts'),
    root: folder,
    logLevel: 'error',
    build: { outDir: join(folder, 'built') },
  });
  for (const file of engineFiles)
    copyFileSync(createRequire(import.meta.url).resolve(`onnxruntime-web/${file}`), join(folder, 'built', file));
  browser = await startBrowser(softwareWebGpu);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  for (const server of served) server.close();
  rmSync(folder, { recursive: true, force: true });
});

function expectClose(a: readonly number[], b: readonly number[]): void {
  expect(a).toHaveLength(b.length);
  // Twenty steps carry float32's rounding on.
  for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i]!, 4);
}

describe.skipIf(browserPath === undefined)(`the executor of a browser (${withoutBrowser})`, { timeout: 60_000 }, () => {
  test.each([
    ['wasm', { device: 'wasm' }, false, /^wasm \(1 thread\)$/],
    ['wasm with threads', { device: 'wasm', threads: 2 }, true, /^wasm \(2 threads\)$/],
    // SwiftShader imitates a GPU, which is no reason to take it.
    ['what it chooses itself', {}, false, /^wasm \(1 thread\)$/],
    ['WebGPU', { device: 'webgpu' }, false, /^webgpu \(.*swiftshader.*\)$/i],
  ] as const)('trains, exchanges and keeps state as the interpreter does: %s', async (_, options, isolated, device) => {
    const page = await openPage(isolated);
    const got = await run(page, { ...options, wasmPaths: new URL('.', page.url()).href });
    const expected = await exercise(createInterpreter(), steps);
    expect(got.device).toMatch(device);
    expect(got.environment).toMatchObject({
      engine: expect.stringMatching(/^onnxruntime-web 1\./),
      provider: 'device' in options && options.device === 'webgpu' ? 'webgpu' : 'wasm',
    });
    expectClose(got.losses, expected.losses);
    expect(got.losses.at(-1)!).toBeLessThan(got.losses[0]! / 2);
    expectClose(got.weights, expected.weights);
    expect(got.swapped).toEqual([3, 4]);
    // A GPU reads next to the table, and the run succeeds.
    if (got.environment['provider'] === 'wasm') {
      expect(got.failure).toMatch(/out of (data )?bounds/);
      expect(got.afterFailure).toEqual([3, 4]);
    }
    await page.close();
  });

  test('says why it cannot be had', async () => {
    const page = await openPage(false);
    await expect(run(page, { threads: 4 })).rejects.toThrow(
      'createWebExecutor: 4 threads need a page that is cross-origin isolated; serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or take 1',
    );
    await expect(run(page, { device: 'wasm', wasmPaths: new URL('nowhere/', page.url()).href })).rejects.toThrow(
      /no available backend found/,
    );
    await page.close();
  });
});

test('in Node, which has no graphics adapter, it says so', async () => {
  await expect(createWebExecutor({ device: 'webgpu' })).rejects.toThrow(
    'createWebExecutor: this browser has no graphics adapter for WebGPU; take the device wasm',
  );
  await expect(createWebExecutor({ threads: 0 })).rejects.toThrow('threads: expected a positive integer, got 0');
});
