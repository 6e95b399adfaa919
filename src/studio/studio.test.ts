import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesInMemory, readModel } from '../checkpoint/browser.ts';
import { packagePretrainedDir } from '../checkpoint/index.ts';
import { studioModels } from '../cli/studio/studio-models.ts';
import { writeStudio } from '../cli/studio/write-studio.ts';
import type { StudioModelIndex } from '../server/index.ts';
import { pages } from './pages.ts';
import { withoutBrowser } from '../../test/browser.ts';
import { kuosan } from '../../test/kuosan.ts';
import {
  builtStudio,
  canVisit,
  expectSoon,
  findingsOf,
  openStudio,
  sidewaysScroll,
  type Visit,
  type VisitedStudio,
} from '../../test/studio-visits.ts';

const built = builtStudio;
let studio: VisitedStudio;
let cwd: string;
const visit = (hash: string, how?: Visit) => studio.visit(hash, how);

beforeAll(async () => {
  if (canVisit) studio = await openStudio();
  cwd = studio?.cwd ?? mkdtempSync(join(tmpdir(), 'kuosan-studio-'));
}, 60_000);
afterAll(async () => {
  await studio?.close();
  rmSync(cwd, { recursive: true, force: true });
});

describe.runIf(existsSync(built))('kuosan studio (run where the studio is built)', () => {
  /** The bytes of scripts that a file of the build loads before anything is asked of it. */
  function scriptBytes(file: string, seen = new Set<string>()): number {
    if (seen.has(file)) return 0;
    seen.add(file);
    const path = join(built, 'assets', file);
    const text = readFileSync(path, 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)].map(([, name]) => name!);
    return statSync(path).size + imports.reduce((sum, name) => sum + scriptBytes(name, seen), 0);
  }

  test('loads less than 300 kB of script before any page fetches a model', () => {
    const html = readFileSync(join(built, 'index.html'), 'utf8');
    const entry = /src="\.\/assets\/([\w.-]+\.js)"/.exec(html)![1]!;
    const shell = new Set<string>();
    const shellBytes = scriptBytes(entry, shell);
    const files = readdirSync(join(built, 'assets'));
    const largest = pages.map(({ name }) => {
      const chunk = files.find((file) => new RegExp(`^${name}-[\\w-]{8}\\.js$`).test(file))!;
      return [name, shellBytes + scriptBytes(chunk, new Set(shell))] as const;
    });
    expect(shellBytes).toBeLessThan(100_000);
    expect(largest.filter(([, bytes]) => bytes >= 300_000)).toEqual([]);
  });

  test('takes the place of an earlier folder only with --force, and never of another', async () => {
    writeFileSync(join(cwd, 'other.txt'), '');
    expect(await kuosan(['studio', '--static', cwd], { cwd })).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^kuosan: .*: holds other files \("[\w.]+"\); give another folder\n$/),
    });
  });

  test("writes what a model's links lead to, and not what its training goes on with", async () => {
    const shipped = join(packagePretrainedDir(), 'noto-32');
    const model = join(cwd, 'linked');
    cpSync(shipped, model, { recursive: true });
    const weights = readdirSync(model, { recursive: true, encoding: 'utf8' }).find((file) =>
      file.endsWith('.safetensors'),
    )!;
    rmSync(join(model, weights));
    symlinkSync(join(shipped, weights), join(model, weights));
    mkdirSync(join(model, 'training'));
    writeFileSync(join(model, 'training/optimizer.safetensors'), 'moments');
    const [own] = (await studioModels([model], 1e9)).filter(({ name }) => name === 'linked');
    const { size } = statSync(join(shipped, weights));
    expect(own).toMatchObject({ bytes: size, computes: 'browser' });
    expect(own!.files).toContain(weights.replaceAll('\\', '/'));
    expect(own!.files!.filter((file) => file.includes('training'))).toEqual([]);
    await writeStudio(join(cwd, 'linked-site'), [own!], false);
    const written = join(cwd, 'linked-site/models/linked');
    expect(lstatSync(join(written, weights)).isFile()).toBe(true);
    expect(statSync(join(written, weights)).size).toBe(size);
    expect(existsSync(join(written, 'training'))).toBe(false);
  });

  test('leaves out of a static studio what is too large for a browser, and says so', async () => {
    const site = join(cwd, 'small-site');
    const { status, stderr, stdout } = await kuosan(['studio', '--static', site, '--browser-limit', '3'], { cwd });
    expect(status).toBe(0);
    const index = JSON.parse(readFileSync(join(site, 'models/models.json'), 'utf8')) as StudioModelIndex;
    const large = index.models.filter(({ computes }) => computes === 'server').map(({ name }) => name);
    expect(large).toContain('noto-32');
    expect(
      stderr.match(/^note: .*$/gm)!.map((note) => /^note: ([\w.-]+) has weights of \d+ MB/.exec(note)?.[1]),
    ).toEqual(large);
    expect(stderr).toContain('(--browser-limit 3); its pages name the command that serves it');
    for (const { name, computes } of index.models)
      expect(existsSync(join(site, 'models', name)), name).toBe(computes === 'browser');
    expect(stdout).not.toContain('noto-32');
  });

  test('refuses what is no model in one line', async () => {
    expect(await kuosan(['studio', '--model', 'nowhere'], { cwd })).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^kuosan: unknown model or CLIP "nowhere"; .*noto-32\n$/),
    });
  });
});

describe.runIf(canVisit)(`the studio in a browser (${withoutBrowser})`, { timeout: 60_000 }, () => {
  test.each(['', ...pages.map(({ name }) => name)])(
    'page %j loads without errors or findings of axe, in both languages, themes and widths',
    async (name) => {
      for (const how of [
        { width: 1280, language: 'en', theme: 'light' },
        { width: 390, language: 'zh', theme: 'dark' },
      ] as const) {
        const { page, errors } = await visit(name, how);
        await page.waitForSelector(name === '' ? '.contents li' : 'article section');
        // They come part by part.
        if (name === 'notes') await page.waitForSelector('#generation-models, #生成模型一览');
        expect(await page.getAttribute('html', 'lang')).toBe(how.language === 'zh' ? 'zh-CN' : 'en');
        const title = pages.find((each) => each.name === name)?.title[how.language];
        if (title !== undefined) expect(await page.textContent('h1')).toBe(title);
        // The notes are a megabyte, of which axe needs many seconds: once is enough.
        if (name !== 'notes' || how.width === 390) expect(await findingsOf(page)).toEqual([]);
        expect(await page.evaluate(sidewaysScroll)).toBe(0);
        expect(errors).toEqual([]);
        await page.close();
      }
    },
  );

  test('keeps language and theme, and goes between pages by keyboard', async () => {
    const { page, errors } = await visit('');
    await page.click('#language');
    expect(await page.getAttribute('html', 'lang')).toBe('zh-CN');
    await page.selectOption('#theme', 'dark');
    await page.reload();
    await page.waitForSelector('main h1');
    expect(await page.getAttribute('html', 'lang')).toBe('zh-CN');
    expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
    await page.focus('.contents li a');
    await page.keyboard.press('Enter');
    await page.waitForSelector('article');
    // Who reads with a screen reader is at the beginning of the new page.
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
    await page.goBack();
    await page.waitForSelector('.contents');
    expect(errors).toEqual([]);
    await page.close();
  });

  test('an address of no page says so, and lists those that there are', async () => {
    const { page } = await visit('nothing-here');
    expect(await page.textContent('[role=alert]')).toContain('nothing-here');
    expect(await page.locator('.contents li').count()).toBe(pages.length);
    await page.close();
  });

  describe('forward process', () => {
    const caption = (page: Page, i: number) => page.locator('.image figcaption').nth(i).innerText();

    test('shows x_t in closed form and by iteration, and its address shows the same again', async () => {
      const { page, errors } = await visit('forward?t=600&schedule=squaredcos_cap_v2&T=600&b1=0.2&b2=0.4');
      // At the end of either way the pixels are standard normals: 3,072 of them.
      await expectSoon(
        page,
        `[1, 2].every((i) => {
            const [mean, deviation] = document.querySelectorAll('.image figcaption')[i].innerText.split('\\n').at(-1).split(' ± ').map(Number);
            return Math.abs(mean) < 0.08 && Math.abs(deviation - 1) < 0.05;
          })`,
      );
      expect(await page.textContent('#variance')).toContain('by formula 0.5200');
      await page.fill('#t', '37');
      await expectSoon(page, "location.hash.includes('t=37')");
      const shown = await caption(page, 1);
      await page.reload();
      await expectSoon(
        page,
        `document.querySelectorAll('.image figcaption')[1]?.innerText === ${JSON.stringify(shown)}`,
      );
      expect(errors).toEqual([]);
      await page.close();
    });

    test('says which files are no images, and which are too large, before they take memory', async () => {
      const { page } = await visit('forward');
      await page.setInputFiles('#own-image', { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') });
      await expectSoon(page, "document.querySelector('[role=alert]')?.textContent.includes('a.txt is no image')");
      await page.setInputFiles('#own-image', { name: 'huge.png', mimeType: 'image/png', buffer: huge() });
      await expectSoon(
        page,
        "document.querySelector('[role=alert]')?.textContent.includes('huge.png has 400 megapixels')",
      );
      await page.close();
    });
  });

  test('reverse process: the network answers, samplers walk, and the entire data set ends at one of its images', async () => {
    const { page, errors } = await visit('reverse?steps=4&t=300&emoji=8&device=wasm&walked=1');
    await page.click('#ask-button');
    await expectSoon(
      page,
      "Number(/error (0\\.\\d+)/.exec(document.querySelectorAll('.three figcaption')[4].innerText)?.[1] ?? 1) < 0.02",
      30_000,
    );
    await expectSoon(
      page,
      "[...document.querySelectorAll('#lanes figcaption')].every((each) => each.innerText.includes('step 4 of 4'))",
      30_000,
    );
    const distance = (canvas: string) =>
      page.evaluate(
        `(async () => {
            const canvas = document.querySelectorAll('#lanes canvas')[${canvas}];
            const own = canvas.getContext('2d').getImageData(0, 0, 32, 32).data;
            const sheet = await createImageBitmap(await (await fetch('./smileys.png')).blob());
            const all = new OffscreenCanvas(sheet.width, sheet.height).getContext('2d');
            all.drawImage(sheet, 0, 0);
            let least = Infinity;
            for (let y = 0; y < sheet.height; y += 32)
              for (let x = 0; x < sheet.width; x += 32)
                least = Math.min(least, all.getImageData(x, y, 32, 32).data.reduce((sum, v, i) => sum + Math.abs(v - own[i]), 0) / own.length);
            return least;
          })()`,
      ) as Promise<number>;
    // Of a network's images none is in the data set to the pixel.
    expect(await distance('3')).toBeLessThan(1);
    expect(await distance('1')).toBeGreaterThan(1.5);
    await page.selectOption('#model', 'fashion-mnist');
    await expectSoon(page, "document.querySelector('[role=alert]')?.textContent.includes('take another model')");
    expect(errors).toEqual([]);
    await page.close();
  });

  test('two dimensions: a cloud in the address is trained on, and both its model and the exact one are sampled', async () => {
    const { page, errors } = await visit('plane?cloud=blobs&train=200&steps=8&sampler=ddim&trained=1');
    await expectSoon(
      page,
      "/data 0\\.\\d+ \\(network\\), 0\\.0\\d+ \\(exact\\)/.test(document.querySelector('#sample-status')?.textContent ?? '')",
      50_000,
    );
    // A network that has learned nothing has a loss of 1. Two hundred steps are no more than a second of training.
    const [, loss] = /loss ([\d.]+)$/.exec((await page.textContent('#train-status'))!)!;
    expect(Number(loss)).toBeLessThan(0.5);
    await page.mouse.move(0, 0);
    const box = (await page.locator('.plane canvas').boundingBox())!;
    await page.mouse.move(box.x + box.width / 4, box.y + box.height / 4);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 3, box.y + box.height / 3, { steps: 6 });
    await page.mouse.up();
    await expectSoon(page, "location.hash.includes('cloud=own') && /points=[\\w-]{8,}/.test(location.hash)");
    expect(errors).toEqual([]);
    await page.close();
  });

  test('algorithm 1: trains, pauses, goes on after its tab was closed, and saves a folder that opens', async () => {
    const context = await studio.browser.newContext({ acceptDownloads: true });
    const page = await context.newPage();
    await page.goto(`${studio.served.url}#/algorithm-1?batch=4&every=500&device=wasm`);
    await page.click('#train:not([disabled])');
    await expectSoon(page, '/(step|步) 2\\d/.test(document.body.innerText)', 55_000);
    await expectSoon(page, "/25/.test(document.querySelector('#keeping').innerText)", 20_000);
    await page.close();
    const later = await context.newPage();
    await later.goto(`${studio.served.url}#/algorithm-1?batch=4&every=500&device=wasm`);
    await expectSoon(later, "/2\\d|[3-9]\\d/.test(document.querySelector('#train')?.innerText ?? '')", 20_000);
    await later.click('#train');
    await later.click('#pause', { timeout: 50_000 });
    await expectSoon(later, "document.querySelector('#save')?.disabled === false", 30_000);
    const [download] = await Promise.all([later.waitForEvent('download'), later.click('#save')]);
    const zip = join(cwd, 'model.zip');
    await download.saveAs(zip);
    const { unzipSync } = await import('fflate');
    const files = new Map(
      Object.entries(unzipSync(readFileSync(zip))).map(([path, bytes]) => [path.split('/').slice(1).join('/'), bytes]),
    );
    const model = await readModel(filesInMemory(files));
    expect(model.network.sample).toEqual([3, 16, 16]);
    expect(model.weights.size).toBeGreaterThan(50);
    await context.close();
  }, 120_000);

  test('algorithm 2: the lines are lit as they run, and the last returns the image that the sampler ends at', async () => {
    const { page, errors } = await visit('algorithm-2?steps=3&device=wasm&ran=1&at=3');
    await expectSoon(
      page,
      "document.querySelector('#lines .lit')?.textContent.includes('x_{t-1}') || [...document.querySelectorAll('#lines li')].findIndex((li) => li.className.includes('lit')) === 3",
      40_000,
    );
    // The paper's t counts to 1, and the last step adds no noise.
    await expectSoon(page, "Number(document.querySelector('#at').max) === 11");
    await page.fill('#at', '11');
    await expectSoon(
      page,
      "[...document.querySelectorAll('#lines li')].findIndex((li) => li.className.includes('lit')) === 5",
    );
    expect(await page.textContent('#numbers')).toMatch(
      /^t = 1: coefficient of x̂₀ 1\.0000, of x_t 0\.0000, deviation of the noise σ_t 0\.0000$/,
    );
    expect(errors).toEqual([]);
    await page.close();
  });
});

/** A PNG that says it is 20,000 × 20,000 pixels. */
function huge(): Buffer {
  const header = Buffer.alloc(25);
  header.writeUInt32BE(13, 0);
  header.write('IHDR', 4);
  header.writeUInt32BE(20_000, 8);
  header.writeUInt32BE(20_000, 12);
  header.set([8, 2, 0, 0, 0], 16);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), header, deflateSync(Buffer.alloc(64))]);
}
