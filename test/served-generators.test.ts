/** Generators of text and of CLIP embeddings behind a server: what is asked comes, with the bytes that the library makes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folderFiles } from '../src/checkpoint/index.ts';
import { float32, type FloatArray } from '../src/core/index.ts';
import { fromBitmaps, toBitmaps, type Bitmap } from '../src/data/index.ts';
import { takeRows } from '../src/diffusion/index.ts';
import { generateImages, openGenerator, type GenerateRequest, type ImageGenerator } from '../src/generators/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { serveModels, type TestServer } from './served-models.ts';
import { root } from './source-files.ts';
import { writeTinyTextToImage } from './tiny-text-to-image.ts';

const dir = mkdtempSync(join(tmpdir(), 'kuosan-served-'));
const golden = join(import.meta.dirname, 'golden/unclip');
const folders = {
  tiny: join(dir, 'tiny'),
  // Prior, decoder and upsampler, and the same with an image encoder in the place of the prior: 8 × 8, then 16 × 16.
  'dall-e-2': join(golden, 'pipeline'),
  variation: join(golden, 'variation'),
};
const executor = createNodeExecutor({ threads: 1, worker: false });
let server: TestServer;
let openai: OpenAI;

beforeAll(async () => {
  await writeTinyTextToImage(folders.tiny);
  server = await serveModels(folders);
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
}, 60_000);
afterAll(async () => {
  await server.close();
  await executor.dispose();
  rmSync(dir, { recursive: true, force: true });
});

const steps = { steps: 3, sampler: 'ddpm', seed: 5, response_format: 'b64_json' } as const;
const sampling = { steps: 3, sampler: 'ddpm' } as const;

/** The parts of answers that are looked at. */
interface Answer {
  readonly id: string;
  readonly notes: readonly string[];
  readonly error: { readonly param: string | null; readonly message: string };
}

async function post(path: string, body: object): Promise<{ readonly status: number; readonly json: Answer }> {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, json: (await response.json()) as Answer };
}

const generations = (body: object) => post('/v1/images/generations', { ...steps, ...body });

/** The pixels of an answer's images. */
async function pixelsOf(data: readonly { readonly b64_json?: string }[]): Promise<number[][]> {
  return Promise.all(data.map(async ({ b64_json }) => decoded(Buffer.from(b64_json!, 'base64'))));
}

/** The pixels of a file, gray ones with one value. */
async function decoded(bytes: Uint8Array | ArrayBuffer): Promise<number[]> {
  const image = sharp(bytes);
  const { channels: own } = await image.metadata();
  return [
    ...(await image
      .toColourspace(own === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer()),
  ];
}

const ofBitmaps = (images: FloatArray): number[][] => toBitmaps(images).map(({ data }) => [...data]);

async function withGenerator<T>(folder: string, work: (generator: ImageGenerator) => Promise<T>): Promise<T> {
  const generator = await openGenerator(executor, folderFiles(folder), { batchSize: 4 });
  try {
    return await work(generator);
  } finally {
    await generator.dispose();
  }
}

/** What the library makes of a request. */
const made = (folder: string, request: GenerateRequest) =>
  withGenerator(folder, async (generator) => ofBitmaps(await generateImages(generator, request)));

/** Eight by eight pixels in color. */
const picture: Bitmap = {
  width: 8,
  height: 8,
  channels: 3,
  data: Uint8Array.from({ length: 192 }, (_, i) => (i * 37) % 256),
};
const { width, height, channels, data: pixels } = picture;
const file = async (name = 'image.png') =>
  toFile(await sharp(pixels, { raw: { width, height, channels } }).png().toBuffer(), name, { type: 'image/png' });
const pictureValues = float32([3, 8, 8], fromBitmaps([picture]).data as Float32Array);

describe('a model of text to image', () => {
  test("generates what the prompt says by OpenAI's package", async () => {
    const ask = async (prompt: string) =>
      pixelsOf(
        (
          await openai.images.generate({
            model: 'tiny',
            prompt,
            n: 2,
            response_format: 'b64_json',
            ...(steps as object),
          })
        ).data!,
      );
    const said = await ask('foo bar');
    expect(said).toEqual(await made(folders.tiny, { seed: 5, count: 2, prompts: ['foo bar'], sampling }));
    expect(said).not.toEqual(await ask('('));
  });

  test('takes negative prompts, styles and guidance, each of its own request in a shared batch', async () => {
    const job = {
      model: 'tiny',
      prompt: 'foo bar',
      negative_prompt: '(',
      style: 'outline',
      guidance_scale: 3,
      seed: 5,
      ...sampling,
    };
    const asked = [job, { ...job, negative_prompt: '犬 猫' }, { ...job, style: 'filled' }];
    const images = await Promise.all(
      asked.map(async (body) => {
        const { status, json } = await post('/api/jobs', body);
        expect(status).toBe(202);
        await (await fetch(`${server.url}/api/jobs/${json.id}/events`)).text();
        const bytes = await (await fetch(`${server.url}/api/jobs/${json.id}/images/0`)).arrayBuffer();
        return decoded(bytes);
      }),
    );
    const alone = await withGenerator(folders.tiny, async (generator) => {
      const each = [];
      for (const { prompt, negative_prompt, style, guidance_scale } of asked)
        each.push(
          ofBitmaps(
            await generateImages(generator, {
              seed: 5,
              prompts: [prompt],
              negativePrompts: [negative_prompt],
              styles: [style],
              sampling: { ...sampling, guidanceScale: guidance_scale },
            }),
          )[0],
        );
      return each;
    });
    expect(images).toEqual(alone);
    expect(new Set(images.map(String)).size).toBe(3);
  });

  test('says once that a prompt is too long, and to nobody else', async () => {
    const [long, short] = await Promise.all([
      generations({ model: 'tiny', prompt: 'foo bar foo bar foo bar', n: 3 }),
      generations({ model: 'tiny', prompt: 'foo' }),
    ]);
    expect(long.status).toBe(200);
    expect(long.json.notes).toEqual([
      expect.stringMatching(/^the prompt "foo bar foo bar foo bar" has \d+ tokens, the text encoder takes 6: its end/),
    ]);
    expect(short.json.notes).toEqual([]);
  });

  test('names the nearest style to one that it does not know, and says that it has none of DALL·E 3', async () => {
    const { status, json } = await generations({ model: 'tiny', prompt: 'foo', style: 'outlin' });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ param: 'style', message: expect.stringContaining('did you mean outline?') });
    const vivid = await generations({ model: 'tiny', prompt: 'foo', style: 'vivid' });
    expect([vivid.status, vivid.json.notes]).toEqual([200, ['tiny has no style vivid: it was ignored']]);
  });

  test('says that a negative prompt has no effect without guidance', async () => {
    const { json } = await generations({ model: 'tiny', prompt: 'foo', negative_prompt: '(' });
    expect(json.notes).toEqual(['the guidance scale is 1: the negative prompt has no effect; raise guidance_scale']);
  });

  test('refuses a prompt that is not there, or longer than any', async () => {
    const missing = await generations({ model: 'tiny' });
    expect([missing.status, missing.json.error.param]).toEqual([400, 'prompt']);
    const huge = await generations({ model: 'tiny', prompt: 'a'.repeat(32_001) });
    expect([huge.status, huge.json.error.param]).toEqual([400, 'prompt']);
  });
});

describe('a DALL·E 2', () => {
  const chain = { steps: 3, seed: 7, response_format: 'b64_json' } as const;

  test('generates by prior, decoder and upsampler', async () => {
    const request = { seed: 7, count: 2, prompts: ['bell'], sampling: { steps: 3 } };
    const answer = await openai.images.generate({ model: 'dall-e-2', prompt: 'bell', n: 2, ...chain });
    expect(await pixelsOf(answer.data!)).toEqual(await made(folders['dall-e-2'], request));
  });

  test('varies an image by its CLIP embedding, the same alone and in company', async () => {
    const expected = await withGenerator(folders.variation, async (generator) => {
      const embeddings = await generator.clip!.embedImages(float32([1, 3, 8, 8], pictureValues.data));
      const request = { seed: 7, count: 2, embeddings: takeRows(embeddings, [0, 0]), sampling: { steps: 3 } };
      return ofBitmaps(await generateImages(generator, request));
    });
    const ask = async (n: number) => {
      const answer = await openai.images.createVariation({
        model: 'variation',
        image: await file(),
        n,
        response_format: 'b64_json',
        ...({ steps: 3, seed: 7 } as object),
      });
      expect((answer as unknown as { readonly notes: string[] }).notes.join()).not.toContain('SDEdit');
      return pixelsOf(answer.data!);
    };
    expect(await ask(2)).toEqual(expected);
    const together = await Promise.all([ask(2), ask(1), ask(1)]);
    expect(together).toEqual([expected, [expected[0]], [expected[0]]]);
  });

  test('says that it changed pixels where strength asks for it, or where it has no image encoder', async () => {
    const image = (await sharp(pixels, { raw: { width, height, channels } }).png().toBuffer()).toString('base64');
    for (const [body, note] of [
      [{ model: 'variation', strength: 0.5 }, 'strength changes pixels, not what variation sees'],
      [{ model: 'dall-e-2' }, 'dall-e-2 has no variations of its own'],
    ] as const) {
      const { status, json } = await post('/v1/images/variations', { ...chain, image, ...body });
      expect(status).toBe(200);
      expect(json.notes).toContain(`${note}: the image was changed by noise and denoising (SDEdit)`);
    }
  });

  test('paints the part under a mask anew', async () => {
    // Transparent above, opaque below; of the image's size.
    const alpha = Uint8Array.from({ length: 256 }, (_, i) => (i % 4 === 3 && i < 128 ? 0 : 255));
    const mask = await toFile(
      await sharp(alpha, { raw: { width, height, channels: 4 } })
        .png()
        .toBuffer(),
      'mask.png',
      { type: 'image/png' },
    );
    const answer = await openai.images.edit({
      model: 'dall-e-2',
      image: await file(),
      mask,
      prompt: 'bell',
      response_format: 'b64_json',
      ...({ steps: 3, seed: 7 } as object),
    });
    const request = {
      seed: 7,
      prompts: ['bell'],
      image: pictureValues,
      mask: float32(
        [1, 8, 8],
        Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 1 : 0)),
      ),
      sampling: { steps: 3 },
    };
    expect(await pixelsOf(answer.data!)).toEqual(await made(folders['dall-e-2'], request));
  });
});

test('the icons of the package are generated in the style that is asked for', async () => {
  const icons = await serveModels({ icons: join(root, 'pretrained/icons') }, { batchSize: 2 });
  try {
    const client = new OpenAI({ baseURL: `${icons.url}/v1`, apiKey: 'none' });
    const ask = async (style: string) => {
      const { data } = await client.images.generate({
        prompt: 'a folder with a heart',
        response_format: 'b64_json',
        ...({ style, seed: 1, steps: 8 } as object),
      });
      const [image] = await pixelsOf(data!);
      return image!.filter((value) => value < 128).length / image!.length;
    };
    // The same seed: a filled icon has more ink than its outline.
    expect(await ask('filled')).toBeGreaterThan(1.3 * (await ask('outline')));
  } finally {
    await icons.close();
  }
}, 120_000);
