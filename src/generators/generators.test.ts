import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchedFiles, filesInMemory, folderFiles, writeModelFolder } from '../checkpoint/index.ts';
import { createInterpreter, float32, RandomStream, type FloatArray } from '../core/index.ts';
import { classConditions, schedulerConfig } from '../diffusion/index.ts';
import { UNet2DModel, type UNet2DOptions } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { enlarge, openSampler, sampleImages } from '../pipelines/index.ts';
import { cascade, exactGenerator, generateImages, type ImageGenerator, openGenerator } from './index.ts';
import { modelGenerator } from './open-generator.ts';

const dir = mkdtempSync(join(tmpdir(), 'kuosan-generators-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const executor = createInterpreter();

const tiny: UNet2DOptions = {
  inChannels: 1,
  outChannels: 1,
  blockOutChannels: [4],
  layersPerBlock: 1,
  normNumGroups: 2,
  addAttention: false,
  downBlockTypes: ['DownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
};
/** Weights that are not nearly zero at the end. */
function lively(unet: UNet2DModel, seed: number): ReturnType<typeof initialValues> {
  const normals = (name: string, size: number) => new RandomStream(seed, name).fillNormal(new Float32Array(size));
  return new Map(
    [...initialValues(unet, seed)].map(([name, value]) => [
      name,
      /conv_out\.weight|class_embedding/.test(name)
        ? float32(
            value.shape,
            normals(name, value.data.length).map((z) => z / 4),
          )
        : value,
    ]),
  );
}
const base = new UNet2DModel({ ...tiny, sampleSize: 4, numClassEmbeds: 3 });
const upscaler = new UNet2DModel({ ...tiny, sampleSize: 8, inChannels: 2 });
const scheduler = schedulerConfig({ numTrainTimesteps: 30, predictionType: 'v_prediction' });
const superResolution = { factor: 2, upsampling: 'bicubic', noiseAugmentation: 0 } as const;
const image = float32(
  [1, 4, 4],
  Float32Array.from({ length: 16 }, (_, i) => Math.sin(i)),
);

beforeAll(async () => {
  await writeModelFolder(join(dir, 'base'), {
    network: base,
    weights: lively(base, 1),
    scheduler,
    classes: { names: ['round', 'square'], nullClass: 2 },
    sampling: { sample: { sampler: 'euler-ancestral', steps: 3, guidanceScale: 2 } },
  });
  await writeModelFolder(join(dir, 'upscaler'), {
    network: upscaler,
    weights: lively(upscaler, 2),
    scheduler,
    superResolution,
  });
});

const openBase = (batchSize = 2) => openGenerator(executor, folderFiles(join(dir, 'base')), { batchSize });

describe('a generator opened from a folder', () => {
  test('says what it takes, and samples as its folder says when nobody else does', async () => {
    const generator = await openBase();
    expect(generator).toMatchObject({
      shape: [1, 4, 4],
      takes: {
        classes: { count: 3, names: ['round', 'square'] },
        image: { use: 'optional', shape: [1, 4, 4] },
        mask: true,
        guidance: true,
      },
      defaults: { sample: { sampler: 'euler-ancestral', steps: 3, guidanceScale: 2 } },
    });
    const sampler = await openSampler(executor, {
      network: base,
      scheduler,
      weights: lively(base, 1),
      nothing: classConditions([2]),
      batchSize: 2,
    });
    const conditions = classConditions([0, 1, 0]);
    const by = (options: object) => sampleImages(sampler, { seed: 5, count: 3, conditions, ...options });
    // All classes in turn.
    expect(await generateImages(generator, { seed: 5, count: 3 })).toEqual(
      await by({ sampler: 'euler-ancestral', steps: 3, guidanceScale: 2 }),
    );
    // Another sampler has its own steps; the guidance is the model's all the same.
    expect(
      await generateImages(generator, { seed: 5, count: 3, classes: ['round', 1, 0], sampling: { sampler: 'unipc' } }),
    ).toEqual(await by({ sampler: 'unipc', steps: 20, guidanceScale: 2 }));
    expect(generator.check({ sampling: { sampler: 'dpm2', guidanceScale: 1 } })).toMatchObject({
      sample: { sampler: 'dpm2', steps: 18, guidanceScale: 1 },
    });
  });

  test('tells its progress, with estimates on the way, and the images once each', async () => {
    const generator = await openBase();
    const seen: unknown[] = [];
    for await (const { stage, done, total, step, steps, places, preview, finished } of generator.generate({
      seed: 1,
      count: 3,
    })) {
      seen.push([stage, done, total, step, steps, places.join(), finished !== undefined]);
      expect(preview!.shape).toEqual([places.length, 1, 4, 4]);
    }
    expect(seen).toEqual([
      ...[0, 1, 2].map((step) => ['sample', step + 1, 6, step, 3, '0,1', step === 2]),
      ...[0, 1, 2].map((step) => ['sample', step + 4, 6, step, 3, '2', step === 2]),
    ]);
  });

  test('an image is the same alone and in company, also of other seeds', async () => {
    const generator = await openBase(4);
    const rows = ({ data }: FloatArray, i: number) => [...data.subarray(i * 16, (i + 1) * 16)];
    const together = await generateImages(generator, {
      count: 3,
      ids: [
        { seed: 9, index: 2 },
        { seed: 4, index: 0 },
        { seed: 9, index: 0 },
      ],
      classes: [1, 0, 0],
    });
    const nine = await generateImages(generator, { seed: 9, count: 3, classes: [0, 0, 1] });
    const four = await generateImages(generator, { seed: 4, classes: [0] });
    expect([rows(together, 0), rows(together, 1), rows(together, 2)]).toEqual([
      rows(nine, 2),
      rows(four, 0),
      rows(nine, 0),
    ]);
  });

  test('changes an image, each from one of its own, and paints under a mask', async () => {
    const generator = await openBase();
    expect((await generateImages(generator, { image, strength: 0 })).data).toEqual(image.data);
    const two = float32([2, 1, 4, 4], [...image.data, ...image.data.map((x) => -x)]);
    const changed = await generateImages(generator, { image: two, count: 2, classes: [0], strength: 0.1 });
    const closer = (b: number, sign: number) =>
      changed.data.slice(b * 16, b * 16 + 16).reduce((sum, x, i) => sum + (x - sign * image.data[i]!) ** 2, 0);
    expect(closer(0, 1)).toBeLessThan(closer(0, -1));
    expect(closer(1, -1)).toBeLessThan(closer(1, 1));
    const mask = float32(
      [1, 4, 4],
      Float32Array.from({ length: 16 }, (_, i) => (i < 8 ? 1 : 0)),
    );
    const painted = await generateImages(generator, {
      image,
      mask,
      sampling: { steps: 4 },
      jumps: { jumpLength: 2, resamples: 1 },
    });
    expect(painted.data.slice(8)).toEqual(image.data.slice(8));
    expect(painted.data.slice(0, 8)).not.toEqual(image.data.slice(0, 8));
  });

  test.each([
    [{ count: 0 }, 'generate: count: expected an integer of 1 or more, got 0'],
    [{ prompts: ['a'] }, 'generate: prompts: this model takes no text; leave it out'],
    [{ classes: ['rund'] }, 'unknown class "rund"; did you mean round?'],
    [{ classes: [3] }, 'generate: classes: this model has classes 0 to 2, got 3'],
    [{ classes: [0, 1] }, 'generate: classes are 2, and count is 1; give one for each image, or one for all'],
    [{ ids: [] }, 'generate: ids are 0, and count is 1; give one for each image'],
    [{ image: float32([1, 2, 2]) }, 'generate: image is f32[1, 2, 2], expected [1, 4, 4] for all'],
    [
      { mask: float32([1, 4, 4]) },
      'generate: mask: says which part of an image is painted anew, and there is no image; give one',
    ],
    [{ sampling: { steps: 31 } }, 'the number of steps must be an integer in 1 … 30, got 31'],
  ])('refuses %j before anything is computed, in one line', async (request, message) => {
    const generator = await openBase();
    expect(() => generator.check(request)).toThrow(message);
    await expect(generateImages(generator, request)).rejects.toThrow(message);
  });
});

describe('the files of a model', () => {
  const files = () => {
    const names = readdirSync(join(dir, 'base'), { recursive: true, encoding: 'utf8' });
    return new Map(
      names
        .filter((name) => name.includes('.'))
        .map((name) => [name, new Uint8Array(readFileSync(join(dir, 'base', name)))]),
    );
  };

  test('may lie in memory or behind an address, and give the same generator', async () => {
    const asked = { seed: 3, count: 2 };
    const expected = await generateImages(await openBase(), asked);
    expect(
      await generateImages(await openGenerator(executor, filesInMemory(files()), { batchSize: 2 }), asked),
    ).toEqual(expected);
    const requests: string[] = [];
    const bytes: [string, number, number | undefined][] = [];
    const server = async (url: string | URL | Request, options?: RequestInit) => {
      const path = String(url).replace('https://models.test/base/', '');
      requests.push(`${options?.method} ${path}`);
      const content = files().get(path);
      return content
        ? new Response(options?.method === 'HEAD' ? null : content, {
            headers: { 'content-length': String(content.length) },
          })
        : new Response('', { status: 404 });
    };
    const fetched = fetchedFiles('https://models.test/base/', {
      fetch: server as typeof fetch,
      onBytes: (...told) => bytes.push(told),
    });
    expect(await generateImages(await openGenerator(executor, fetched, { batchSize: 2 }), asked)).toEqual(expected);
    // Nothing is fetched twice.
    const got = requests.filter((request) => request.startsWith('GET'));
    expect(new Set(got).size).toBe(got.length);
    const weights = 'unet/diffusion_pytorch_model.safetensors';
    expect(bytes.filter(([path]) => path === weights).at(-1)).toEqual([
      weights,
      files().get(weights)!.length,
      files().get(weights)!.length,
    ]);
  });

  test.each([
    [
      'nothing is there',
      () => filesInMemory(new Map()),
      'checkpoint memory: there is no model_index.json and no config.json',
    ],
    [
      'another pipeline',
      () => filesInMemory(files().set('model_index.json', new TextEncoder().encode('{"_class_name": "FluxPipeline"}'))),
      'checkpoint memory/model_index.json: pipeline "FluxPipeline" is not supported; one of DDPMPipeline, DDIMPipeline',
    ],
    [
      'a part is missing',
      () => {
        const some = files();
        some.delete('scheduler/scheduler_config.json');
        return filesInMemory(some);
      },
      'checkpoint memory/scheduler/scheduler_config.json: there is no such file',
    ],
  ])('say in one line that %s', async (_, place, message) => {
    await expect(openGenerator(executor, place())).rejects.toThrow(message);
  });

  test('behind an address that answers with a page or an error say so', async () => {
    const answering = (response: () => Response) =>
      fetchedFiles('https://models.test/x', { fetch: (async () => response()) as typeof fetch });
    await expect(
      openGenerator(
        executor,
        answering(() => new Response('<html>', { headers: { 'content-type': 'text/html' } })),
      ),
    ).rejects.toThrow('there is no model_index.json');
    await expect(
      openGenerator(
        executor,
        answering(() => new Response('', { status: 500, statusText: 'Oops' })),
      ),
    ).rejects.toThrow('https://models.test/x/model_index.json could not be loaded (500 Oops)');
  });
});

describe('a cascade', () => {
  const stage = async (): Promise<ImageGenerator> => {
    const model = {
      network: upscaler,
      weights: lively(upscaler, 2),
      scheduler,
      superResolution,
      classes: null,
      path: 'upscaler',
      notes: [],
    };
    return modelGenerator(executor, model, { batchSize: 3, stage: 'super-resolution 1' });
  };

  test('enlarges what its first stage makes, each stage with random numbers of its own', async () => {
    const first = await openBase();
    const second = await stage();
    const both = cascade([{ generator: first }, { generator: second }]);
    expect(both).toMatchObject({
      shape: [1, 8, 8],
      takes: { classes: { names: ['round', 'square'] }, guidance: true },
    });
    expect(Object.keys(both.defaults)).toEqual(['sample', 'super-resolution 1']);
    const sampling = { steps: 4, stages: { 'super-resolution 1': { sampler: 'ddim', steps: 2 } } } as const;
    const small = await generateImages(first, { seed: 2, count: 3, sampling: { steps: 4 } });
    const sampler = await openSampler(executor, {
      network: upscaler,
      scheduler,
      weights: lively(upscaler, 2),
      batchSize: 3,
    });
    const expected = await sampleImages(sampler, {
      seed: 2,
      count: 3,
      purpose: 'super-resolution 1',
      sampler: 'ddim',
      steps: 2,
      conditions: { image: enlarge(small, superResolution) },
    });
    const seen: [string, number][] = [];
    const found = await generateImages(both, { seed: 2, count: 3, sampling }, ({ stage: name, done, total }) =>
      seen.push([name, done / total]),
    );
    expect(found).toEqual(expected);
    const shares = seen.map(([, share]) => share);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
    expect(new Set(seen.map(([name]) => name))).toEqual(new Set(['sample', 'super-resolution 1']));
  });

  test('says which stages do not fit', async () => {
    const [first, second] = [await openBase(), await stage()];
    expect(() => cascade([])).toThrow('cascade: there are no stages');
    expect(() => cascade([{ generator: first }, { generator: first }])).toThrow(
      'cascade: the stage sample takes no image to begin with',
    );
    expect(() => cascade([{ generator: second }, { generator: second }])).toThrow(
      'cascade: super-resolution 1 makes images of [1, 8, 8], and super-resolution 1 takes [1, 4, 4]',
    );
  });
});

test('the exact generator makes the images that it knows', async () => {
  const images = float32([2, 1, 4, 4], [...image.data, ...image.data.map((x) => -x)]);
  const generator = exactGenerator({ images, scheduler });
  const made = await generateImages(generator, { seed: 1, count: 2 });
  for (const b of [0, 1]) {
    const distance = (k: number) =>
      Math.hypot(...Array.from({ length: 16 }, (_, i) => made.data[b * 16 + i]! - images.data[k * 16 + i]!));
    expect(Math.min(distance(0), distance(1))).toBeLessThan(0.05);
  }
  expect(() => generator.check({ sampling: { guidanceScale: 2 } })).toThrow(
    'guidanceScale: the exact denoiser is unconditional, so it cannot be guided',
  );
});
