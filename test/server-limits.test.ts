/** Who may ask a server, for how long and how much, and what it keeps. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JobStore } from '../src/server/own/job-store.ts';
import { ImageJob } from '../src/server/compute/image-job.ts';
import { KeptImages } from '../src/server/kept-images.ts';
import { serveModels, writeTinyModels, type TestServer } from './served-models.ts';

let models: Awaited<ReturnType<typeof writeTinyModels>>;
let server: TestServer;
beforeAll(async () => {
  models = await writeTinyModels();
  server = await serveModels(
    { plain: models.plain },
    { limits: { requestSeconds: 0.05 }, app: { apiKey: 'secret', corsOrigins: ['https://example.org'] } },
  );
});
afterAll(async () => {
  await server.close();
  models.remove();
});

const authorization = 'Bearer secret';

async function ask(body: object): Promise<{ readonly status: number; readonly error: Record<string, unknown> }> {
  const response = await fetch(`${server.url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ prompt: '', ...body }),
  });
  return { status: response.status, error: ((await response.json()) as { error: Record<string, unknown> }).error };
}

test('a request that waits and computes for too long is ended', async () => {
  expect(await ask({ steps: 1000, sampler: 'ddpm', n: 10 })).toMatchObject({ status: 504, error: { code: 'timeout' } });
});

test('sides, steps and images beyond the limits are refused by name', async () => {
  for (const [body, param] of [
    [{ size: '4096x4096' }, 'size'],
    [{ size: '0x0' }, 'size'],
    [{ steps: 1001 }, 'steps'],
    [{ n: 11 }, 'n'],
    [{ n: 0 }, 'n'],
  ] as const)
    expect(await ask(body)).toMatchObject({ status: 400, error: { param } });
});

describe('a server with a key', () => {
  test('tells who sends none that it is missing, and its health to everybody', async () => {
    const response = await fetch(`${server.url}/v1/models`);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { type: 'authentication_error', code: 'missing_api_key' } });
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
  });

  test('lets pages of the origins ask that it was started with, and no others', async () => {
    const from = async (origin: string) => {
      const preflight = await fetch(`${server.url}/v1/models`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
      });
      const { status } = await fetch(`${server.url}/v1/models`, { headers: { origin, authorization } });
      return [preflight.headers.get('access-control-allow-origin'), status];
    };
    expect(await from('https://example.org')).toEqual(['https://example.org', 200]);
    expect(await from('https://example.com')).toEqual([null, 403]);
  });
});

describe('what is kept', () => {
  test('are images of so many bytes together, the newest', () => {
    const kept = new KeptImages({ keptBytes: 25, keptSeconds: 60 });
    const names = [1, 2, 3].map((value) => kept.add({ bytes: new Uint8Array(10).fill(value), format: 'png' }));
    expect(names.map((name) => kept.get(name)?.bytes[0])).toEqual([undefined, 2, 3]);
    expect(kept.bytes).toBe(20);
    expect(kept.get('nothing.png')).toBeUndefined();
    const passing = new KeptImages({ keptBytes: 25, keptSeconds: -1 });
    expect(passing.get(passing.add({ bytes: new Uint8Array(1), format: 'png' }))).toBeUndefined();
    expect(passing.bytes).toBe(0);
  });

  test('are jobs that run, and those that ended while there is room', () => {
    const job = (): ImageJob =>
      new ImageJob({
        model: 'plain',
        ids: [{ seed: 0, index: 0 }],
        isVariation: false,
        sampling: {},
        output: { format: 'png', previews: 0 },
        notes: [],
      });
    const store = new JobStore({ keptBytes: 25, keptSeconds: 60 });
    const jobs = [job(), job(), job()];
    const running = store.add(job());
    const added = jobs.map((each) => store.add(each));
    for (const each of jobs) each.finishImage(0, new Uint8Array(10));
    expect(store.list().map(({ id }) => id)).toEqual([added[2]!.id, added[1]!.id, running.id]);
    expect(store.get(added[0]!.id)).toBeUndefined();
  });
});
