/** The official client against a running server. */
import { join } from 'node:path';
import OpenAI, { APIError, toFile } from 'openai';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pythonWith } from './python.ts';
import { serveModels, writeTinyModels, type TestServer } from './served-models.ts';
import { root } from './source-files.ts';

let models: Awaited<ReturnType<typeof writeTinyModels>>;
let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  models = await writeTinyModels();
  server = await serveModels({ 'dall-e-2': models.plain, classes: models.classes }, { app: { apiKey: 'secret' } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'secret', maxRetries: 0 });
});
afterAll(async () => {
  await server.close();
  models.remove();
});

/** What OpenAI's types have no place for. */
type Extended<T> = T & { readonly seed: number; readonly index: number; readonly notes: readonly string[] };

const png = async (size: number, background = { r: 200, g: 40, b: 90, alpha: 1 }) =>
  sharp({ create: { width: size, height: size, channels: 4, background } })
    .png()
    .toBuffer();

const sizeOfImage = async (b64: string | undefined) => {
  const { width, height, format } = await sharp(Buffer.from(b64!, 'base64')).metadata();
  return { width, height, format };
};

/** The error that a request ends with. */
async function problemOf(request: Promise<unknown>): Promise<APIError> {
  const error: unknown = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
}

/** What TypeScript's types of the client have no name for goes along all the same. */
const few = { steps: 2 } as object;

describe("openai's package for Node", () => {
  test('lists the models', async () => {
    const names = [];
    for await (const { id } of openai.models.list()) names.push(id);
    expect(names).toEqual(['dall-e-2', 'classes']);
    expect((await openai.models.retrieve('classes')).owned_by).toBe('kuosan');
  });

  test('generates images of a prompt that the model does not take, and hears of it', async () => {
    const answer = await openai.images.generate({
      model: 'dall-e-2',
      prompt: 'a cat',
      n: 2,
      response_format: 'b64_json',
      ...few,
    });
    expect(answer.data).toHaveLength(2);
    for (const { b64_json } of answer.data!)
      expect(await sizeOfImage(b64_json)).toEqual({ width: 8, height: 8, format: 'png' });
    expect((answer as unknown as Extended<object>).notes).toEqual(['dall-e-2 takes no text: the prompt was ignored']);
  });

  test('a seed is its images, alone and among other requests', async () => {
    const ask = (seed: number, n: number) =>
      openai.images.generate({ prompt: '', n, response_format: 'b64_json', ...few, ...({ seed } as object) });
    const [alone] = (await ask(7, 1)).data!;
    const together = await Promise.all([ask(1, 3), ask(7, 2), ask(8, 1), ask(7, 1)]);
    expect(together[1]!.data![0]!.b64_json).toBe(alone!.b64_json);
    expect(together[3]!.data![0]!.b64_json).toBe(alone!.b64_json);
    expect(new Set(together.flatMap(({ data }) => data!.map(({ b64_json }) => b64_json))).size).toBe(6);
  });

  test('an address is an image, and the size is the one that was asked for', async () => {
    const answer = await openai.images.generate({ prompt: '', size: '256x256', ...few });
    // Without a key: such addresses stand in pages.
    const response = await fetch(answer.data![0]!.url!);
    expect(response.headers.get('content-type')).toBe('image/png');
    const { width, height } = await sharp(await response.arrayBuffer()).metadata();
    expect([width, height]).toEqual([256, 256]);
  });

  test('streams previews, and then the image', async () => {
    const stream = await openai.images.generate({
      prompt: '',
      stream: true,
      partial_images: 2,
      ...({ steps: 4 } as object),
    });
    const events = [];
    for await (const event of stream) events.push(event);
    // However long their encoders take: a preview never comes behind its image, where it would be lost.
    expect(events.map(({ type }) => type)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    for (const { b64_json } of events)
      expect(await sizeOfImage(b64_json)).toEqual({ width: 8, height: 8, format: 'png' });
  });

  test('edits an image: all of it, and the part under a mask', async () => {
    const image = await toFile(await png(16), 'image.png', { type: 'image/png' });
    const whole = await openai.images.edit({ image, prompt: '', response_format: 'b64_json', ...few, n: 2 });
    expect(whole.data).toHaveLength(2);
    const transparent = await sharp(await png(16))
      .composite([
        {
          input: Buffer.from('<svg width="16" height="8"><rect width="16" height="8"/></svg>'),
          gravity: 'north',
          blend: 'dest-out',
        },
      ])
      .png()
      .toBuffer();
    const mask = await toFile(transparent, 'mask.png', { type: 'image/png' });
    const answer = await openai.images.edit({ image, mask, prompt: '', response_format: 'b64_json', ...few });
    const { data } = await sharp(Buffer.from(answer.data![0]!.b64_json!, 'base64'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    // Below the mask the image is what it was.
    for (let at = 8 * 4 * 3 + 8 * 3; at < data.length; at += 3) {
      expect([...data.subarray(at, at + 3)]).toEqual([200, 40, 90]);
    }
  });

  test('varies an image, and says how', async () => {
    const image = await toFile(await png(8), 'image.png', { type: 'image/png' });
    const answer = await openai.images.createVariation({ image, n: 2, response_format: 'b64_json' });
    expect(answer.data).toHaveLength(2);
    expect((answer as unknown as Extended<object>).notes).toContainEqual(expect.stringContaining('SDEdit'));
  });

  test('gets errors that name the parameter', async () => {
    const unknown = await problemOf(openai.images.generate({ prompt: '', ...({ stesp: 3 } as object) }));
    expect(unknown).toMatchObject({ status: 400, param: 'stesp', code: 'unknown_parameter' });
    expect(unknown.message).toContain('did you mean steps?');
    const many = await problemOf(openai.images.generate({ prompt: '', n: 11 }));
    expect(many).toMatchObject({ status: 400, param: 'n', type: 'invalid_request_error' });
    const model = await problemOf(openai.images.generate({ prompt: '', model: 'dall-e-3' }));
    expect(model).toMatchObject({ status: 404, param: 'model', code: 'model_not_found' });
    expect(model.message).toContain('did you mean dall-e-2?');
    const size = await problemOf(openai.images.generate({ prompt: '', size: '1792x1024' }));
    expect(size).toMatchObject({ status: 400, param: 'size' });
    const file = await toFile(Buffer.from('no image'), 'image.png', { type: 'image/png' });
    const image = await problemOf(openai.images.edit({ image: file, prompt: '' }));
    expect(image).toMatchObject({ status: 400, param: 'image', code: 'invalid_image' });
    const sampler = await problemOf(
      openai.images.generate({ prompt: '', ...({ sampler: 'ddim', steps: 2000 } as object) }),
    );
    expect(sampler).toMatchObject({ status: 400, param: 'steps' });
    const key = await problemOf(new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'other' }).models.list());
    expect(key).toMatchObject({ status: 401, code: 'invalid_api_key' });
  });
});

const python = pythonWith('openai', 'PIL');

describe.skipIf(python === undefined)(
  "openai's package for Python (skipped where neither KUOSAN_PYTHON nor python3 has openai and Pillow)",
  () => {
    test('generates, streams, edits, varies, and gets errors', async () => {
      const { promisify } = await import('node:util');
      const { execFile } = await import('node:child_process');
      const { stdout } = await promisify(execFile)(python!, [
        join(root, 'test/golden/openai_client.py'),
        `${server.url}/v1`,
      ]);
      expect(stdout).toBe('all as expected\n');
    }, 120_000);
  },
);
