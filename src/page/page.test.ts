import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folderFiles, loadModel, readModelCard, type LoadedModel } from '../checkpoint/index.ts';
import { networkContent, textToImageContent } from '../cli/export/page-content.ts';
import { writePage } from '../cli/export/write-page.ts';
import { float32, RandomStream, type HostArray } from '../core/index.ts';
import { toBitmaps } from '../data/index.ts';
import { classConditions, initialNoise, schedulerConfig } from '../diffusion/index.ts';
import { UNet2DModel } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { generateImages, openGenerator } from '../generators/index.ts';
import { openSampler, sampleStreams, type SampleOptions, type SampleProgress } from '../pipelines/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import {
  browserPath,
  serveFolder,
  softwareWebGpu,
  startBrowser,
  withoutBrowser,
  type Served,
} from '../../test/browser.ts';
import { tinyModel } from '../../test/kuosan.ts';
import { writeTinyTextToImage } from '../../test/tiny-text-to-image.ts';
import { root } from '../../test/source-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-page-'));
const built = join(folder, 'built');
const at = (...parts: string[]) => join(folder, ...parts);

/** Random weights with classes: what comes out is no image, but every weight and the class show in it. */
function tiny(): LoadedModel {
  const unet = new UNet2DModel({
    ...tinyModel,
    numClassEmbeds: 4,
    blockOutChannels: [16, 16],
    downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D'],
    upBlockTypes: ['AttnUpBlock2D', 'UpBlock2D'],
  });
  const weights = new Map(
    [...initialValues(unet, 1)].map(([name, { shape, data }]): [string, HostArray] => {
      const noise = new RandomStream(1, `weight ${name}`).fillNormal(new Float32Array(data.length));
      return [
        name,
        float32(
          shape,
          noise.map((z, i) => (data as Float32Array)[i]! + z / 20),
        ),
      ];
    }),
  );
  return {
    network: unet,
    weights,
    scheduler: schedulerConfig({ numTrainTimesteps: 100 }),
    path: 'tiny',
    notes: [],
    superResolution: null,
    classes: { names: ['sun', 'moon', 'star'], nullClass: 3 },
  };
}

let noto: LoadedModel;
let browser: Browser;
const served: Served[] = [];

const serve = async (name: string, isolated: boolean) => {
  const server = await serveFolder(at(name), isolated);
  served.push(server);
  return server.url;
};

/** Opens a page and waits until it has drawn what its address asks for. */
async function openPage(url: string, hash = '', ended = 'drawn'): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(url + hash);
  if (hash !== '') await waitForStatus(page, ended);
  return page;
}

/** `drawn`, `stopped`, or what else the status line is to say. */
async function waitForStatus(page: Page, ended: string): Promise<string> {
  const pattern = { drawn: String.raw`\d images? in`, stopped: '^Stopped' }[ended] ?? ended;
  await page.waitForFunction(
    (expected) =>
      new RegExp(expected).test(document.getElementById('status')!.textContent) ||
      !document.getElementById('problem')!.hidden,
    pattern,
    { timeout: 90_000 },
  );
  expect((await page.isVisible('#problem')) ? await page.textContent('#problem') : null).toBeNull();
  return (await page.textContent('#status'))!;
}

/** The images on a canvas of the page, [H, W, 3] bytes each. */
async function imagesOn(
  page: Page,
  canvas: 'xt' | 'x0',
  count: number,
  [, height, width]: readonly [number, number, number],
): Promise<Uint8Array[]> {
  const { data, columns, side } = await page.evaluate(
    ([id, imageWidth]) => {
      const element = document.getElementById(id as string) as HTMLCanvasElement;
      const { data: pixels } = element.getContext('2d')!.getImageData(0, 0, element.width, element.height);
      return {
        data: Array.from(pixels),
        columns: (element.width + 1) / ((imageWidth as number) + 1),
        side: element.width,
      };
    },
    [canvas, width],
  );
  return Array.from({ length: count }, (_, i) => {
    const [left, top] = [(i % columns) * (width + 1), Math.floor(i / columns) * (height + 1)];
    return Uint8Array.from({ length: height * width * 3 }, (__, k) => {
      const [y, x, c] = [Math.floor(k / 3 / width), Math.floor(k / 3) % width, k % 3];
      return data[((top + y) * side + left + x) * 4 + c]!;
    });
  });
}

/** Every state of every image as Node computes it. */
async function statesInNode(model: LoadedModel, options: SampleOptions): Promise<SampleProgress[]> {
  const executor = createNodeExecutor({ threads: 2, worker: false });
  const sampler = await openSampler(executor, {
    ...model,
    network: model.network,
    ...(model.classes && { nothing: classConditions([model.classes.nullClass!]) }),
    batchSize: options.count,
  });
  const states: SampleProgress[] = [];
  for await (const state of sampler.sample(options)) states.push(state);
  await executor.dispose();
  return states;
}

/** Gray three times, as a canvas has it. */
function inColor({ data, shape: [count, , height, width] }: SampleProgress['xt']): SampleProgress['xt'] {
  const area = height! * width!;
  return float32(
    [count!, 3, height!, width!],
    Float32Array.from({ length: count! * 3 * area }, (_, i) => data[Math.floor(i / (3 * area)) * area + (i % area)]!),
  );
}

/** The contract between devices: within 1/255 on at least 99.9 % of pixels. */
function expectSameImages(got: readonly Uint8Array[], expected: HostArray): void {
  const images = toBitmaps(expected as SampleProgress['xt']);
  expect(got).toHaveLength(images.length);
  const bytes = got.flatMap((image, i) => Array.from(image, (byte, k) => Math.abs(byte - images[i]!.data[k]!)));
  expect(bytes.filter((difference) => difference > 1).length / bytes.length).toBeLessThanOrEqual(0.001);
}

beforeAll(async () => {
  if (browserPath === undefined) return;
  await build({ configFile: join(root, 'vite.config.ts'), logLevel: 'error', build: { outDir: built } });
  noto = await loadModel('noto-32');
  await writePage(at('noto'), {
    content: networkContent(noto, {}),
    card: await readModelCard(noto.path),
    name: 'noto-32',
    builtPage: built,
  });
  await writePage(at('tiny'), {
    content: networkContent(tiny(), { dtype: 'float32' }),
    card: {},
    name: 'tiny <b>&',
    builtPage: built,
  });
  browser = await startBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  for (const server of served) server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(browserPath === undefined)(`a page in Chromium (${withoutBrowser})`, { timeout: 120_000 }, () => {
  test.each([
    ['on one thread where the host sends no headers', false, /wasm \(1 thread\)/],
    ['on several threads where it sends them', true, /wasm \([2-8] threads\)/],
  ] as const)('generates the images that Node draws, %s', async (_, isolated, device) => {
    const page = await openPage(await serve('noto', isolated), '#seed=3&count=2&sampler=ddim&steps=4');
    expect(await page.textContent('#status')).toMatch(device);
    const states = await statesInNode(noto, { seed: 3, count: 2, sampler: 'ddim', steps: 4 });
    expectSameImages(await imagesOn(page, 'xt', 2, [3, 32, 32]), states.at(-1)!.xt);
    expect(await page.title()).toBe('noto-32');
    for (const fact of ['2,736,099 parameters', '32 × 32', 'float16', 'MIT for the weights'])
      expect(await page.textContent('#facts')).toContain(fact);
    await page.close();
  });

  test('shows x_t and x̂_0 of every step, in batches, for a class', async () => {
    const page = await openPage(await serve('tiny', false), '#seed=7&count=5&sampler=unipc&steps=6&class=2');
    const states = await statesInNode(tiny(), {
      seed: 7,
      count: 5,
      sampler: 'unipc',
      steps: 6,
      conditions: classConditions([2, 2, 2, 2, 2]),
    });
    await page.locator('#scrub').fill('0');
    expectSameImages(
      await imagesOn(page, 'xt', 5, [3, 8, 8]),
      initialNoise([5, 3, 8, 8], sampleStreams(7, [0, 1, 2, 3, 4])),
    );
    for (const step of [6, 1, 4]) {
      await page.locator('#scrub').fill(String(step));
      expect(await page.textContent('#moment')).toMatch(`step ${step} of 6`);
      expectSameImages(await imagesOn(page, 'xt', 5, [3, 8, 8]), states[step - 1]!.xt);
      expectSameImages(await imagesOn(page, 'x0', 5, [3, 8, 8]), states[step - 1]!.x0);
    }
    // All classes in turn are other images, and so is leaning towards them.
    const before = await imagesOn(page, 'x0', 5, [3, 8, 8]);
    expect(await page.locator('#class option').allTextContents()).toEqual(['all in turn', 'sun', 'moon', 'star']);
    await page.selectOption('#class', '');
    await page.locator('#guidance').fill('2.5');
    await page.click('#generate');
    await waitForStatus(page, 'drawn');
    const after = await imagesOn(page, 'xt', 5, [3, 8, 8]);
    const inTurn = await statesInNode(tiny(), {
      seed: 7,
      count: 5,
      sampler: 'unipc',
      steps: 6,
      conditions: classConditions([0, 1, 2, 0, 1]),
      guidanceScale: 2.5,
    });
    expectSameImages(after, inTurn.at(-1)!.xt);
    expect(after[0]).not.toEqual(before[0]);
    await page.close();
  });

  test('keeps its settings in the address and mends what is wrong there', async () => {
    const url = await serve('tiny', false);
    const page = await openPage(url, '#seed=x&count=0&sampler=none&steps=1000000&eta=7&class=9&device=toaster');
    expect(new URLSearchParams(new URL(page.url()).hash.slice(1)).get('sampler')).toBe('dpmpp-2m');
    await page.fill('#seed', '5');
    await page.selectOption('#sampler', 'ddim');
    await page.fill('#steps-number', '3');
    await page.fill('#count-number', '2');
    await page.locator('#eta').fill('0.5');
    await page.click('#generate');
    await waitForStatus(page, '2 images in');
    expect(new URL(page.url()).hash).toBe('#seed=5&count=2&sampler=ddim&steps=3&eta=0.5');
    const images = await imagesOn(page, 'xt', 2, [3, 8, 8]);
    const again = await openPage(page.url().replace(/#.*/, ''), new URL(page.url()).hash);
    expect(await imagesOn(again, 'xt', 2, [3, 8, 8])).toEqual(images);
    // The name is text, not markup.
    expect(await again.textContent('#title')).toBe('tiny <b>&');
    await page.fill('#steps-number', '101');
    expect(
      await page.locator('#steps-number').evaluate((field: HTMLInputElement) => field.validity.rangeOverflow),
    ).toBe(true);
    await Promise.all([page.close(), again.close()]);
  });

  test.each([
    ['flow', 't', '1.0', 'euler'],
    ['edm', 'σ', '80.0', 'heun'],
  ] as const)(
    'counts the times of a %s model, and samples it as Node does',
    async (process, symbol, first, sampler) => {
      const model = { ...tiny(), scheduler: schedulerConfig({ process }) };
      await writePage(at(process), {
        content: networkContent(model, { dtype: 'float32' }),
        card: {},
        name: process,
        builtPage: built,
      });
      const page = await openPage(await serve(process, false), `#seed=4&count=2&sampler=${sampler}&steps=3&class=1`);
      const states = await statesInNode(model, {
        seed: 4,
        count: 2,
        sampler,
        steps: 3,
        conditions: classConditions([1, 1]),
      });
      expect(await page.getAttribute('#steps', 'max')).toBe('200');
      expect(await page.textContent('#moment')).toBe(`step 3 of 3, ${symbol} = 0`);
      expectSameImages(await imagesOn(page, 'xt', 2, [3, 8, 8]), states.at(-1)!.xt);
      await page.locator('#scrub').fill('0');
      expect(await page.textContent('#moment')).toBe(`step 0 of 3, ${symbol} = ${first}`);
      // The noise of an EDM model has a deviation of 80; it is shown as bright as an image.
      const noise = await imagesOn(page, 'xt', 2, [3, 8, 8]);
      expectSameImages(noise, initialNoise([2, 3, 8, 8], sampleStreams(4, [0, 1])));
      await page.close();
    },
  );

  test('samples at once, as the model is best sampled', async () => {
    const sampling = { sample: { sampler: 'unipc', steps: 3, guidanceScale: 2 } } as const;
    await writePage(at('guided'), {
      content: networkContent({ ...tiny(), sampling }, {}),
      card: {},
      name: 'guided',
      builtPage: built,
    });
    const page = await openPage(await serve('guided', false));
    await waitForStatus(page, 'drawn');
    expect(new URL(page.url()).hash).toBe('#seed=0&count=4&sampler=unipc&steps=3');
    expect(await page.inputValue('#guidance')).toBe('2');
    await writePage(at('chosen'), {
      content: networkContent({ ...tiny(), sampling }, { sampler: 'ddim' }),
      card: { summary: 'What it is.' },
      name: 'A title',
      builtPage: built,
    });
    await page.goto(await serve('chosen', false));
    await waitForStatus(page, 'drawn');
    expect(await page.inputValue('#sampler')).toBe('ddim');
    expect(await page.textContent('#title')).toBe('A title');
    await page.close();
  });

  test('reads a prompt, and generates what Node generates under it', async () => {
    await writeTinyTextToImage(at('text'));
    const content = await textToImageContent(at('text'), { dtype: 'float32' });
    await writePage(at('text-page'), { content: content!, card: {}, name: 'text', builtPage: built });
    const page = await openPage(await serve('text-page', false));
    await waitForStatus(page, 'Say what the image should show');
    expect(await page.isVisible('#class-field')).toBe(false);
    await page.fill('#prompt', 'foo bar');
    await page.selectOption('#field-style', 'outline');
    await page.fill('#negative', '(');
    await page.fill('#count-number', '2');
    await page.selectOption('#sampler', 'ddim');
    await page.fill('#steps-number', '3');
    await page.locator('#guidance').fill('3');
    await page.press('#prompt', 'Enter');
    await waitForStatus(page, 'drawn');
    const hash = new URLSearchParams(new URL(page.url()).hash.slice(1));
    expect(Object.fromEntries(hash)).toMatchObject({ prompt: 'foo bar', negative: '(', styles: 'outline' });

    const executor = createNodeExecutor({ threads: 1, worker: false });
    // The page's own folder: its encoder is stored in int8.
    const generator = await openGenerator(executor, folderFiles(at('text-page/model')), { batchSize: 2 });
    const expected = await generateImages(generator, {
      count: 2,
      prompts: ['foo bar'],
      negativePrompts: ['('],
      styles: ['outline'],
      sampling: { sampler: 'ddim', steps: 3, guidanceScale: 3 },
    });
    await executor.dispose();
    expectSameImages(await imagesOn(page, 'xt', 2, [1, 8, 8]), inColor(expected));
    await page.reload();
    await waitForStatus(page, 'drawn');
    expect(await page.inputValue('#prompt')).toBe('foo bar');
    expect(await page.inputValue('#field-style')).toBe('outline');
    expectSameImages(await imagesOn(page, 'xt', 2, [1, 8, 8]), inColor(expected));
    await page.close();
  });

  test('shows the image of a seed above 2³²', async () => {
    const seed = 2 ** 40 + 1;
    const page = await openPage(await serve('tiny', false), `#seed=${seed}&count=1&sampler=ddim&steps=2&class=0`);
    const conditions = classConditions([0]);
    const states = await statesInNode(tiny(), { seed, count: 1, sampler: 'ddim', steps: 2, conditions });
    expectSameImages(await imagesOn(page, 'xt', 1, [3, 8, 8]), states.at(-1)!.xt);
    await page.close();
  });

  test.each([390, 1280])('has no finding of axe at %i pixels, and its button covers nothing', async (width) => {
    const page = await browser.newPage({ viewport: { width, height: 844 } });
    await page.goto(`${await serve('tiny', false)}#seed=1&count=1&steps=1`);
    await waitForStatus(page, 'drawn');
    await page.evaluate(readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8'));
    const findings = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { target: unknown }[] }[] }> };
      };
      return (await axe.run()).violations.map(({ id, nodes }) => [id, ...nodes.map(({ target }) => target)]);
    });
    expect(findings).toEqual([]);
    const covered = await page.evaluate(() => {
      const button = document.getElementById('generate')!.getBoundingClientRect();
      return [...document.querySelectorAll('.field:not([hidden]), #stage')].filter((part) => {
        const box = part.getBoundingClientRect();
        return box.left < button.right && button.left < box.right && box.top < button.bottom && button.top < box.bottom;
      }).length;
    });
    expect(covered).toBe(0);
    await page.close();
  });

  test('stops when asked to, and draws again', async () => {
    const page = await openPage(await serve('noto', false), '#seed=0&count=8&sampler=ddpm&steps=1000', 'Step [2-9]');
    expect(await page.textContent('#status')).toMatch(/^Step \d+ of 2000 · [\d.]+ steps\/s · \d+ (s|min) left$/);
    expect(await page.isDisabled('#seed')).toBe(true);
    await page.click('#cancel');
    await waitForStatus(page, 'stopped');
    expect(await page.isDisabled('#seed')).toBe(false);
    await page.fill('#count-number', '1');
    await page.fill('#steps-number', '2');
    await page.click('#generate');
    expect(await waitForStatus(page, 'drawn')).toMatch(/^1 image in [\d.]+ s on wasm \(1 thread\)\.$/);
    await page.close();
  });

  test('saves what it shows, enlarged', async () => {
    const page = await openPage(await serve('tiny', false), '#seed=1&count=1&sampler=ddim&steps=2');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
    expect(download.suggestedFilename()).toBe('tiny-b-seed-1-count-1-sampler-ddim-steps-2-eta-0.png');
    await download.saveAs(at('saved.png'));
    const { data, info } = await sharp(at('saved.png'))
      .removeAlpha()
      .resize(8, 8, { kernel: 'nearest' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 8, height: 8, channels: 3 });
    expect(new Uint8Array(data)).toEqual((await imagesOn(page, 'xt', 1, [3, 8, 8]))[0]);
    await page.close();
  });

  test('says in one line what is missing', async () => {
    cpSync(at('tiny'), at('cut'), { recursive: true });
    rmSync(at('cut/model/unet/diffusion_pytorch_model.safetensors'));
    const page = await openPage(await serve('cut', false));
    await page.waitForSelector('#problem:visible');
    expect(await page.textContent('#problem')).toBe(
      'model/unet/diffusion_pytorch_model.safetensors could not be loaded (404 Not Found)',
    );
    cpSync(at('tiny'), at('no-engine'), { recursive: true });
    rmSync(at('no-engine/ort/ort-wasm-simd-threaded.wasm'));
    await page.goto(`${await serve('no-engine', false)}#seed=1&count=1&steps=1`);
    await page.waitForSelector('#problem:visible');
    expect(await page.textContent('#problem')).toMatch(/^The engine could not be started: .*wasm/);
    await page.close();
  });

  test('opened as a file it says how to serve it', async () => {
    const page = await browser.newPage();
    await page.goto(pathToFileURL(at('tiny/index.html')).href);
    await expect
      .poll(() => page.locator('#unserved').evaluate((notice) => getComputedStyle(notice).opacity), { timeout: 10_000 })
      .toBe('1');
    expect(await page.isVisible('#unserved')).toBe(true);
    expect(await page.isVisible('#controls')).toBe(false);
    await page.close();
  });

  test('draws on a GPU what Node draws', async () => {
    await browser.close();
    browser = await startBrowser(softwareWebGpu);
    const page = await openPage(
      await serve('tiny', false),
      '#seed=2&count=2&sampler=ddim&steps=2&class=1&device=webgpu',
    );
    expect(await page.textContent('#status')).toMatch(/on webgpu \(.*swiftshader.*\)\.$/i);
    const states = await statesInNode(tiny(), {
      seed: 2,
      count: 2,
      sampler: 'ddim',
      steps: 2,
      conditions: classConditions([1, 1]),
    });
    expectSameImages(await imagesOn(page, 'xt', 2, [3, 8, 8]), states.at(-1)!.xt);
    await page.close();
  });
});

describe('the files of a page', () => {
  test.skipIf(browserPath === undefined)('name no other host, and no address from the root', () => {
    const html = readFileSync(at('tiny/index.html'), 'utf8');
    const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!);
    expect(addresses.length).toBeGreaterThan(2);
    expect(addresses.filter((address) => !address.startsWith('./'))).toEqual([]);
    expect(html).toContain('<title>tiny &lt;b>&amp;</title>');
  });
});
