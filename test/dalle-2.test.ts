/** DALL·E 2 from captions to images: prior and decoder trained, resumed, put together, and asked. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folderFiles, latestCheckpoint } from '../src/checkpoint/index.ts';
import { float32, type FloatArray } from '../src/core/index.ts';
import { runAssemble } from '../src/cli/export/run-assemble.ts';
import { readImage, writePng } from '../src/data/index.ts';
import { takeRows } from '../src/diffusion/index.ts';
import { readSafetensors } from '../src/formats/index.ts';
import {
  generateImages,
  openGenerator,
  variationRequest,
  type GenerateProgress,
  type ImageGenerator,
} from '../src/generators/index.ts';
import { cosine } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { configuredRun } from '../src/systems/index.ts';
import { trainingRun } from '../src/train/index.ts';
import { runHere, workingFolder } from './run-here.ts';
import { captions, smallDallE2, writeRandomClip, writeRows } from './small-dalle-2.ts';

const root = workingFolder('dalle-2');
const [data, clip] = [join(root, 'data'), join(root, 'clip')];
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

/** KUOSAN_PYTHON, or the Python on the path, if it has what is needed. */
const python = [process.env['KUOSAN_PYTHON'], 'python3'].find(
  (command) =>
    command !== undefined &&
    spawnSync(command, ['-c', 'import PIL, torch, diffusers, transformers, safetensors'], { stdio: 'ignore' })
      .status === 0,
);

const grayOf8 = { size: 8, channels: 1 } as const;
const { train, prior, autoregressivePrior, decoder, upsampler } = smallDallE2({ data, clip });

beforeAll(async () => {
  await writeRandomClip(clip);
  await writeRows(data);
});

interface Trained {
  readonly losses: number[];
  readonly evaluation: Readonly<Record<string, number>> | undefined;
}

async function trained(config: object, out: string, resume = false): Promise<Trained> {
  const plan = await configuredRun({ ...config }).plan(resume ? { resumeFrom: out } : {});
  const losses: number[] = [];
  let evaluation: Trained['evaluation'];
  for await (const event of trainingRun(plan, { out, executor, resume })) {
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    evaluation = event.evaluation ?? evaluation;
  }
  return { losses, evaluation };
}

const mean = (values: readonly number[]) => values.reduce((total, x) => total + x, 0) / values.length;

/** Goes on from the middle, and compares with the run that went through. */
async function expectSameResumed(config: object, whole: string, steps: [half: string, last: string], files: string[]) {
  const stopped = `${whole}-stopped`;
  const [half, last] = steps;
  cpSync(whole, stopped, { recursive: true });
  rmSync(join(stopped, `checkpoints/step-${last}`), { recursive: true });
  writeFileSync(join(stopped, 'latest'), readFileSync(join(stopped, 'latest'), 'utf8').replace(last, half));
  const { losses } = await trained(config, stopped, true);
  for (const file of files) {
    const of = (out: string) => readFileSync(join(out, `checkpoints/step-${last}`, file));
    expect(of(stopped).equals(of(whole)), file).toBe(true);
  }
  return losses;
}

const open = async (out: string): Promise<ImageGenerator> =>
  openGenerator(executor, folderFiles((await latestCheckpoint(out))!.path), { batchSize: 4 });

/** Which of the rows is darkest, of each image. */
function darkRows({ data: values, shape: [count = 0, , height, width] }: FloatArray): number[] {
  const area = height! * width!;
  return Array.from({ length: count }, (_, b) => {
    const ink = captions.map((_, row) => {
      const from = b * area + (2 * row + 1) * width!;
      return mean([...values.subarray(from, from + width!)]);
    });
    return ink.indexOf(Math.min(...ink));
  });
}

/** [1, 8, 8] for each caption. */
const rowImages: readonly FloatArray[] = captions.map((_, row) => {
  const pixels = new Float32Array(64).fill(0.96);
  pixels.fill(-0.98, (2 * row + 1) * 8, (2 * row + 2) * 8);
  return float32([1, 8, 8], pixels);
});

const priorRun = join(root, 'prior');
const decoderRun = join(root, 'decoder');

/** The mean cosine of the held-out pairs, as the first prior's run measured it. */
let pairs: number | undefined;

/** What a run that begins with another's model must not take anew from its own data. */
async function expectKeptOnOtherData(
  config: { readonly data: object },
  run: string,
  names: readonly string[],
): Promise<void> {
  writeFileSync(join(data, 'fewer.txt'), Array.from({ length: 15 }, (_, i) => `${2 * i}.png`).join('\n'));
  const fewer = { ...config, data: { ...config.data, files: 'fewer.txt' } };
  const once = { ...train, steps: 1, checkpointEvery: 1 };
  const kept = async (of: string) => {
    const { path } = (await latestCheckpoint(of))!;
    const { tensors } = readSafetensors(readFileSync(join(path, 'prior/diffusion_pytorch_model.safetensors')));
    return names.map((name) => [...(tensors.get(name)!.data as Float32Array)]);
  };
  await trained({ ...fewer, train: { ...once, init: run } }, `${run}-on-fewer`);
  expect(await kept(`${run}-on-fewer`)).toEqual(await kept(run));
  await trained({ ...fewer, train: once }, `${run}-anew`);
  expect(await kept(`${run}-anew`)).not.toEqual(await kept(run));
}

describe('a prior', () => {
  let whole: Trained;

  test('learns the embeddings of images from captions, and is measured on others', async () => {
    whole = await trained(prior, priorRun);
    expect(mean(whole.losses.slice(-10))).toBeLessThan(0.6 * mean(whole.losses.slice(0, 3)));
    const { cosineToImage, cosineToText, cosineOfPairs } = whole.evaluation!;
    expect(cosineToImage).toBeGreaterThan(0.5);
    expect(cosineToImage).toBeGreaterThan(cosineToText!);
    pairs = cosineOfPairs;
  }, 120_000);

  test('resumes bit for bit', async () => {
    const losses = await expectSameResumed(
      prior,
      priorRun,
      ['000060', '000080'],
      ['prior/diffusion_pytorch_model.safetensors', 'training/state.safetensors', 'kuosan.json'],
    );
    expect(losses).toEqual(whole.losses.slice(60));
  }, 120_000);

  test('keeps the statistics of the model that it begins with, whatever the data', async () => {
    await expectKeptOnOtherData(prior, priorRun, ['clip_mean', 'clip_std']);
  }, 60_000);

  test('says that it makes no images', async () => {
    await expect(open(priorRun)).rejects.toThrow(
      /holds a prior, which makes embeddings and no images; put it together with a decoder: kuosan assemble /,
    );
  });

  test('refuses what does not fit', async () => {
    const refused = (config: object) => configuredRun(config as Record<string, unknown>).plan({});
    const unequal = join(root, 'unequal');
    await writeRandomClip(unequal, { hidden: 8 });
    await expect(refused({ ...prior, clip: { model: unequal } })).rejects.toThrow(
      "config.clip.model: the text tower's hidden states have 8 values and the embeddings 12",
    );
    await expect(refused({ ...prior, clip: { model: join(root, 'none') } })).rejects.toThrow(/^config\.clip\.model: /);
    await expect(refused({ ...prior, scheduler: { betaSchedule: 'linear' } })).rejects.toThrow(
      'config.scheduler: diffusers\' UnCLIPScheduler has no betaSchedule "linear"; expected cosine',
    );
    await expect(refused({ ...prior, data: { source: data } })).rejects.toThrow(
      'config.train.evaluateEvery is 80, and no held-out images are named; name them (data.testFiles)',
    );
  });
});

const autoregressiveRun = join(root, 'autoregressive-prior');

describe('an autoregressive prior', () => {
  let whole: Trained;

  test('learns the buckets of embeddings from captions, and is measured as the diffusion prior is', async () => {
    whole = await trained(autoregressivePrior, autoregressiveRun);
    // Of buckets that are as likely as each other.
    expect(whole.losses[0]).toBeCloseTo(Math.log(16), 0);
    expect(mean(whole.losses.slice(-10))).toBeLessThan(0.6 * mean(whole.losses.slice(0, 3)));
    const { cosineToImage, cosineToText, cosineOfPairs } = whole.evaluation!;
    expect(cosineToImage).toBeGreaterThan(0.5);
    expect(cosineToImage).toBeGreaterThan(cosineToText!);
    // The CLIP and the held-out pairs are the same.
    expect(cosineOfPairs).toBeCloseTo(pairs!, 6);
  }, 120_000);

  test('says how much of the embeddings its components hold', async () => {
    const plan = await configuredRun({ ...autoregressivePrior }).plan({});
    const { notes, dispose } = await plan.prepare!(executor, {});
    expect(notes().at(-1)).toMatch(
      /^4 of 12 principal components hold \d+\.\d % of the embeddings' variance; \d+ hold 99\.0 % \(model\.numComponents\)$/,
    );
    await dispose();
  });

  test('resumes bit for bit', async () => {
    const losses = await expectSameResumed(
      autoregressivePrior,
      autoregressiveRun,
      ['000060', '000080'],
      ['prior/diffusion_pytorch_model.safetensors', 'training/state.safetensors', 'kuosan.json'],
    );
    expect(losses).toEqual(whole.losses.slice(60));
  }, 120_000);

  test('keeps the buckets of the model that it begins with, whatever the data', async () => {
    await expectKeptOnOtherData(autoregressivePrior, autoregressiveRun, [
      'clip_mean',
      'clip_components',
      'bucket_start',
      'bucket_width',
    ]);
  }, 60_000);

  test('refuses buckets of similarities that no pair is in', async () => {
    const model = { ...autoregressivePrior.model, numSimilarities: 64 };
    const plan = await configuredRun({ ...autoregressivePrior, model }).plan({});
    await expect(plan.prepare!(executor, {})).rejects.toThrow(
      'config.model.numSimilarities is 64, and the cosines of the pairs make only 30 buckets; take at most so many',
    );
  });

  test('says that it makes no images, and refuses more components than there are', async () => {
    await expect(open(autoregressiveRun)).rejects.toThrow(/holds a prior, which makes embeddings and no images/);
    const refused = (model: object) => configuredRun({ ...autoregressivePrior, model }).plan({});
    await expect(refused({ ...autoregressivePrior.model, numComponents: 13 })).rejects.toThrow(
      "config.model.numComponents is 13, and the CLIP's embeddings have 12 values; take at most so many",
    );
  });
});

describe('a decoder', () => {
  let whole: Trained;

  test('learns images from their embeddings', async () => {
    whole = await trained(decoder, decoderRun);
    expect(mean(whole.losses.slice(-10))).toBeLessThan(0.6 * mean(whole.losses.slice(0, 3)));
  }, 120_000);

  test('resumes bit for bit', async () => {
    const losses = await expectSameResumed(
      decoder,
      decoderRun,
      ['000080', '000100'],
      [
        'decoder/diffusion_pytorch_model.safetensors',
        'text_proj/diffusion_pytorch_model.safetensors',
        'training/state.safetensors',
        'kuosan.json',
      ],
    );
    expect(losses).toEqual(whole.losses.slice(80));
  }, 120_000);

  test('draws an image again from its embedding, whatever the text', async () => {
    const generator = await open(decoderRun);
    const images = float32([3, 1, 8, 8], Float32Array.from(rowImages.flatMap(({ data: own }) => [...own])));
    const embeddings = await generator.clip!.embedImages(images);
    expect(darkRows(await generateImages(generator, { seed: 3, count: 3, embeddings }))).toEqual([0, 1, 2]);
    expect(generator.notes).toEqual([
      "there is no prior: where no embedding is given, the text's own stands for that of an image",
    ]);
    const texts = await generator.clip!.embedTexts(captions);
    expect(cosine(texts.data.subarray(0, 12), texts.data.subarray(12, 24))).toBeLessThan(0.999);
    await generator.dispose();
  }, 60_000);

  test('refuses blocks in which Python masks no caption, and what the data says otherwise', async () => {
    const refused = (model: object) => configuredRun({ ...decoder, model: { ...decoder.model, ...model } }).plan({});
    await expect(refused({ midBlockType: 'UNetMidBlock2DCrossAttn' })).rejects.toThrow(
      "config.model: UNetMidBlock2DCrossAttn: diffusers' UnCLIPPipeline masks captions in the blocks called SimpleCrossAttn only; take UNetMidBlock2DSimpleCrossAttn",
    );
    await expect(refused({ outChannels: 1 })).rejects.toThrow(
      'config.model.outChannels is 1, and the data makes it 2; leave it out',
    );
  });
});

describe('a whole DALL·E 2', () => {
  const whole = join(root, 'whole');
  const upsamplerRun = join(root, 'upsampler');

  test('is put together of a prior, a decoder and an upsampler', async () => {
    await trained(upsampler, upsamplerRun);
    await runAssemble([priorRun, decoderRun, upsamplerRun], { out: whole, dtype: 'float32' });
    const generator = await openGenerator(executor, folderFiles(whole), { batchSize: 4 });
    expect(generator.shape).toEqual([1, 16, 16]);
    expect(generator.defaults).toMatchObject({
      decoder: { sampler: 'ddpm', spacing: 'linspace', steps: 8, guidanceScale: 1.5 },
      prior: { sampler: 'ddpm', spacing: 'linspace', steps: 5, guidanceScale: 2 },
      super_res: { sampler: 'ddpm', spacing: 'linspace', steps: 7 },
    });
    expect(generator.notes).toEqual([]);
    await generator.dispose();
  }, 120_000);

  test('draws what the text says, and keeps the nearer of two embeddings', async () => {
    const small = join(root, 'small');
    await runAssemble([priorRun, decoderRun], { out: small, dtype: 'float16' });
    const generator = await openGenerator(executor, folderFiles(small), { batchSize: 4 });
    expect(generator.shape).toEqual([1, 8, 8]);
    let similarities: FloatArray | undefined;
    const images = await generateImages(generator, { seed: 1, count: 3, prompts: captions }, (progress) => {
      similarities = progress.similarities ?? similarities;
    });
    expect(darkRows(images)).toEqual([0, 1, 2]);
    expect(similarities!.shape).toEqual([3, 2]);
    const again = await generateImages(generator, { seed: 1, first: 2, prompts: [captions[2]!] });
    expect([...again.data]).toEqual([...images.data.subarray(128, 192)]);
    await generator.dispose();
  }, 60_000);

  test('takes an autoregressive prior in the place of a diffusion prior', async () => {
    const folder = join(root, 'autoregressive');
    await runAssemble([autoregressiveRun, decoderRun], { out: folder, dtype: 'float32' });
    const index = JSON.parse(readFileSync(join(folder, 'model_index.json'), 'utf8')) as Record<string, unknown>;
    expect(index).toMatchObject({
      _class_name: 'AutoregressiveUnCLIPPipeline',
      _note: expect.stringContaining('diffusers has no autoregressive prior') as string,
      prior: ['kuosan', 'AutoregressivePrior'],
      decoder: ['diffusers', 'UNet2DConditionModel'],
    });
    expect(index).not.toHaveProperty('prior_scheduler');
    const generator = await openGenerator(executor, folderFiles(folder), { batchSize: 2 });
    expect(generator.defaults['prior']).toEqual({ steps: 4, guidanceScale: 2 });
    const states: GenerateProgress[] = [];
    const images = await generateImages(generator, { seed: 1, count: 3, prompts: captions }, (state) => {
      states.push(state);
    });
    expect(states.find(({ similarities }) => similarities)!.similarities!.shape).toEqual([3, 1]);
    expect(states.every(({ done }, i) => done >= (states[i - 1]?.done ?? 0))).toBe(true);
    expect(states.at(-1)!.done).toBe(states.at(-1)!.total);
    // Alone an image is what it is in a batch.
    const again = await generateImages(generator, { seed: 1, first: 2, prompts: [captions[2]!] });
    expect([...again.data]).toEqual([...images.data.subarray(128, 192)]);
    // Candidates, another scale and a negative prompt are taken, and each changes what is drawn.
    const asked = { seed: 1, first: 2, prompts: [captions[2]!] };
    const every = await generateImages(generator, { seed: 1, count: 3, prompts: captions, candidates: 3 });
    expect([...every.data]).not.toEqual([...images.data]);
    const stages = (own: object) => ({ sampling: { stages: { prior: own } } });
    const unguided = await generateImages(generator, { ...asked, ...stages({ guidanceScale: 1 }) });
    expect([...unguided.data]).not.toEqual([...again.data]);
    const away = await generateImages(generator, { ...asked, negativePrompts: [captions[0]!] });
    expect([...away.data]).not.toEqual([...again.data]);
    expect(() => generator.check({ ...asked, ...stages({ steps: 9 }) })).toThrow(
      'prior: an autoregressive prior is sampled in one step for each of its 4 components, and takes guidanceScale alone, got steps 9; leave it out',
    );
    expect(() => generator.check({ ...asked, ...stages({ sampler: 'ddim' }) })).toThrow('got sampler; leave it out');
    await generator.dispose();
  }, 120_000);

  test('varies an image from its own noise to what is nearer to it', async () => {
    const generator = await open(decoderRun);
    const [image] = rowImages;
    const distanceOf = async (preserve: boolean, eta: number) => {
      const sampling = { sampler: 'ddim', steps: 40, guidanceScale: 1, eta } as const;
      const request = await variationRequest(generator, { image: image!, count: 3, preserve, seed: 9, sampling });
      const { data } = await generateImages(generator, request);
      return mean([...data].map((x, i) => Math.abs(x - image!.data[i % 64]!)));
    };
    const preserved = await distanceOf(true, 0);
    expect(preserved).toBeLessThan(await distanceOf(false, 0));
    // Noise of the steps leads away from it.
    expect(preserved).toBeLessThan(await distanceOf(true, 1));
    await generator.dispose();
  }, 60_000);

  test('finds the noise of an image, from which its decoder makes it again', async () => {
    const generator = await open(decoderRun);
    const [image] = rowImages;
    const embeddings = await generator.clip!.embedImages(float32([1, 1, 8, 8], image!.data));
    const sampling = { sampler: 'ddim', steps: 40, guidanceScale: 1 } as const;
    const noise = await generator.invert!({ image: image!, embeddings, sampling });
    const again = await generateImages(generator, { embeddings, noise, sampling });
    const fresh = await generateImages(generator, { seed: 9, embeddings, sampling });
    const error = (made: FloatArray) => mean([...made.data].map((x, i) => Math.abs(x - image!.data[i]!)));
    expect(error(again)).toBeLessThan(error(fresh));
    await expect(generator.invert!({ image: image!, sampling })).rejects.toThrow(
      'invert: give the image and its embedding',
    );
    await generator.dispose();
  }, 60_000);

  test('varies, interpolates and edits images by command, and reranks', async () => {
    const file = (name: string) => join(root, name);
    for (const [i, name] of ['a.png', 'b.png'].entries())
      await writePng(file(name), {
        data: Uint8Array.from({ length: 64 }, (_, at) => (Math.floor(at / 8) === 2 * i + 1 ? 0 : 250)),
        width: 8,
        height: 8,
        channels: 1,
      });
    const run = async (...words: string[]) => {
      const { stdout, stderr, status } = await runHere([...words, '--threads', '1']);
      return { stdout, text: `${status}\n${stdout}\n${stderr}` };
    };
    const done = async (...words: string[]) => {
      const { text } = await run(...words);
      expect(text).toMatch(/^0\n/);
      return text;
    };
    expect(await done('variations', 'small', '--image', 'a.png', '--count', '2', '--steps', '3')).toContain(
      'variations.png: a.png 2 variations with ddpm, seed 0',
    );
    expect(
      await done('variations', 'small', '--image', 'a.png', '--components', '1,12', '--data', 'data', '--steps', '3'),
    ).toContain('from its first 1, 12 principal components');
    expect(
      await done('variations', 'small', '--image', 'a.png', '--count', '2', '--preserve', '--steps', '3'),
    ).toContain('variations.png: a.png 2 variations from its own noise with ddim, seed 0');
    expect(await done('interpolate', 'small', '--images', 'a.png,b.png', '--frames', '3', '--steps', '3')).toContain(
      'between.png: 3 images between a.png, b.png with ddim',
    );
    const texts = ['--from', 'bell', '--to', 'the golden dog'];
    expect(await done('edit', 'small', '--image', 'a.png', ...texts, '--count', '2', '--steps', '3')).toContain(
      'edited.png: a.png from "bell" to "the golden dog" in 2 images with ddim',
    );
    expect(
      await done(
        'edit',
        'small',
        '--image',
        'a.png',
        '--prompt',
        'bell',
        '--canvas',
        '2',
        '--steps',
        '3',
        '--resamples',
        '1',
      ),
    ).toContain('outpainted on a canvas of 2');
    // White above: the upper half is painted anew, the lower stays as it is.
    const halves = { data: Uint8Array.from({ length: 64 }, (_, at) => (at < 32 ? 255 : 0)), channels: 1 } as const;
    await writePng(file('mask.png'), { ...halves, width: 8, height: 8 });
    const masked = [
      'edit',
      'small',
      '--image',
      'a.png',
      '--prompt',
      'the golden dog',
      '--steps',
      '3',
      '--resamples',
      '1',
    ];
    expect(await done(...masked, '--mask', 'mask.png', '--out', 'masked.png')).toContain(
      'masked.png: a.png with the part under the mask inpainted',
    );
    const [original, repainted] = [
      await readImage(file('a.png'), grayOf8),
      await readImage(file('masked.png'), grayOf8),
    ];
    // Half a level of 256 by rounding to the model's range and back.
    for (let at = 32; at < 64; at++) expect(Math.abs(repainted.data[at]! - original.data[at]!)).toBeLessThanOrEqual(1);
    expect([...repainted.data.subarray(0, 32)]).not.toEqual([...original.data.subarray(0, 32)]);
    await writePng(file('small-mask.png'), { ...halves, width: 4, height: 16 });
    expect((await run(...masked, '--mask', 'small-mask.png')).text).toContain(
      '--mask small-mask.png is 4×16, a.png 8×8; the mask must have the size of the image',
    );
    expect(
      await done('sample', 'small', '--prompt', 'bell', '--count', '2', '--rerank', '2', '--steps', '3'),
    ).toContain('grid.png: 2 images with ddpm');

    const demo = await done('demo', 'dalle-2', '--model', 'small', '--prompt', 'bell', '--out', 'demo');
    expect(demo).toMatch(/cosine to the text: .*\(kept\)/);
    expect(demo).toContain('demo/dalle-2.png: 8×8 in ');
    expect((await run('demo', 'dalle-2', '--model', 'small', '--prompt', ' ')).text).toContain(
      '--prompt: is empty; say what the image should show',
    );
    const { text } = await run('edit', 'small', '--image', 'a.png', '--from', 'bell');
    expect(text).toContain('--from: an image is turned from one text to another');
    const other = await run('variations', upsamplerRun, '--image', 'a.png');
    expect(other.text).toContain("this model does not go through CLIP's image embeddings");
  }, 300_000);

  test('makes a cascade with an upsampler that diffusers has no room for', async () => {
    const up = join(root, 'other-upsampler');
    const { superResolution } = upsampler.objective;
    await trained({ ...upsampler, objective: { superResolution: { ...superResolution, upsampling: 'bilinear' } } }, up);
    const cascade = join(root, 'cascade');
    await runAssemble([priorRun, decoderRun, up], { out: cascade, dtype: 'float16' });
    const generator = await openGenerator(executor, folderFiles(cascade), { batchSize: 4 });
    expect(Object.keys(generator.defaults)).toEqual(['base', 'prior', 'upsampler']);
    const images = await generateImages(generator, {
      prompts: ['bell'],
      sampling: { stages: { upsampler: { steps: 2 } } },
    });
    expect(images.shape).toEqual([1, 1, 16, 16]);
    await generator.dispose();
  }, 60_000);

  test('refuses parts that do not belong together', async () => {
    const out = join(root, 'nothing');
    await expect(runAssemble([priorRun], { out, dtype: 'float16' })).rejects.toThrow(
      'assemble: a DALL·E 2 has one prior and one decoder, got 1 and 0; give a run of each',
    );
    const other = join(root, 'other-clip');
    await writeRandomClip(other, { seed: 6 });
    const run = join(root, 'other-prior');
    await trained({ ...prior, clip: { model: other }, train: { ...prior.train, steps: 1, evaluateEvery: null } }, run);
    await expect(runAssemble([run, decoderRun], { out, dtype: 'float16' })).rejects.toThrow(
      /was trained with another CLIP than .*; the embeddings of one mean nothing to the other/,
    );
  }, 60_000);

  test.skipIf(python === undefined)(
    'opens in diffusers, and draws the same from our noise (skipped where neither KUOSAN_PYTHON nor python3 has diffusers)',
    async () => {
      const out = join(root, 'python.safetensors');
      const program = join(import.meta.dirname, 'golden/unclip-pipeline.py');
      const { status, stderr } = spawnSync(python!, [program, '--open', whole, out], { encoding: 'utf8' });
      expect(`${status}\n${stderr}`).toMatch(/^0\n/);
      const theirs = readSafetensors(readFileSync(out)).tensors;
      const generator = await openGenerator(executor, folderFiles(whole), { batchSize: 2 });
      const sampling = {
        steps: 5,
        guidanceScale: 3,
        stages: { prior: { steps: 5, guidanceScale: 4 }, super_res: { steps: 3 } },
      };
      const picture = theirs.get('picture')! as FloatArray;
      const embeddings = takeRows(await generator.clip!.embedImages(picture), [0, 0]);
      for (const [name, request] of [
        // As the pipeline draws one embedding for each image.
        ['images', { prompts: ['a small red cat', 'bell'], candidates: 1 }],
        ['variations', { embeddings }],
      ] as const) {
        const ours = await generateImages(generator, { count: 2, ...request, sampling });
        const expected = theirs.get(name)!.data as Float32Array;
        const differences = ours.data.map((value, i) => Math.abs(Math.min(1, Math.max(-1, value)) - expected[i]!));
        expect(Math.max(...differences), name).toBeLessThan(1e-3);
      }
      await generator.dispose();
    },
    120_000,
  );
});
