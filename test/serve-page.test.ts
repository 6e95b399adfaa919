/** The page of the server: its lines of curl and its programs do what the page says, against a server that runs. */
import { execFile, spawnSync } from 'node:child_process';
import { get } from 'node:http';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeBlocks } from './code-blocks.ts';
import { pythonWith } from './python.ts';
import { serveModels, writeTinyClip, writeTinyModels, type TestServer } from './served-models.ts';
import { root, textOf } from './source-files.ts';
import { writeTinyTextToImage } from './tiny-text-to-image.ts';

const page = textOf('docs/serve.md');
const dir = mkdtempSync(join(tmpdir(), 'kuosan-serve-page-'));
const run = promisify(execFile);
let models: Awaited<ReturnType<typeof writeTinyModels>>;
let server: TestServer;

beforeAll(async () => {
  models = await writeTinyModels();
  await writeTinyClip(join(dir, 'clip'));
  // Tiny ones under the names of the page.
  server = await serveModels(
    { 'noto-32': models.plain, 'emoji-clip': join(dir, 'clip') },
    { app: { localOnly: true } },
  );
  const color = (alpha: number) => ({ r: 200, g: 40, b: 90, alpha });
  const square = (side: number, alpha: number) =>
    sharp({ create: { width: side, height: side, channels: 4, background: color(alpha) } }).png();
  await square(8, 1).toFile(join(dir, 'image.png'));
  await square(8, 0).toFile(join(dir, 'mask.png'));
}, 60_000);
afterAll(async () => {
  await server.close();
  models.remove();
  rmSync(dir, { recursive: true, force: true });
});

/** The address of the page is the one of this server. */
const atServer = (text: string) => text.replaceAll('localhost:8000', `localhost:${server.port}`);

/** The lines of curl, each with what continues it. */
const curlLines = codeBlocks(page, 'sh')
  .flatMap((block) => block.replaceAll('\\\n', '').split('\n'))
  .filter((line) => line.startsWith('curl '));

const hasCurl = spawnSync('curl', ['--version'], { stdio: 'ignore' }).status === 0;

describe.skipIf(!hasCurl)('the lines of curl (skipped where there is no curl)', () => {
  /** What a line prints; `job_…` is the job that is asked for. */
  const printed = async (line: string, job = '') => {
    const { stdout } = await run('bash', ['-c', atServer(line).replaceAll('job_…', job)], { cwd: dir });
    return stdout;
  };
  const line = (part: string): string => {
    const found = curlLines.find((each) => each.includes(part));
    expect(found, `a line with ${part}`).toBeDefined();
    return found!;
  };
  const tried = new Set<string>();
  const ask = async (part: string, job?: string) => {
    tried.add(line(part));
    return printed(line(part), job);
  };

  test('generate, edit and vary', async () => {
    const { data } = JSON.parse(await ask('/generations')) as { data: { b64_json: string }[] };
    for (const { b64_json } of data)
      expect((await sharp(Buffer.from(b64_json, 'base64')).metadata()).format).toBe('png');
    expect(data).toHaveLength(2);
    for (const [part, count] of [
      ['/edits', 1],
      ['/variations', 4],
    ] as const) {
      const { data: images } = JSON.parse(await ask(part)) as { data: { url: string }[] };
      expect(images).toHaveLength(count);
      for (const { url } of images) expect((await fetch(url)).headers.get('content-type')).toBe('image/png');
    }
  }, 60_000);

  test('begin a job, watch it, look at it and cancel it', async () => {
    const begun = await ask('-d \'{"prompt": "bell off", "steps": 50');
    expect(begun).toMatch(/^HTTP\/1.1 202 /);
    const [, job] = /^location: \/api\/jobs\/(job_\w+)/m.exec(begun)!;
    const events = await ask('/events', job);
    const kinds = [...events.matchAll(/^event: (\w+)/gm)].map(([, kind]) => kind);
    expect(kinds.filter((kind) => kind === 'preview')).toHaveLength(5);
    expect(kinds).toEqual(expect.arrayContaining(['progress', 'image']));
    expect(kinds.at(-1)).toBe('completed');
    const [status] = curlLines.filter((each) => /jobs\/job_… /.test(each) && !each.includes('DELETE'));
    tried.add(status!);
    expect(JSON.parse(await printed(status!, job))).toMatchObject({ status: 'completed', progress: 1 });
    const [, other] = /^location: \/api\/jobs\/(job_\w+)/m.exec(
      await printed(
        line('-d \'{"prompt": "bell off", "steps": 50').replace('"steps": 50', '"steps": 1000, "sampler": "ddpm"'),
      ),
    )!;
    expect(JSON.parse(await ask('DELETE', other))).toMatchObject({ status: 'cancelled' });
  }, 60_000);

  test('classify', async () => {
    const { data } = JSON.parse(await ask('/clip/classify')) as { data: { labels: { label: string }[] }[] };
    expect(data[0]!.labels.map(({ label }) => label).toSorted()).toEqual(['pizza', 'red heart']);
  });

  test('are all tried', () => {
    expect(curlLines.filter((each) => !tried.has(each))).toEqual([]);
  });
});

describe('the programs', () => {
  test('of Node prints the address of an image of the size that it asks for', async () => {
    const [program, ...others] = codeBlocks(page, 'js');
    expect(others).toEqual([]);
    mkdirSync(join(dir, 'node'));
    symlinkSync(join(root, 'node_modules'), join(dir, 'node/node_modules'), 'junction');
    writeFileSync(join(dir, 'node/ask.mjs'), atServer(program!));
    const { stdout } = await run(process.execPath, ['ask.mjs'], { cwd: join(dir, 'node') });
    const { width, height } = await sharp(await (await fetch(stdout.trim())).arrayBuffer()).metadata();
    expect([width, height]).toEqual([256, 256]);
  }, 60_000);

  const python = pythonWith('openai');
  test.skipIf(python === undefined)(
    'of Python prints the addresses of two images (skipped where neither KUOSAN_PYTHON nor python3 has openai)',
    async () => {
      const [program, ...others] = codeBlocks(page, 'py');
      expect(others).toEqual([]);
      writeFileSync(join(dir, 'ask.py'), atServer(program!));
      const { stdout } = await run(python!, ['ask.py'], { cwd: dir });
      const urls = [...stdout.matchAll(/http:[^']+/g)].map(([url]) => url);
      expect(urls).toHaveLength(2);
      for (const url of urls) expect((await fetch(url)).status).toBe(200);
    },
    60_000,
  );
});

describe('a server with a key, asked from a container', () => {
  let guarded: TestServer;
  const authorization = 'Bearer secret';
  beforeAll(async () => {
    await writeTinyTextToImage(join(dir, 'icons'));
    guarded = await serveModels({ icons: join(dir, 'icons'), 'noto-32': models.plain }, { app: { apiKey: 'secret' } });
  });
  afterAll(() => guarded.close());

  const formatsOf = async (response: Response) => {
    expect(response.status).toBe(200);
    const { data } = (await response.json()) as { data: { b64_json: string }[] };
    return Promise.all(
      data.map(async ({ b64_json }) => {
        const { format, width, height } = await sharp(Buffer.from(b64_json, 'base64')).metadata();
        return `${format} ${width}x${height}`;
      }),
    );
  };

  test('is reached under the name that a container has for this machine', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { host: `host.docker.internal:${guarded.port}`, authorization };
      get(`${guarded.url}/v1/models`, { headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).on('error', reject);
    });
    expect(status).toBe(200);
  });

  // open_webui/routers/images.py of Open WebUI 0.12.4: image_generations and image_edits, with aiohttp's form.
  test('answers what Open WebUI sends for a chat and for its settings', async () => {
    const generated = await fetch(`${guarded.url}/v1/images/generations?api-version=2025-04-01-preview`, {
      method: 'POST',
      headers: {
        Authorization: authorization,
        'Content-Type': 'application/json',
        'X-OpenWebUI-User-Name': 'A%20User',
        'X-OpenWebUI-User-Role': 'admin',
      },
      body: JSON.stringify({
        model: 'icons',
        prompt: 'foo bar',
        n: 1,
        size: '512x512',
        response_format: 'b64_json',
        steps: 3,
      }),
    });
    expect(await formatsOf(generated)).toEqual(['png 512x512']);

    const upload = () =>
      new File([new Uint8Array(imageBytes)], '0f0e0d0c-0000-4000-8000-000000000000.png', { type: 'image/png' });
    const imageBytes = await sharp(join(dir, 'image.png')).toBuffer();
    for (const field of ['image', 'image[]']) {
      const form = new FormData();
      // Every value is a text.
      for (const [name, value] of [
        ['model', 'noto-32'],
        ['prompt', 'more red'],
        ['n', '2'],
        ['size', '1024x1024'],
        ['background', 'transparent'],
        ['response_format', 'b64_json'],
      ] as const)
        form.append(name, value);
      form.append(field, upload());
      const edited = await fetch(`${guarded.url}/v1/images/edits`, {
        method: 'POST',
        headers: { Authorization: authorization },
        body: form,
      });
      expect(await formatsOf(edited)).toEqual(['png 1024x1024', 'png 1024x1024']);
    }
  }, 60_000);

  // litellm 1.110.2: generations and variations by the openai package with what the caller gave, edits by httpx.
  test('answers what LiteLLM sends', async () => {
    const generated = await fetch(`${guarded.url}/v1/images/generations`, {
      method: 'POST',
      headers: { Authorization: authorization, 'Content-Type': 'application/json' },
      body: JSON.stringify({
        prompt: 'foo bar',
        model: 'icons',
        n: 2,
        quality: 'standard',
        size: '1024x1024',
        user: 'me',
        steps: 3,
      }),
    });
    const { data, created } = (await generated.json()) as { data: { url: string }[]; created: number };
    expect(created).toBeGreaterThan(0);
    for (const { url } of data) expect((await fetch(url)).headers.get('content-type')).toBe('image/png');
    const form = new FormData();
    form.append('model', 'noto-32');
    form.append('response_format', 'b64_json');
    form.append('prompt', 'more red');
    form.append('image[]', new File([new Uint8Array(await sharp(join(dir, 'image.png')).toBuffer())], 'image.png'));
    form.append('mask', new File([new Uint8Array(await sharp(join(dir, 'mask.png')).toBuffer())], 'mask.png'));
    const edited = await fetch(`${guarded.url}/v1/images/edits`, {
      method: 'POST',
      headers: { Authorization: authorization },
      body: form,
    });
    expect(await formatsOf(edited)).toEqual(['png 8x8']);
  }, 60_000);
});
