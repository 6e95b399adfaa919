/** A running server under what clients do to it. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { crc32, deflateSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openServing, serverApp, serverMetrics, startServer } from '../src/server/index.ts';
import { operations } from '../src/server/own/openapi.ts';
import { start } from './kuosan.ts';
import { serveModels, writeTinyClip, writeTinyModels, type TestServer } from './served-models.ts';

let models: Awaited<ReturnType<typeof writeTinyModels>>;
let server: TestServer;
const dir = mkdtempSync(join(tmpdir(), 'kuosan-served-clip-'));

beforeAll(async () => {
  models = await writeTinyModels();
  await writeTinyClip(join(dir, 'clip'));
  server = await serveModels(
    { plain: models.plain, classes: models.classes, clip: join(dir, 'clip') },
    { limits: { queue: 12, bodyBytes: 200_000, sendSeconds: 2, requestSeconds: 60 }, app: { localOnly: true } },
  );
});
afterAll(async () => {
  await server.close();
  models.remove();
  rmSync(dir, { recursive: true, force: true });
});

/** Long enough for something to happen meanwhile; cancelled before its end. */
const slow = { prompt: '', steps: 1000, sampler: 'ddpm', response_format: 'b64_json' };

function post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });
}

const jsonOf = async (response: Response) => (await response.json()) as Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- answers are read by their documented names

const health = async () => jsonOf(await fetch(`${server.url}/health`));

const square = async (width: number, height = width) =>
  sharp({ create: { width, height, channels: 3, background: '#c2285a' } })
    .png()
    .toBuffer();

/** A black square of one bit a pixel: fifty megabytes decoded from fifty kilobytes. */
function blackPng(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc(side * (1 + Math.ceil(side / 8))));
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

describe('jobs', () => {
  test('tell their progress and previews, and keep their images', async () => {
    const asked = await post('/api/jobs', { model: 'classes', class: 'square', seed: 5, n: 2, steps: 6, previews: 2 });
    expect(asked.status).toBe(202);
    const { id, status } = await jsonOf(asked);
    expect(['queued', 'running']).toContain(status);
    const text = await (await fetch(`${server.url}/api/jobs/${id}/events`)).text();
    const kinds = [...text.matchAll(/^event: (\w+)$/gm)].map(([, kind]) => kind);
    expect(kinds.filter((kind) => kind === 'progress').length).toBeGreaterThan(0);
    expect(kinds.filter((kind) => kind === 'preview')).toHaveLength(4);
    expect(kinds.filter((kind) => kind === 'image')).toHaveLength(2);
    expect(kinds.at(-1)).toBe('completed');
    const shares = [...text.matchAll(/"progress":([\d.]+)/g)].map(([, share]) => Number(share));
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    const done = await jsonOf(await fetch(`${server.url}/api/jobs/${id}`));
    expect(done).toMatchObject({ status: 'completed', progress: 1, error: null });
    // The same seed and class by the other door.
    const again = await jsonOf(
      await post('/v1/images/generations', {
        model: 'classes',
        prompt: '',
        class: 'square',
        seed: 5,
        steps: 6,
        response_format: 'b64_json',
      }),
    );
    const image = Buffer.from(await (await fetch(server.url + done['images'][0].url)).arrayBuffer());
    expect(image.toString('base64')).toBe(again['data'][0].b64_json);
  });

  test('are cancelled, and the worker goes on with others', async () => {
    const { id } = await jsonOf(await post('/api/jobs', { model: 'plain', steps: 1000, sampler: 'ddpm' }));
    await vi.waitFor(async () => expect((await health())['running']).toBe(1), 25_000);
    const cancelled = await jsonOf(await fetch(`${server.url}/api/jobs/${id}`, { method: 'DELETE' }));
    expect(cancelled).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
    expect((await post('/v1/images/generations', { prompt: '', steps: 1 })).status).toBe(200);
    expect((await fetch(`${server.url}/api/jobs/job_none`)).status).toBe(404);
  });
});

test('classes come in turn by their place in a request, whoever shares the batch', async () => {
  const ask = async (body: object) =>
    (
      await jsonOf(
        await post('/v1/images/generations', {
          model: 'classes',
          prompt: '',
          seed: 3,
          steps: 3,
          response_format: 'b64_json',
          ...body,
        }),
      )
    )['data'];
  const [, second] = await ask({ n: 2 });
  const [both, other] = await Promise.all([ask({ n: 2, class: ['round', 'square'] }), ask({ n: 1 })]);
  expect(both[1].b64_json).toBe(second.b64_json);
  expect(other[0].b64_json).toBe(both[0].b64_json);
});

test('a CLIP classifies, embeds and searches', async () => {
  const image = (await square(12)).toString('base64');
  const { data } = await jsonOf(
    await post('/api/clip/classify', { image, labels: ['cat', 'heart'], templates: ['a {}'] }),
  );
  expect(data[0].labels).toHaveLength(2);
  const embedded = await jsonOf(await post('/api/clip/embed', { image: [image], texts: ['a cat'] }));
  expect(embedded['data'].map(({ of }: { of: string }) => of)).toEqual(['image', 'text']);
  const [first, second] = embedded['data'].map(({ embedding }: { embedding: number[] }) => embedding);
  const cosine = first.reduce((sum: number, value: number, i: number) => sum + value * second[i], 0);
  const found = await jsonOf(await post('/api/clip/search', { query: 'a cat', embeddings: [first] }));
  expect(found['data'][0].cosine).toBeCloseTo(cosine, 5);
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(await square(12))]), 'image.png');
  form.append('query', 'a cat');
  const searched = await jsonOf(await post('/api/clip/search', '', { headers: {}, body: form }));
  expect(searched['data'][0].cosine).toBeCloseTo(cosine, 5);
  expect((await post('/api/clip/classify', { model: 'plain', image, labels: ['a'] })).status).toBe(400);
});

test('calls of a CLIP that wait share a batch, each with the answer that it has alone, whoever sends a broken image', async () => {
  const [image, other] = (await Promise.all([square(12), square(9)])).map((bytes) => bytes.toString('base64'));
  const broken = (
    await sharp(Buffer.alloc(3 * 64 * 64, 'noise'), { raw: { width: 64, height: 64, channels: 3 } })
      .png()
      .toBuffer()
  )
    .subarray(0, 90)
    .toString('base64');
  const asked = [
    ['embed', { image, texts: ['a cat'] }],
    ['embed', { texts: ['a heart'] }],
    ['embed', { image: other }],
    ['embed', { image: broken }],
    ['classify', { image, labels: ['cat', 'heart'] }],
    ['classify', { image: other, labels: ['cat', 'heart'] }],
    ['classify', { image: other, labels: ['cat'] }],
  ] as const;
  const ask = async ([path, body]: (typeof asked)[number]) => {
    const response = await post(`/api/clip/${path}`, body);
    return [response.status, await jsonOf(response)] as const;
  };
  const alone = [];
  for (const each of asked) alone.push(await ask(each));
  expect(alone.map(([status]) => status)).toEqual([200, 200, 200, 400, 200, 200, 200]);
  expect(alone[3]![1]['error'].message).toContain('cannot read image 0');
  // While an image is computed, all of them come to wait.
  const { id } = await jsonOf(await post('/api/jobs', { model: 'plain', steps: 1000, sampler: 'ddpm' }));
  await vi.waitFor(async () => expect((await health())['running']).toBe(1), 25_000);
  const sent = vi.spyOn(server.serving.worker, 'ask');
  try {
    const together = asked.map(ask);
    await vi.waitFor(async () => expect((await health())['waiting']).toBe(asked.length), 25_000);
    await fetch(`${server.url}/api/jobs/${id}`, { method: 'DELETE' });
    expect(await Promise.all(together)).toEqual(alone);
    const sizes = sent.mock.calls.map(([request]) => (request.type === 'clip' ? request.calls.length : 0));
    // Of four values in a batch; the labels of one are not those of the others.
    expect(sizes.filter((size) => size > 0).toSorted((a, b) => b - a)).toEqual([3, 2, 1, 1]);
  } finally {
    sent.mockRestore();
  }
});

describe('what is refused', () => {
  test('an image of 20,000 × 20,000 pixels, before it is decoded', async () => {
    const bomb = blackPng(20_000);
    expect(bomb.length).toBeLessThan(150_000);
    // Cut off behind its header it is refused alike: nobody has looked at its pixels.
    for (const bytes of [bomb, bomb.subarray(0, 200)]) {
      const form = new FormData();
      form.append('image', new Blob([new Uint8Array(bytes)]), 'bomb.png');
      form.append('prompt', '');
      const response = await fetch(`${server.url}/v1/images/edits`, { method: 'POST', body: form });
      expect(response.status).toBe(400);
      expect((await jsonOf(response))['error']).toMatchObject({ code: 'image_too_large', param: 'image' });
    }
  });

  test('a body that is too large, whether it says so or not', async () => {
    const large = JSON.stringify({ prompt: 'a'.repeat(300_000) });
    const said = await post('/v1/images/generations', large);
    expect([said.status, (await jsonOf(said))['error'].code]).toEqual([413, 'body_too_large']);
    const status = await new Promise<number>((resolve, reject) => {
      const sent = httpRequest(`${server.url}/v1/images/generations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      });
      sent.on('response', (answer) => resolve(answer.statusCode!));
      sent.on('error', reject);
      sent.end(large);
    });
    expect(status).toBe(413);
  });

  test('a client that sends its body a byte a second', async () => {
    const { port } = server;
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.write(
        `POST /v1/images/generations HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
      );
      const timer = setInterval(() => socket.write(' '), 500);
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(timer);
        resolve(text);
      });
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('other hosts, pages of other origins, other types, broken JSON, other paths', async () => {
    const status = (headers: Record<string, string>) =>
      new Promise<number>((resolve, reject) => {
        httpRequest(`${server.url}/v1/models`, { headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode!);
        })
          .on('error', reject)
          .end();
      });
    expect(await status({ host: 'example.org' })).toBe(403);
    expect(await status({ origin: 'https://example.org' })).toBe(403);
    expect(await status({ origin: server.url })).toBe(200);
    expect((await post('/v1/images/generations', 'a', { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await post('/v1/images/generations', '{')).status).toBe(400);
    const lost = await fetch(`${server.url}/v2/images`);
    expect([lost.status, (await jsonOf(lost))['error'].code]).toEqual([404, 'not_found']);
  });

  test('more than the queue holds, with the time to come again', async () => {
    const controller = new AbortController();
    const held = Array.from({ length: 4 }, () =>
      post('/v1/images/generations', { ...slow, n: 4 }, { signal: controller.signal }).catch(() => undefined),
    );
    await vi.waitFor(async () => expect((await health())['waiting']).toBe(12), 25_000);
    const refused = await post('/v1/images/generations', slow);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await jsonOf(refused))['error']).toMatchObject({ type: 'rate_limit_error', code: 'rate_limit_exceeded' });
    // Clients that leave take their images with them.
    controller.abort();
    await Promise.all(held);
    await vi.waitFor(async () => expect(await health()).toMatchObject({ waiting: 0, running: 0 }), 25_000);
  });
});

test('a worker that is killed is replaced, and its job says so', async () => {
  const failing = post('/v1/images/generations', slow);
  await vi.waitFor(async () => expect((await health())['running']).toBe(1), 25_000);
  const waiting = post('/v1/images/generations', { prompt: '', steps: 1, seed: 4, response_format: 'b64_json' });
  process.kill(server.serving.worker.pid!, 'SIGKILL');
  const failed = await failing;
  expect(failed.status).toBe(500);
  expect((await jsonOf(failed))['error']).toMatchObject({ type: 'server_error', code: 'worker_lost' });
  // What waited is computed by the new one.
  expect((await waiting).status).toBe(200);
  expect(await health()).toMatchObject({ worker: 'running', worker_losses: 1 });
});

test('Prometheus reads what was counted', async () => {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  expect(text).toMatch(/^kuosan_images_total\{model="plain"\} [1-9]/m);
  expect(text).toMatch(/^kuosan_worker_losses \d/m);
  expect(text).toMatch(/kuosan_request_seconds_count\{route="\/v1\/images\/generations",method="POST",status="200"\}/);
});

test('the OpenAPI document has every route, with schemas that are JSON Schema', async () => {
  const document = await jsonOf(await fetch(`${server.url}/openapi.json`));
  const described = Object.entries(document['paths']).flatMap(([path, item]) =>
    Object.keys(item as object).map((method) => `${method} ${path}`),
  );
  const metrics = serverMetrics();
  const routes = serverApp(server.serving, { metrics })
    .routes.filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  expect(described.toSorted()).toEqual([...new Set(routes)].toSorted());
  expect(described).toHaveLength(operations.length);
  const ajv = new Ajv2020({ strict: false });
  const schemaOf = (path: string) => document['paths'][path].post.requestBody.content['application/json'].schema;
  for (const { path, request } of operations) if (request) ajv.compile(schemaOf(path));
  const fits = ajv.compile(schemaOf('/v1/images/generations'));
  expect(fits({ prompt: 'a', n: 2 })).toBe(true);
  expect(fits({ n: 'two' })).toBe(false);
});

test('models that the budget does not hold take turns', async () => {
  const small = await serveModels({ plain: models.plain, classes: models.classes }, { memoryBytes: 1 });
  try {
    for (const model of ['plain', 'classes', 'plain']) {
      const response = await fetch(`${small.url}/v1/images/generations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, prompt: '', steps: 1 }),
      });
      expect(response.status).toBe(200);
      expect(small.serving.worker.state.open).toEqual([model]);
    }
  } finally {
    await small.close();
  }
});

test('a port that is in use, and a model that is not there, are said in a line', async () => {
  const app = serverApp(server.serving);
  await expect(startServer(app, { host: '127.0.0.1', port: server.port }, server.serving.limits)).rejects.toThrow(
    /^serve: 127\.0\.0\.1:\d+ is in use; .*--port/,
  );
  const options = { device: 'cpu', threads: 1, batchSize: 1, memoryBytes: 2 ** 30 } as const;
  await expect(openServing({ ...options, models: [{ name: 'a', source: 'noto-23' }] })).rejects.toThrow(
    'did you mean noto-32?',
  );
});

test('the command serves, drains at SIGTERM, writes nothing where it is started or at home, and refuses to be open to others without a key', async () => {
  const { ended: refused } = start(['serve', models.plain, '--host', '0.0.0.0'], { cwd: dir });
  expect(await refused).toMatchObject({ status: 2, stderr: expect.stringContaining('needs a key') });
  const home = mkdtempSync(join(dir, 'home-'));
  // The engine's telemetry would write there; where CI is set it does not anyway.
  const env = {
    ...process.env,
    HOME: home,
    CI: undefined,
    XDG_CACHE_HOME: undefined,
    ORT_DISABLE_TELEMETRY: undefined,
  };
  const before = readdirSync(dir);
  const words = ['serve', `mine=${models.plain}`, '--port', '0', '--threads', '1'];
  const { child, ended } = start(words, { cwd: dir, env });
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout!.on('data', (chunk) => {
      said += String(chunk);
      const [, address] = /serving at (\S+)\/v1/.exec(said) ?? [];
      if (address) resolve(address);
    });
    child.once('close', () => reject(new Error(`ended after ${JSON.stringify(said)}`)));
  });
  const answer = fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...slow, model: 'mine', steps: 300 }),
  });
  await vi.waitFor(async () => expect((await jsonOf(await fetch(`${url}/health`)))['running']).toBe(1), 25_000);
  child.kill('SIGTERM');
  expect((await answer).status).toBe(200);
  expect(await ended).toMatchObject({ status: 0 });
  expect(readdirSync(dir)).toEqual(before);
  expect(readdirSync(home)).toEqual([]);
}, 120_000);
