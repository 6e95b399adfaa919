/** The pages of the studio that open models of text and images, next to what the library computes in Node. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folderFiles, readClipFolder, resolveModel } from '../src/checkpoint/index.ts';
import { encodePng, fromBitmaps, imagesAt, openDataset, readTokenizer, toBitmaps } from '../src/data/index.ts';
import { generateImages, openGenerator } from '../src/generators/index.ts';
import { openClipEncoder, rank, zeroShotClassifier } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { labelProbabilities } from '../src/studio/clip/label-probabilities.ts';
import { withoutBrowser } from './browser.ts';
import { root } from './source-files.ts';
import {
  canVisit,
  expectSoon,
  findingsOf,
  openStudio,
  sidewaysScroll,
  type Visit,
  type VisitedStudio,
} from './studio-visits.ts';

const tiny = 'tiny-dalle-2';
const models = mkdtempSync(join(tmpdir(), 'kuosan-studio-models-'));
const executor = createNodeExecutor({ threads: 1, worker: false });
let studio: VisitedStudio;
const visit = (hash: string, how?: Visit) => studio.visit(hash, how);

beforeAll(async () => {
  // Random weights in the layout of diffusers' UnCLIPPipeline: prior, decoder and upsampler, twelve times each.
  cpSync(join(root, 'test/golden/unclip/pipeline'), join(models, tiny), { recursive: true });
  if (canVisit) studio = await openStudio(['--model', join(models, tiny)]);
}, 60_000);
afterAll(async () => {
  await studio?.close();
  await executor.dispose();
  rmSync(models, { recursive: true, force: true });
});

const expectAlert = (page: Page, text: string) =>
  expectSoon(
    page,
    `[...document.querySelectorAll('[role=alert]')].some((each) => each.textContent.includes(${JSON.stringify(text)}) && !each.textContent.includes('\\n'))`,
    40_000,
  );

/** Smileys by their numbers on the sheet of the studio. */
const heart = 143;
const cat = 118;

describe.runIf(canVisit)(`CLIP in the studio (${withoutBrowser})`, { timeout: 90_000 }, () => {
  const labels = ['red heart', 'cat', 'crying face'];
  const template = 'an emoji of {}';
  const hash = `clip?compared=1&device=wasm&emoji=${heart}.${cat}&words=${labels.join(',')}&template=${template}`;

  async function inNode() {
    const clip = await readClipFolder(await resolveModel('emoji-clip', { kind: 'clip' }));
    const tokenizer = readTokenizer(clip.tokenizer!, 'emoji-clip');
    const encoder = openClipEncoder(executor, { ...clip, tokenizer, batchSize: 4 });
    const smileys = await openDataset('noto-emoji/smileys', { size: 32 });
    return { encoder, smileys };
  }
  const cells = (page: Page, id: string) =>
    page.evaluate(`[...document.querySelectorAll('#${id} td[data-cell]')].map((cell) => cell.title)`) as Promise<
      string[]
    >;
  /** The number that a cell's title ends with. */
  const numberOf = (title: string) => Number(/([−\d.]+)$/.exec(title)![1]!.replace('−', '-'));

  test("shows the library's cosines and probabilities, by hand, by keyboard, and again from its address", async () => {
    const { encoder, smileys } = await inNode();
    const classifier = await zeroShotClassifier(encoder, labels, [template]);
    const images = await encoder.embedImages(fromBitmaps(imagesAt(smileys, [heart, cat])));
    const ranked = classifier.classify(images, labels.length);
    const cosines = ranked.map((row) => labels.map((label) => row.find((each) => each.label === label)!.cosine));
    await encoder.dispose();

    const { page, errors } = await visit(hash);
    await expectSoon(page, "document.querySelectorAll('#probabilities td[data-cell]').length === 6", 40_000);
    const shown = (await cells(page, 'cosines')).map(numberOf);
    labels.forEach((_, l) =>
      // Written with four digits; WebAssembly rounds otherwise than the processor.
      [0, 1].forEach((i) => expect(Math.abs(shown[2 * l + i]! - cosines[i]![l]!)).toBeLessThan(1e-3)),
    );
    expect(
      await page.evaluate("[...document.querySelectorAll('#probabilities td.best')].map((cell) => cell.dataset.cell)"),
    ).toEqual(['0 0', '1 1']);
    const learned = labelProbabilities(cosines[0]!, encoder.scale!)[0]!;
    expect(await page.textContent('#probabilities [data-cell="0 0"]')).toBe(`${(100 * learned).toFixed(0)} %`);

    await page.focus('#cosines [data-cell="0 0"]');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    expect(await page.evaluate('document.activeElement.dataset.cell')).toBe('1 1');
    expect(await page.textContent('#cosines figcaption')).toMatch(/^grinning cat and “cat”: cosine 0\.\d{4}$/);
    expect(await findingsOf(page)).toEqual([]);

    // At the temperature 1 every word has about its share.
    await page.fill('#scale', '1');
    await expectSoon(page, "location.hash.includes('scale=1')");
    expect(await page.textContent('#probabilities [data-cell="0 0"]')).toBe(
      `${(100 * labelProbabilities(cosines[0]!, 1)[0]!).toFixed(0)} %`,
    );
    const before = await cells(page, 'probabilities');
    await page.reload();
    await expectSoon(page, "document.querySelectorAll('#probabilities td[data-cell]').length === 6", 40_000);
    expect(await cells(page, 'probabilities')).toEqual(before);
    expect(errors).toEqual([]);
    await page.close();
  });

  test("keeps the visitor's images, and says in a line what is none, or what the page cannot use", async () => {
    const { smileys } = await inNode();
    const { page, errors } = await visit(hash, { width: 390, language: 'en', theme: 'dark' });
    await page.setInputFiles('#own-images', [
      { name: 'mine.png', mimeType: 'image/png', buffer: Buffer.from(await encodePng(imagesAt(smileys, [cat])[0]!)) },
      { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') },
    ]);
    await expectAlert(page, 'a.txt is no image');
    await expectSoon(page, "document.querySelectorAll('#cosines thead th').length === 3", 40_000);
    // The same pixels, as a file and from the sheet.
    const [first, second] = (await cells(page, 'cosines')).slice(4).map(numberOf);
    expect(first).toBe(second);
    await page.reload();
    await expectSoon(page, "document.querySelectorAll('#cosines thead th').length === 3", 40_000);
    expect(await page.evaluate("document.querySelectorAll('#cosines thead th')[2].title")).toBe('mine.png');
    expect(await page.evaluate(sidewaysScroll)).toBe(0);
    expect(await findingsOf(page)).toEqual([]);
    await page.selectOption('#template', 'own');
    await page.fill('#own-template', 'no place');
    await expectAlert(page, 'has no {} for the word');
    expect(errors).toEqual([]);
    await page.close();
    const other = await visit('clip?compared=1&device=wasm&model=noto-32');
    await expectAlert(other.page, 'holds a model that generates images');
    await other.page.close();
  });

  test('finds the images that the library finds', async () => {
    const { encoder, smileys } = await inNode();
    const all = fromBitmaps(
      imagesAt(
        smileys,
        Array.from({ length: smileys.count }, (_, i) => i),
      ),
    );
    const question = (await encoder.embedTexts(['a red heart'])).embeddings;
    const nearest = rank(question, await encoder.embedImages(all), 12)[0]!;
    await encoder.dispose();
    const { page, errors } = await visit('clip?searched=1&device=wasm&query=a red heart', { language: 'zh' });
    await expectSoon(page, "document.querySelectorAll('#found li').length === 12", 60_000);
    const found = (await page.evaluate(
      "[...document.querySelectorAll('#found figcaption')].map((each) => Number(each.innerText))",
    )) as number[];
    found.forEach((cosine, i) => expect(Math.abs(cosine - nearest[i]!.cosine)).toBeLessThan(1e-3));
    expect(await page.evaluate("document.querySelector('#found li').title")).toBe('red heart');
    expect(errors).toEqual([]);
    await page.close();
  });
});

describe.runIf(canVisit)(`text to image in the studio (${withoutBrowser})`, { timeout: 90_000 }, () => {
  const hash = `what?ran=1&device=wasm&model=${tiny}&prompt=a small red cat&seed=5&steps=4&candidates=3`;
  const done = "document.querySelector('#result figcaption')?.innerText.includes('5')";
  const pixels = (page: Page) =>
    page.evaluate(
      `(() => { const canvas = document.querySelector('#result canvas'); return [canvas.width, ...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]; })()`,
    ) as Promise<number[]>;

  test("shows every stage of a DALL·E 2, and the library's image at their end, again from its address", async () => {
    const generator = await openGenerator(executor, folderFiles(join(models, tiny)), { batchSize: 1 });
    let similarities: number[] = [];
    const image = await generateImages(
      generator,
      { seed: 5, count: 1, prompts: ['a small red cat'], candidates: 3, sampling: { steps: 4 } },
      (progress) => {
        if (progress.similarities) similarities = [...progress.similarities.data];
      },
    );
    await generator.dispose();
    const [bitmap] = toBitmaps(image);

    const { page, errors } = await visit(hash);
    await expectSoon(page, done, 60_000);
    expect(await page.evaluate("[...document.querySelectorAll('#chain li')].map((each) => each.innerText)")).toEqual([
      'Text',
      'Prior',
      'Decoder',
      'Upsampler',
      'Image',
    ]);
    expect(
      await page.evaluate("[...document.querySelectorAll('[data-stage]')].map((each) => each.dataset.stage)"),
    ).toEqual(['decoder', 'super_res']);
    const said = (await page.evaluate(
      "[...document.querySelectorAll('#prior li span')].map((each) => each.innerText)",
    )) as string[];
    similarities.forEach((cosine, i) => expect(Number.parseFloat(said[i]!.replace('−', '-'))).toBeCloseTo(cosine, 2));
    expect(said.findIndex((each) => each.includes('kept'))).toBe(similarities.indexOf(Math.max(...similarities)));
    const [width, ...shown] = await pixels(page);
    expect(width).toBe(bitmap!.width);
    // Another device rounds otherwise: a level of 255 nearly everywhere.
    const differences = Array.from(bitmap!.data, (byte, i) => Math.abs(byte - shown[4 * Math.floor(i / 3) + (i % 3)]!));
    expect(differences.filter((difference) => difference > 1).length / differences.length).toBeLessThan(0.01);
    expect(await findingsOf(page)).toEqual([]);
    await page.reload();
    await expectSoon(page, done, 60_000);
    expect(await pixels(page)).toEqual([width, ...shown]);
    expect(errors).toEqual([]);
    await page.close();
  });

  test('in the other language and theme, on a phone', async () => {
    // By an address of its own, as on another host.
    const address = hash.replace(tiny, encodeURIComponent(`${studio.served.url}models/${tiny}`));
    const { page, errors } = await visit(address, { width: 390, language: 'zh', theme: 'dark' });
    await expectSoon(page, done, 60_000);
    expect(await page.locator('#prior li').count()).toBe(3);
    expect(await page.evaluate(sidewaysScroll)).toBe(0);
    expect(await findingsOf(page)).toEqual([]);
    // Nobody lists the files of another host: a folder is asked for some that it need not have.
    expect(errors.filter((error) => !/404 .*\/models\//.test(error))).toEqual([]);
    await page.close();
  });

  test('takes the shipped model when nobody names one, stops when it is told to', async () => {
    const { page, errors } = await visit('what?device=wasm&steps=200');
    await expectSoon(page, "document.querySelector('#model').value !== ''");
    const listed = await page.evaluate("fetch('./models/models.json').then((answer) => answer.json())");
    const has = (listed as { models: { name: string }[] }).models.some(({ name }) => name === 'dalle-2');
    expect(await page.evaluate("document.querySelector('#model').value")).toBe(has ? 'dalle-2' : 'icons');
    expect(await page.locator('#absent').count()).toBe(has ? 0 : 1);
    await page.click('#run:not([disabled])');
    await expectSoon(page, "document.querySelector('#stations .heat') !== null", 60_000);
    await page.click('#run');
    await expectSoon(page, "document.querySelector('#run').className.includes('main')");
    expect(await page.locator('#result canvas').count()).toBeLessThanOrEqual(1);
    expect(await page.evaluate("document.querySelector('#chain .lit')?.innerText ?? ''")).toBe('');
    expect(errors).toEqual([]);
    await page.close();
  });

  test.each([
    ['noto-32', 'noto-32 takes no text'],
    ['emoji-clip', 'emoji-clip'],
    ['nowhere', 'nowhere'],
  ])('says in a line why %s is not for it', async (model, line) => {
    const { page } = await visit(`what?ran=1&device=wasm&model=${model}`);
    await expectAlert(page, line);
    await page.close();
  });
});

describe.runIf(canVisit)(`Algorithm 2 of any model (${withoutBrowser})`, { timeout: 90_000 }, () => {
  test.each([
    ['fashion-mnist', '&class=7', /--class '#7'/],
    ['icons', '&prompt=folder', /--prompt folder /],
    [tiny, '&prompt=bell', /--prompt bell /],
  ])('%s runs line by line', async (model, asked, command) => {
    const { page, errors } = await visit(`algorithm-2?ran=1&device=wasm&steps=3&at=11&model=${model}${asked}`);
    await expectSoon(page, "document.querySelector('#at')?.max === '11'", 60_000);
    // The last step adds no noise, whatever the model.
    await expectSoon(page, "/σ_t 0\\.0000$/.test(document.querySelector('#numbers').innerText)");
    await page.fill('#at', '3');
    await expectSoon(page, "!/σ_t 0\\.0000/.test(document.querySelector('#numbers').innerText)");
    expect(await page.evaluate("document.querySelector('.command code').innerText")).toMatch(command);
    expect(await page.locator('[role=alert]').count()).toBe(0);
    expect(await findingsOf(page)).toEqual([]);
    // Another model takes its place.
    await page.selectOption('#model', 'noto-32');
    await expectSoon(
      page,
      "document.querySelector('#at')?.max === '11' && location.hash.indexOf('model=') < 0",
      60_000,
    );
    expect(errors).toEqual([]);
    await page.close();
  });
});
