/** The studio with its server: what its pages do that files on a host cannot. */
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packagePretrainedDir } from '../src/checkpoint/index.ts';
import { webEngineFolder } from '../src/runtime/web-engine-files.ts';
import {
  openServing,
  serverApp,
  serverLimits,
  startServer,
  studioApp,
  type Serving,
  type StartedServer,
} from '../src/server/index.ts';
import { startBrowser, withoutBrowser } from './browser.ts';
import { root } from './source-files.ts';
import { builtStudio, canVisit, expectSoon, findingsOf, sidewaysScroll, visitAt } from './studio-visits.ts';
import { writeTinyModels } from './served-models.ts';

const dir = mkdtempSync(join(tmpdir(), 'kuosan-studio-server-'));
const runs = join(dir, 'runs');
let server: StartedServer;
let serving: Serving | undefined;
let browser: Browser;
let models: Awaited<ReturnType<typeof writeTinyModels>>;

const line = (step: number, more: object = {}) =>
  `${JSON.stringify({ step, loss: 1 / step, gradNorm: 2, learningRate: 0.001, imagesPerSecond: 30, ...more })}\n`;

function writeRun(name: string, { learningRate = 0.001, steps = 12 } = {}): string {
  const folder = join(runs, name);
  mkdirSync(join(folder, 'samples'), { recursive: true });
  mkdirSync(join(folder, 'checkpoints'), { recursive: true });
  const config = { task: 'ddpm', data: { source: 'noto' }, train: { steps: 400, learningRate, batchSize: 8 } };
  writeFileSync(join(folder, 'run.json'), JSON.stringify({ format: 1, config, data: null }));
  writeFileSync(
    join(folder, 'metrics.jsonl'),
    Array.from({ length: steps }, (_, i) => line(i + 1, i === 5 ? { evaluation: { accuracy: 0.5 } } : {})).join(''),
  );
  for (const step of [5, 10])
    cpSync(
      join(root, 'docs/images/smileys-16.png'),
      join(folder, 'samples', `step-${String(step).padStart(6, '0')}.png`),
    );
  return folder;
}

const visit = (hash: string, how = {}) => visitAt(browser, `${server.url}/`, hash, how);

/** Requests to the API that a page makes in a while. */
async function requestsIn(page: Page, milliseconds: number): Promise<number> {
  let count = 0;
  const counted = () => count++;
  page.on('request', counted);
  await page.waitForTimeout(milliseconds);
  page.off('request', counted);
  return count;
}

beforeAll(async () => {
  if (!canVisit) return;
  models = await writeTinyModels();
  mkdirSync(runs);
  const pretrained = (name: string) => join(packagePretrainedDir(), name);
  const api = async () => {
    serving ??= await openServing({
      models: [{ name: 'large', source: models.plain }],
      device: 'cpu',
      threads: 1,
      batchSize: 1,
      memoryBytes: 2 ** 30,
    });
    return serverApp(serving, { localOnly: true });
  };
  let opened: ReturnType<typeof api> | undefined;
  const app = studioApp({
    pages: builtStudio,
    engine: webEngineFolder(),
    models: [
      {
        name: 'noto-32',
        kind: 'model',
        path: pretrained('noto-32'),
        bytes: 5e6,
        computes: 'browser',
        files: readdirSync(pretrained('noto-32'), { recursive: true, encoding: 'utf8' }),
      },
      { name: 'large', kind: 'model', path: models.plain, bytes: 5e8, computes: 'server' },
    ],
    runs,
    localOnly: true,
    api: () => (opened ??= api()),
    isOpen: () => serving !== undefined,
  });
  server = await startServer(app, { host: '127.0.0.1', port: 0 }, serverLimits);
  browser = await startBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  const closed = server?.close();
  server?.cut();
  await serving?.close();
  await closed;
  models?.remove();
  rmSync(dir, { recursive: true, force: true });
});

describe.runIf(canVisit)(`the studio on its server (${withoutBrowser})`, { timeout: 60_000 }, () => {
  test('shows, compares and follows runs, in both languages, themes and widths, and again by its address', async () => {
    const [first] = [writeRun('icons/base'), writeRun('photos', { learningRate: 0.002, steps: 8 })];
    for (const how of [
      { width: 1280, language: 'en', theme: 'light' },
      { width: 390, language: 'zh', theme: 'dark' },
    ] as const) {
      const { page, errors } = await visit('runs?runs=icons/base,photos', how);
      await page.waitForSelector('#samples img');
      expect(await page.locator('#runs li').count()).toBe(2);
      // Loss, accuracy, learning rate, speed and gradient, each with a line for either run that has it.
      expect(await page.locator('#curves svg').count()).toBe(5);
      expect(await page.locator('#curves svg').first().locator('path').count()).toBe(2);
      expect(await page.locator('#samples img').count()).toBe(2);
      expect(await page.textContent('section[aria-labelledby=settings-title] table')).toMatch(
        /train\.learningRate\s*0\.001\s*0\.002/,
      );
      await expectSoon(page, "/[1-9]/.test(document.querySelector('#machine output')?.textContent ?? '')");
      expect(await findingsOf(page)).toEqual([]);
      expect(await page.evaluate(sidewaysScroll)).toBe(0);
      expect(errors).toEqual([]);
      await page.close();
    }

    const { page, errors } = await visit('runs?runs=icons/base');
    await page.waitForSelector('#curves svg');
    await page.check('#log');
    await page.fill('#sample', '0');
    await page.locator('#runs input').nth(1).check();
    await expectSoon(
      page,
      "location.hash.includes('log=1') && location.hash.includes('sample=5') && location.hash.includes('photos')",
    );
    await page.reload();
    await expectSoon(page, "document.querySelectorAll('#samples img').length === 2");
    expect(await page.isChecked('#log')).toBe(true);
    expect(await page.getAttribute('#samples img', 'src')).toContain('samples/5');
    // Half a line is no step yet.
    const metrics = join(first, 'metrics.jsonl');
    appendFileSync(metrics, line(13) + line(14).slice(0, 20));
    await expectSoon(page, "document.querySelector('#runs').innerText.includes('step 13 of 400')");
    appendFileSync(metrics, line(14).slice(20));
    await expectSoon(page, "document.querySelector('#runs').innerText.includes('step 14 of 400')");
    expect(errors).toEqual([]);
    rmSync(first, { recursive: true });
    await expectSoon(page, "document.querySelector('[role=alert]')?.textContent.includes('no run icons/base')");
    await expectSoon(page, "document.querySelectorAll('#samples img').length === 1");
    rmSync(join(runs, 'photos'), { recursive: true });
    await expectSoon(page, "document.querySelector('main').innerText.includes('npx kuosan train')");
    // A run that goes may have been asked for a last time.
    expect(errors.filter((error) => !error.includes('404'))).toEqual([]);
    await page.close();
  });

  test('a hidden tab asks nothing, and one that is looked at again asks at once', async () => {
    writeRun('photos');
    const { page } = await visit('runs');
    await page.waitForSelector('#curves svg');
    const hide = (isHidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} }); document.dispatchEvent(new Event('visibilitychange'));`,
      );
    expect(await requestsIn(page, 5000)).toBeGreaterThan(2);
    await hide(true);
    await page.waitForTimeout(500);
    expect(await requestsIn(page, 5000)).toBe(0);
    const asked = requestsIn(page, 1500);
    await hide(false);
    expect(await asked).toBeGreaterThanOrEqual(3);
    await page.close();
  });

  test.each([
    ['reverse?model=large&steps=60', '#server-walk', 3],
    ['algorithm-2?model=large&steps=60', '#server-run', 1],
  ])('%s is sampled by the server, with x̂_0 on the way, and again by its address', async (hash, id, count) => {
    const { page, errors } = await visit(hash);
    await page.click(`${id}:not([disabled])`);
    const isWhole = `document.querySelectorAll('${id}-images img').length === ${count} && document.querySelectorAll('progress').length === 0`;
    await expectSoon(page, isWhole, 50_000);
    await page.fill(`input[type=range][aria-valuetext$="%"]`, '0');
    // The first steps may be done before the page listens.
    await expectSoon(page, `/x̂₀, \\d+ % of the steps/.test(document.querySelector('${id}-images').innerText)`);
    await page.fill(`input[type=range][aria-valuetext$="%"]`, '100');
    await expectSoon(page, `document.querySelector('${id}-images').innerText.includes('the end')`);
    const image = await page.getAttribute(`${id}-images img`, 'src');
    expect(image).toMatch(/^\.\/api\/jobs\/job_\w+\/images\/0$/);
    await page.reload();
    await expectSoon(page, isWhole, 50_000);
    expect(await findingsOf(page)).toEqual([]);
    expect(errors).toEqual([]);
    await page.close();
  });

  test('an address that says webgpu computes on the processor where there is none, and says so', async () => {
    const { page, errors } = await visit('algorithm-2?steps=2&device=webgpu&ran=1');
    await expectSoon(page, "document.querySelector('.no-webgpu')?.textContent.includes('no WebGPU')", 40_000);
    await expectSoon(page, "document.querySelector('#run-status').textContent.includes('Computed on wasm')", 40_000);
    expect(errors).toEqual([]);
    await page.close();
  });

  test('a training that the browser has no room for goes on, and says that it is not kept', async () => {
    const page = await browser.newPage();
    await page.addInitScript(`
      localStorage.setItem('kuosan-language', 'en');
      IDBObjectStore.prototype.put = () => { throw new DOMException('the quota has been exceeded', 'QuotaExceededError'); };
    `);
    await page.goto(`${server.url}/#/algorithm-1?batch=4&every=500&device=wasm`);
    await page.click('#train:not([disabled])');
    await expectSoon(page, '/step [1-9]/.test(document.body.innerText)', 55_000);
    await page.click('#pause');
    await expectSoon(
      page,
      "document.querySelector('#keeping').textContent === 'This browser cannot keep the training (the quota has been exceeded); save the model before you close the page.'",
      30_000,
    );
    await page.click('#train:not([disabled])');
    await page.waitForSelector('#pause');
    expect(await page.locator('[role=alert]').count()).toBe(0);
    await page.close();
  }, 120_000);
});
