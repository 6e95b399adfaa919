import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { lockRun } from '../../checkpoint/run-lock.ts';
import { mostPoints } from './curve.ts';
import { studioApp, type StudioAppOptions } from './studio-app.ts';

const dir = mkdtempSync(join(tmpdir(), 'kuosan-studio-app-'));
const [runs, pages, model] = [join(dir, 'runs'), join(dir, 'pages'), join(dir, 'model')];
const origin = 'http://studio';
let opened = 0;

function studio(options: Partial<StudioAppOptions> = {}): Hono {
  return studioApp({
    pages,
    engine: join(dir, 'engine'),
    models: [{ name: 'tiny', kind: 'model', path: model, bytes: 8, computes: 'browser' }],
    runs,
    localOnly: true,
    api: async () => {
      opened++;
      return new Hono()
        .get('/api/models', (c) => c.json({ object: 'list', data: [] }))
        .get('/health', (c) => c.json({ status: 'ok', worker: 'running' }));
    },
    isOpen: () => opened > 0,
    ...options,
  });
}

/** What a path is answered. `Request` shortens `/../` as a browser does, so a path that shall lead upward is written with `%2f`. */
const ask = (app: Hono, path: string, init: RequestInit = {}) =>
  app.request(new Request(`${origin}${path}`, { ...init, headers: { host: 'localhost:8017', ...init.headers } }));
const jsonOf = async (response: Response | Promise<Response>) => (await (await response).json()) as Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- answers are read by their documented names

const line = (step: number, more: object = {}) =>
  `${JSON.stringify({ step, loss: 1 / step, gradNorm: 2, learningRate: 0.001, imagesPerSecond: 30, ...more })}\n`;

function writeRun(name: string, metrics = ''): string {
  const folder = join(runs, name);
  mkdirSync(join(folder, 'samples'), { recursive: true });
  mkdirSync(join(folder, 'checkpoints'));
  writeFileSync(
    join(folder, 'run.json'),
    JSON.stringify({
      format: 1,
      config: { task: 'ddpm', data: { source: 'noto' }, train: { steps: 5000 } },
      data: null,
    }),
  );
  writeFileSync(join(folder, 'metrics.jsonl'), metrics);
  return folder;
}

beforeEach(() => {
  rmSync(dir, { recursive: true, force: true });
  for (const folder of [runs, join(pages, 'assets'), model, join(dir, 'engine')])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(pages, 'index.html'), '<!doctype html>');
  writeFileSync(join(pages, 'assets', 'main-12345678.js'), 'export {};');
  writeFileSync(join(model, 'model_index.json'), '{}');
  writeFileSync(join(dir, 'secret.txt'), 'what lies outside');
  opened = 0;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('pages and models', () => {
  test('are served isolated, and not sent again to who has them', async () => {
    const app = studio();
    const page = await ask(app, '/');
    expect(await page.text()).toBe('<!doctype html>');
    expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    const etag = page.headers.get('etag')!;
    expect((await ask(app, '/index.html', { headers: { 'if-none-match': etag } })).status).toBe(304);
    const script = await ask(app, '/assets/main-12345678.js', { method: 'HEAD' });
    expect(script.headers.get('cache-control')).toContain('immutable');
    expect(await script.text()).toBe('');
    expect(await jsonOf(ask(app, '/models/models.json'))).toEqual({
      isServed: true,
      models: [{ name: 'tiny', kind: 'model', bytes: 8, computes: 'browser' }],
    });
    const index = await ask(app, '/models/tiny/model_index.json');
    expect([index.status, index.headers.get('content-type')]).toEqual([200, 'application/json']);
  });

  test("a model's files are data, whatever they are called, and what its training keeps is not served", async () => {
    mkdirSync(join(model, 'training'));
    mkdirSync(join(model, 'assets'));
    for (const name of ['page.html', 'training/optimizer.safetensors', 'assets/weights.bin'])
      writeFileSync(join(model, name), 'x');
    const app = studio();
    const { headers } = await ask(app, '/models/tiny/page.html');
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect((await ask(app, '/models/tiny/training/optimizer.safetensors')).status).toBe(404);
    const weights = await ask(app, '/models/tiny/assets/weights.bin');
    expect(weights.headers.get('cache-control')).toBe('no-cache');
  });

  test.each([
    '/..%2fsecret.txt',
    '/models/tiny/..%2f..%2fsecret.txt',
    '/models/..%2f..%2fsecret.txt',
    '/ort/..%2fsecret.txt',
    '/assets/..%5c..%5csecret.txt',
    '/%00',
    '/api/runs/..%2f..%2f',
    '/api/runs/a%2f..%2f..%2fsecret.txt',
    '/api/runs/a/samples/..%2f..%2f..%2fsecret.txt',
  ])('%s leads to nothing outside', async (path) => {
    writeRun('a');
    const answer = await ask(studio(), path);
    expect([400, 404]).toContain(answer.status);
    expect(await answer.text()).not.toContain('what lies outside');
  });

  test('other methods and unknown paths get one line', async () => {
    const app = studio();
    expect((await jsonOf(ask(app, '/index.html', { method: 'POST' })))['error'].message).toContain('GET and HEAD');
    expect((await ask(app, '/nothing')).status).toBe(404);
  });

  test('the API opens with the first request that asks it, and its error is that request’s answer', async () => {
    const app = studio();
    await ask(app, '/');
    expect(await jsonOf(ask(app, '/health'))).toMatchObject({ status: 'ok', worker: 'ended' });
    expect(opened).toBe(0);
    const models = await ask(app, '/api/models');
    expect(await models.json()).toEqual({ object: 'list', data: [] });
    expect(models.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(await jsonOf(ask(app, '/health'))).toMatchObject({ worker: 'running' });
    const failing = studio({ api: () => Promise.reject(new Error('the model is damaged')) });
    expect(await jsonOf(ask(failing, '/api/models'))).toMatchObject({ error: { message: 'the model is damaged' } });
  });

  test('pages of other hosts and origins may not ask', async () => {
    const app = studio();
    expect((await ask(app, '/', { headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await ask(app, '/api/runs', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
  });

  test('with a key, browsers ask for it, and nothing is open without', async () => {
    const app = studio({ apiKey: 'open sesame', localOnly: false });
    for (const path of ['/', '/models/tiny/model_index.json', '/api/runs', '/api/models']) {
      const refused = await ask(app, path);
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toMatch(/^Basic /);
      const basic = `Basic ${Buffer.from('anyone:open sesame').toString('base64')}`;
      expect((await ask(app, path, { headers: { authorization: basic } })).status).toBe(200);
      expect((await ask(app, path, { headers: { authorization: 'Bearer open sesame' } })).status).toBe(200);
      const wrong = `Basic ${Buffer.from('anyone:sesame').toString('base64')}`;
      expect((await ask(app, path, { headers: { authorization: wrong } })).status).toBe(401);
    }
  });
});

describe('runs', () => {
  test('are listed with their state; damaged ones in a line each', async () => {
    writeRun('photos', line(7) + line(8).slice(0, 9));
    writeRun('icons/base');
    writeRun('broken');
    writeFileSync(join(runs, 'broken', 'run.json'), '{"format": 1');
    const { data, problems, folder } = await jsonOf(ask(studio(), '/api/runs'));
    expect(folder).toBe(runs);
    expect(data).toEqual([
      { name: 'icons/base', task: 'ddpm', data: 'noto', step: null, loggedStep: 0, steps: 5000, state: 'stopped' },
      { name: 'photos', task: 'ddpm', data: 'noto', step: null, loggedStep: 7, steps: 5000, state: 'stopped' },
    ]);
    expect(problems).toEqual([expect.stringContaining('broken')]);
  });

  test('of a folder that is not there, or holds none, are an empty list', async () => {
    expect((await jsonOf(ask(studio(), '/api/runs')))['data']).toEqual([]);
    expect((await jsonOf(ask(studio({ runs: join(dir, 'later') }), '/api/runs')))['data']).toEqual([]);
  });

  test('a folder that is a run itself has its own name', async () => {
    const folder = writeRun('photos', line(1));
    const app = studio({ runs: folder });
    expect((await jsonOf(ask(app, '/api/runs')))['data'][0].name).toBe('photos');
    expect((await jsonOf(ask(app, '/api/runs/photos')))['loggedStep']).toBe(1);
  });

  test('are followed as they are written: half a line counts when it is whole', async () => {
    const folder = writeRun('icons/base', line(1) + line(2).slice(0, 12));
    const app = studio();
    const path = '/api/runs/icons%2Fbase';
    const first = await ask(app, path);
    expect(await jsonOf(first.clone())).toMatchObject({ loggedStep: 1, curves: { loss: [[1, 1]] }, unreadable: 0 });
    const unchanged = await ask(app, path, { headers: { 'if-none-match': first.headers.get('etag')! } });
    expect(unchanged.status).toBe(304);
    appendFileSync(
      join(folder, 'metrics.jsonl'),
      line(2).slice(12) + line(3, { evaluation: { accuracy: 0.5 }, others: { discriminator: { loss: 4 } } }),
    );
    expect(await jsonOf(ask(app, path))).toMatchObject({
      name: 'icons/base',
      loggedStep: 3,
      curves: {
        loss: [
          [1, 1],
          [2, 0.5],
          [3, 0.333333],
        ],
        'discriminator.loss': [[3, 4]],
      },
      evaluations: { accuracy: [[3, 0.5]] },
    });
  });

  test('a line that a kill cut short is counted; a log that was written anew is read anew', async () => {
    const folder = writeRun('a', `${line(1)}{"step":2,"lo\n${line(2)}null\n`);
    const app = studio();
    expect(await jsonOf(ask(app, '/api/runs/a'))).toMatchObject({ loggedStep: 2, unreadable: 2 });
    rmSync(join(folder, 'metrics.jsonl'));
    expect(await jsonOf(ask(app, '/api/runs/a'))).toMatchObject({ loggedStep: 0, curves: {} });
    writeFileSync(join(folder, 'metrics.jsonl'), line(1, { loss: 7 }));
    expect(await jsonOf(ask(app, '/api/runs/a'))).toMatchObject({ curves: { loss: [[1, 7]] }, unreadable: 0 });
  });

  test('a long run has short curves whose means are those of the log', async () => {
    const steps = 5 * mostPoints;
    writeRun('long', Array.from({ length: steps }, (_, i) => line(i + 1, { loss: i + 1 })).join(''));
    const { curves } = await jsonOf(ask(studio(), '/api/runs/long'));
    const points = curves.loss as [number, number][];
    expect(points.length).toBeLessThanOrEqual(mostPoints);
    expect(points.at(-1)![0]).toBe(steps);
    // Spans of eight steps whose loss is the step: the mean lies 3.5 before the last.
    expect(points.every(([step, value]) => step - value === 3.5)).toBe(true);
  });

  test('a run that is gone, or never was, is named', async () => {
    const folder = writeRun('a', line(1));
    const app = studio();
    expect((await ask(app, '/api/runs/a')).status).toBe(200);
    rmSync(folder, { recursive: true });
    const gone = await ask(app, '/api/runs/a');
    expect(gone.status).toBe(404);
    expect((await jsonOf(gone))['error'].message).toBe(`there is no run "a" in ${runs}, or not any more`);
  });

  test('sample grids are served; links that lead out of the folder are not', async () => {
    const folder = writeRun('a');
    writeFileSync(join(folder, 'samples', 'step-000100.png'), 'png');
    writeFileSync(join(folder, 'samples', 'step-000200.png.part'), '');
    symlinkSync(join(dir, 'secret.txt'), join(folder, 'samples', 'step-000300.png'));
    const app = studio();
    expect((await jsonOf(ask(app, '/api/runs/a')))['samples']).toEqual([100]);
    const grid = await ask(app, '/api/runs/a/samples/100');
    expect([grid.headers.get('content-type'), await grid.text()]).toEqual(['image/png', 'png']);
    expect((await ask(app, '/api/runs/a/samples/200')).status).toBe(404);
    expect((await ask(app, '/api/runs/a/samples/300')).status).toBe(404);
  });

  test('the machine is measured, and the process that trains a run where the system tells of it', async () => {
    const folder = writeRun('a');
    const lock = await lockRun(folder);
    try {
      const app = studio();
      const { processors, memory, training } = await jsonOf(ask(app, '/api/machine'));
      expect(processors.count).toBeGreaterThan(0);
      expect(memory.used).toBeGreaterThan(0);
      expect(memory.used).toBeLessThanOrEqual(memory.bytes);
      if (process.platform === 'linux')
        expect(training).toEqual([{ run: 'a', processors: null, residentBytes: expect.any(Number) }]);
      expect((await jsonOf(ask(app, '/api/runs')))['data'][0].state).toBe('training');
    } finally {
      await lock.release();
    }
  });
});
