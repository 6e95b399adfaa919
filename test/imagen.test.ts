/** Text to image from captions to images: trained, resumed, opened, asked, and enlarged by a second stage. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runAssemble } from '../src/cli/export/run-assemble.ts';
import { folderFiles, latestCheckpoint } from '../src/checkpoint/index.ts';
import { float32, RandomStream, sizeOf, type FloatArray } from '../src/core/index.ts';
import { writePng } from '../src/data/index.ts';
import { linearSchedule } from '../src/diffusion/index.ts';
import { cascade, generateImages, openGenerator, type ImageGenerator } from '../src/generators/index.ts';
import { textConditioned, textConditionNames, UNet2DConditionModel } from '../src/models/index.ts';
import { runHere, workingFolder } from './run-here.ts';
import { croppedExamples, noisedImages, nothingSaid } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { configuredRun } from '../src/systems/index.ts';
import { trainingRun } from '../src/train/index.ts';
import { tinyAttentionUNet } from './tiny-attention-unet.ts';

const encoder = join(import.meta.dirname, 'golden/text-encoder-folders/sentence-bert');
const root = workingFolder('imagen');
const data = join(root, 'data');
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

// Texts that a random encoder of this size makes different vectors of.
const shapes = ['(', 'foo bar', '犬 猫 犬 猫'];
const styles = ['filled', 'outline'];

/** Eighteen images of 8 × 8 in which caption and style are plain to see: rows of ink, dark or light. */
beforeAll(async () => {
  mkdirSync(data);
  const lines: string[] = [];
  for (let i = 0; i < 18; i++) {
    const [shape, style] = [i % 3, i % 2];
    const pixels = Uint8Array.from({ length: 64 }, (_, at) =>
      Math.floor(at / 8) === 2 * shape + 1 ? (style === 0 ? 0 : 128) : 255 - (i % 5),
    );
    await writePng(join(data, `${i}.png`), { data: pixels, width: 8, height: 8, channels: 1 });
    lines.push(JSON.stringify({ file_name: `${i}.png`, text: shapes[shape], style: styles[style] }));
  }
  writeFileSync(join(data, 'metadata.jsonl'), lines.join('\n'));
});

const base = {
  task: 'imagen',
  data: { source: data, size: 8, channels: 1, fields: ['style'] },
  text: { encoder, maxTokens: 6 },
  model: { ...tinyAttentionUNet, classEmbedType: 'projection' },
  scheduler: { numTrainTimesteps: 50, betaSchedule: 'cosine', predictionType: 'v_prediction' },
  train: {
    steps: 120,
    batchSize: 9,
    learningRate: 5e-3,
    warmupSteps: 5,
    checkpointEvery: 60,
    ema: { decay: 0.9 },
    sampleEvery: 120,
    sampleCount: 4,
    sampleSteps: 3,
    samplePrompts: ['(', 'foo bar'],
  },
};

const upsampler = {
  ...base,
  data: { source: data, size: 8, channels: 1 },
  text: { encoder, maxTokens: 6, pooled: false },
  model: { ...base.model, classEmbedType: 'timestep' },
  objective: { superResolution: { factor: 2, noiseLevel: 0.1 } },
  train: { ...base.train, steps: 2, checkpointEvery: 2, sampleEvery: 2, samplePrompts: [] },
};

async function train(config: object, out: string, resume = false): Promise<number[]> {
  const plan = await configuredRun({ ...config }).plan(resume ? { resumeFrom: out } : {});
  const losses: number[] = [];
  for await (const event of trainingRun(plan, { out, executor, resume }))
    if (event.type === 'step') losses.push(event.loss);
  return losses;
}

const open = async (out: string, stage?: string): Promise<ImageGenerator> =>
  openGenerator(executor, folderFiles((await latestCheckpoint(out))!.path), { batchSize: 4, stage });

/** The mean of each pair of rows that a shape may stand in. */
function inkOf({ data: values, shape: [, , height, width] }: FloatArray, b: number): number[] {
  const area = height! * width!;
  return shapes.map((_, shape) => {
    const from = b * area + (2 * shape + 1) * width!;
    return values.subarray(from, from + width!).reduce((total, x) => total + x, 0) / width!;
  });
}

describe('text to image', () => {
  const whole = join(root, 'whole');
  let losses: number[];

  test('is trained on captions and fields', async () => {
    losses = await train(base, whole);
    const mean = (values: readonly number[]) => values.reduce((total, x) => total + x, 0) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(0.5 * mean(losses.slice(0, 3)));
  }, 120_000);

  test('resumes bit for bit', async () => {
    const stopped = join(root, 'stopped');
    cpSync(whole, stopped, { recursive: true });
    rmSync(join(stopped, 'checkpoints/step-000120'), { recursive: true });
    writeFileSync(join(stopped, 'latest'), readFileSync(join(stopped, 'latest'), 'utf8').replace('000120', '000060'));
    expect(await train(base, stopped, true)).toEqual(losses.slice(60));
    for (const file of ['unet/diffusion_pytorch_model.safetensors', 'training/state.safetensors', 'kuosan.json']) {
      const of = (out: string) => readFileSync(join(out, 'checkpoints/step-000120', file));
      expect(of(stopped).equals(of(whole)), file).toBe(true);
    }
  }, 120_000);

  test('draws what the text says, in the style that is asked for', async () => {
    const generator = await open(whole);
    expect(generator.takes.styles).toEqual([{ name: 'style', values: styles }]);
    const images = await generateImages(generator, {
      seed: 3,
      count: 6,
      prompts: [...shapes, ...shapes],
      styles: ['filled'],
    });
    for (const [b, shape] of [0, 1, 2, 0, 1, 2].entries()) {
      const ink = inkOf(images, b);
      expect(ink.indexOf(Math.min(...ink)), `${shapes[shape]}: ${ink.join(' ')}`).toBe(shape);
    }
    const light = await generateImages(generator, { seed: 3, count: 3, prompts: shapes, styles: ['outline'] });
    for (const shape of [0, 1, 2]) expect(inkOf(light, shape)[shape]!).toBeGreaterThan(inkOf(images, shape)[shape]!);
    await generator.dispose();
  }, 60_000);

  test('gives an image of a seed and a prompt the same bytes in any company', async () => {
    const generator = await open(whole);
    const alone = await generateImages(generator, { seed: 7, first: 2, prompts: ['foo bar'] });
    const together = await generateImages(generator, {
      count: 5,
      ids: [0, 1, 2, 3, 4].map((index) => ({ seed: 7, index })),
      prompts: ['(', '犬 猫 犬 猫', 'foo bar', '(', 'something else'],
    });
    expect([...together.data.subarray(2 * 64, 3 * 64)]).toEqual([...alone.data]);
    const away = await generateImages(generator, {
      seed: 7,
      first: 2,
      prompts: ['foo bar'],
      negativePrompts: ['犬 猫 犬 猫'],
    });
    expect([...away.data]).not.toEqual([...alone.data]);
    await generator.dispose();
  }, 60_000);

  test('takes hidden states as they are, and asks for no guidance that it has not learned', async () => {
    const out = join(root, 'plain');
    const model = { ...base.model, encoderHidDim: null, crossAttentionDim: 12 };
    await train({ ...base, model, text: { ...base.text, dropout: 0 }, train: { ...base.train, steps: 2 } }, out);
    const generator = await open(out);
    expect(generator.takes.guidance).toBe(false);
    expect((await generateImages(generator, { prompts: ['('], sampling: { steps: 2 } })).shape).toEqual([1, 1, 8, 8]);
    await generator.dispose();
  }, 60_000);

  test('notes captions that are cut, in a run that begins', async () => {
    const plan = await configuredRun({ ...base, text: { ...base.text, maxTokens: 4 } }).plan({});
    const prepared = await plan.prepare!(executor, {});
    expect(prepared.notes()).toEqual([
      'the caption "foo bar" has 8 tokens, the text encoder takes 4: its end is left out, and 1 more',
    ]);
    await prepared.dispose();
  });

  test('says what it does not take', async () => {
    const generator = await open(whole);
    const asked = (request: object) => generateImages(generator, request);
    await expect(asked({})).rejects.toThrow('prompts are missing: this model needs a text for each image');
    await expect(asked({ prompts: ['foo bar'], styles: ['outlin'] })).rejects.toThrow(
      'unknown style "outlin"; did you mean outline?',
    );
    await generator.dispose();
  }, 60_000);

  test('refuses a configuration that contradicts data or encoder', async () => {
    const refused = (config: object) => configuredRun(config as Record<string, unknown>).plan({});
    await expect(refused({ ...base, data: { ...base.data, fields: ['styl'] } })).rejects.toThrow(
      `config.data.fields: no line of metadata.jsonl in ${data} has "styl"`,
    );
    await expect(refused({ ...base, model: { ...base.model, encoderHidDim: 5 } })).rejects.toThrow(
      'config.model.encoderHidDim is 5, and data and text encoder make it 12; leave it out',
    );
    await expect(refused({ ...base, model: { ...base.model, classEmbedType: null } })).rejects.toThrow(
      'config.data.fields: they need model.classEmbedType "projection" or "simple_projection", got null',
    );
    await expect(refused({ ...base, text: { encoder: join(root, 'none') } })).rejects.toThrow(
      `config.text.encoder: there is no folder "${join(root, 'none')}"; docs/text-to-image.md says where one comes from`,
    );
    // Before the data is looked for.
    const elsewhere = { ...base.data, source: join(root, 'nowhere'), size: 9 };
    await expect(refused({ ...base, data: elsewhere })).rejects.toThrow(
      'config.data.size: a network of 2 levels takes multiples of 2, got 9 × 9; --size 8 or 10 fits',
    );
    await expect(refused({ ...base, model: { ...base.model, encoderHidDim: null } })).rejects.toThrow(
      "config.model.crossAttentionDim is 8, and the text encoder's hidden states have 12 values",
    );

    await expect(refused({ ...base, data: { ...base.data, randomCrop: 4 } })).rejects.toThrow(
      'config.data.randomCrop: crops are for objective.superResolution; only what enlarges images knows the rest of them',
    );
    await expect(refused({ ...upsampler, data: { ...upsampler.data, randomCrop: 5 } })).rejects.toThrow(
      'config.data.randomCrop: expected a multiple of 2 of at most 8 pixels, such as 8, got 5',
    );
    await expect(refused({ ...upsampler, model: base.model })).rejects.toThrow(
      'config.model.classEmbedType: with objective.superResolution the network is conditioned on the noise level, "timestep"',
    );
  });
});

describe('commands', () => {
  const run = join(root, 'whole');
  const out = join(root, 'out.png');

  test.each([
    [['sample', run, '--prompt', '(', '--class', '3'], '--class: this model has no classes'],
    [['sample', run], 'this model generates images of a text; say which with --prompt'],
    [['evaluate', run, '--data', data, '--bpd'], 'and evaluate --bpd has none for it'],
    [['evaluate', 'noto-32', '--data', data, '--clip', 'emoji-clip'], '--clip: needs a model of text to image'],
    [['compare', run], 'and compare has none for it'],
    [['loss-by-noise', run, '--data', data], 'and loss-by-noise has none for it'],
    [
      ['export', run, '--out', join(root, 'm.onnx')],
      'holds a model of text to image, and what is asked for here takes one',
    ],
  ])(
    '%j says what is in the way',
    async (words, message) => {
      const { status, stderr } = await runHere([...words, ...(words[0] === 'sample' ? ['--out', out] : [])]);
      expect(stderr).toContain(message);
      expect(status).not.toBe(0);
    },
    60_000,
  );

  test('write a row for each prompt, and say which are cut', async () => {
    const prompts = ['--prompt', '(', '--prompt', 'a b c d e f g h'];
    const words = ['sample', run, ...prompts, '--count', '2', '--steps', '2', '--out', out];
    const { stdout, stderr, status } = await runHere(words);
    expect(status).toBe(0);
    expect(stderr).toContain(
      'note: the prompt "a b c d e f g h" has 10 tokens, the text encoder takes 6: its end is left out',
    );
    expect(stdout).toContain('  (\n  a b c d e f g h\n');
    expect(existsSync(out)).toBe(true);
  }, 60_000);

  test('evaluate what was generated under the captions of real images', async () => {
    const words = ['evaluate', run, '--data', data, '--clip', 'emoji-clip', '--features', 'emoji-clip'];
    const { stdout, stderr, status } = await runHere([...words, '--count', '6', '--steps', '2', '--json']);
    expect(stderr).not.toContain('kuosan:');
    expect(status).toBe(0);
    const { alignment, features } = JSON.parse(stdout);
    expect(alignment).toMatchObject({ clip: 'emoji-clip', candidates: 3, generated: { count: 6 }, real: { count: 6 } });
    expect(alignment.real.top5).toBe(1);
    expect(features.count).toBe(6);
  }, 60_000);

  test('show each sample next to its nearest real image, under prompt and caption', async () => {
    writeFileSync(join(root, 'two.txt'), '(\nfoo bar\n');
    const asked = ['--prompts', join(root, 'two.txt'), '--style', 'filled', '--count', '4', '--steps', '20'];
    const sheet = join(root, 'near.png');
    const { stderr, status } = await runHere(['evaluate', run, '--data', data, ...asked, '--nearest', sheet]);
    expect(stderr).not.toContain('kuosan:');
    expect(status).toBe(0);
    const lines = readFileSync(join(root, 'near.nearest.jsonl'), 'utf8').trim().split('\n');
    const nearest = lines.map((line) => JSON.parse(line) as { readonly id: string });
    expect(nearest.map(({ id }) => shapes[Number.parseInt(id) % 3])).toEqual(['(', 'foo bar', '(', 'foo bar']);
    // One of each size: four titled rows of two images.
    expect(await sharp(sheet).metadata()).toMatchObject({ width: 344, height: 412 });
    const alone = await runHere(['evaluate', run, '--data', data, '--style', 'filled']);
    expect(alone.stderr).toContain(
      '--style: captions are sampled in the styles of their images; give it with --prompts',
    );
  }, 60_000);

  test("export a run's encoder", async () => {
    const { stdout } = await runHere(['export', run, '--text-encoder', join(root, 'encoder')]);
    expect(stdout).toContain('BertModel');
  }, 60_000);
});

describe('icons, which comes with the package', () => {
  test('generates what the prompt says, and traces it', async () => {
    const words = ['sample', 'icons', '--prompt', 'folder', '--style', 'tabler, outline', '--batch-size', '2'];
    const { status, stderr } = await runHere([
      ...words,
      '--count',
      '2',
      '--steps',
      '6',
      '--out',
      'f.png',
      '--svg',
      'svg',
    ]);
    expect(stderr).not.toContain('kuosan:');
    expect(status).toBe(0);
    const svg = readFileSync(join(root, 'svg/folder-1.svg'), 'utf8');
    expect(svg).toContain('currentColor');
    expect(svg.length).toBeLessThan(2048);
  }, 60_000);

  test('names the nearest style', async () => {
    const { status, stderr } = await runHere(['sample', 'icons', '--prompt', 'folder', '--style', 'tablr']);
    expect(status).not.toBe(0);
    expect(stderr).toContain('tabler');
  }, 60_000);
});

describe('a cascade', () => {
  const small = join(root, 'small');
  const up = join(root, 'up');

  test('is a base and a stage that enlarges its images, and is opened as one folder', async () => {
    await train(
      { ...base, data: { ...base.data, size: 4 }, train: { ...base.train, steps: 2, sampleEvery: null } },
      small,
    );
    // Trained on crops, applied to whole images.
    await train({ ...upsampler, data: { ...upsampler.data, randomCrop: 4 } }, up);
    const folder = join(root, 'cascade');
    mkdirSync(folder);
    for (const [name, out] of [
      ['base', small],
      ['upsampler', up],
    ] as const)
      cpSync((await latestCheckpoint(out))!.path, join(folder, name), { recursive: true });
    // The stages share an encoder.
    for (const name of ['base', 'upsampler']) rmSync(join(folder, name, 'text_encoder'), { recursive: true });
    cpSync(encoder, join(folder, 'text_encoder'), { recursive: true });
    writeFileSync(
      join(folder, 'model_index.json'),
      JSON.stringify({ _class_name: 'CascadePipeline', stages: ['base', 'upsampler'] }),
    );
    const whole = await openGenerator(executor, folderFiles(folder), { batchSize: 4 });
    expect(whole.shape).toEqual([1, 8, 8]);
    expect(Object.keys(whole.defaults)).toEqual(['base', 'upsampler']);
    const request = {
      seed: 1,
      count: 2,
      prompts: ['(', 'foo bar'],
      styles: ['filled'],
      sampling: { steps: 3, stages: { upsampler: { steps: 2 } } },
    };
    const made = await generateImages(whole, request);
    await whole.dispose();

    const stages = [await open(small, 'base'), await open(up, 'upsampler')];
    const chained = cascade(stages.map((generator) => ({ generator })));
    expect([...(await generateImages(chained, request)).data]).toEqual([...made.data]);
    await chained.dispose();
  }, 120_000);

  test('is assembled by a command, which refuses stages that do not fit', async () => {
    const out = join(root, 'assembled');
    await runAssemble([small, up], { out, dtype: 'float16', textEncoder: 'int8' });
    const whole = await openGenerator(executor, folderFiles(out), { batchSize: 4 });
    const images = await generateImages(whole, {
      prompts: ['('],
      sampling: { steps: 2, stages: { upsampler: { steps: 2 } } },
    });
    expect(images.shape).toEqual([1, 1, 8, 8]);
    await whole.dispose();
    const fresh = join(root, 'unfit');
    await expect(runAssemble([small, small], { out: fresh, dtype: 'float16', textEncoder: 'int8' })).rejects.toThrow(
      `assemble: ${small}/checkpoints/step-000002 starts from noise and enlarges no image, which only the first folder may; each behind it is an upsampler`,
    );
    // The same network with its weights in another order.
    const stranger = join(root, 'stranger');
    cpSync((await latestCheckpoint(up))!.path, stranger, { recursive: true, dereference: true });
    const file = join(stranger, 'text_encoder/model.safetensors');
    const bytes = readFileSync(file);
    const values = new Float32Array(new Uint8Array(bytes.subarray(8 + Number(bytes.readBigUInt64LE()))).buffer);
    bytes.set(new Uint8Array(values.reverse().buffer), bytes.length - values.byteLength);
    rmSync(file);
    writeFileSync(file, bytes);
    await expect(runAssemble([small, stranger], { out: fresh, dtype: 'float16' })).rejects.toThrow(
      `assemble: ${stranger} was trained with another text encoder than ${small}`,
    );
    expect(existsSync(fresh)).toBe(false);
    await expect(runAssemble([small, up], { out, dtype: 'float16', textEncoder: 'int8' })).rejects.toThrow(
      'exists already',
    );
  }, 120_000);
});

describe('noise-conditioning augmentation', () => {
  test('is α_s x + σ_s z at the level that the network is told', () => {
    const schedule = linearSchedule({ T: 100 });
    const images = float32([2, 1, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    const streams = [0, 1].map((b) => new RandomStream(1, 'z', b));
    const { image, noise_level: level } = noisedImages(images, [0, 0.5], schedule, streams);
    expect([...level!.data]).toEqual([0, 50]);
    expect([...image!.data].slice(0, 4)).toEqual([1, 2, 3, 4]);
    const z = new RandomStream(1, 'z', 1).fillNormal(new Float32Array(4));
    for (const [i, x] of [5, 6, 7, 8].entries())
      expect(image!.data[4 + i]).toBeCloseTo(schedule.alpha(50) * x + schedule.sigma(50) * z[i]!, 5);
  });
});

describe('random crops', () => {
  test('are windows of the images, the same for a batch whenever it is asked for', async () => {
    const x0 = float32(
      [3, 1, 6, 6],
      Float32Array.from({ length: 108 }, (_, i) => i),
    );
    const cropped = croppedExamples({ batch: async () => ({ x0 }) }, [2, 3], 5);
    const { x0: first } = await cropped.batch(4, 3);
    expect(first!.shape).toEqual([3, 1, 2, 3]);
    for (let b = 0; b < 3; b++) {
      const [corner = 0] = first!.data.subarray(b * 6);
      expect(Math.floor(corner / 36)).toBe(b);
      expect([...first!.data.subarray(b * 6, b * 6 + 6)]).toEqual([0, 1, 2, 6, 7, 8].map((offset) => corner + offset));
    }
    expect((await cropped.batch(4, 3)).x0).toEqual(first);
    expect((await cropped.batch(5, 3)).x0).not.toEqual(first);
  });
});

describe('a network under a text', () => {
  const options = {
    sampleSize: 8,
    inChannels: 1,
    outChannels: 1,
    ...base.model,
    encoderHidDim: 16,
    projectionClassEmbeddingsInputDim: 18,
  };

  test('names its conditions, with a row of zeros for each that is not said', () => {
    const fields = [{ name: 'style', values: styles }];
    const network = textConditioned(new UNet2DConditionModel(options as object), {
      maxTokens: 6,
      pooledWidth: 16,
      fields,
    });
    expect(network.conditions.map(({ name, shape }) => [name, shape])).toEqual([
      [textConditionNames.states, [6, 16]],
      [textConditionNames.mask, [6]],
      [textConditionNames.pooled, [16]],
      ['style', [2]],
    ]);
    for (const [name, { shape, data: values }] of Object.entries(nothingSaid(network.conditions))) {
      expect(shape[0], name).toBe(1);
      expect([...values], name).toEqual(Array<number>(sizeOf(shape)).fill(0));
    }
  });

  test('refuses a vector of another width', () => {
    expect(() =>
      textConditioned(new UNet2DConditionModel(options as object), { maxTokens: 6, pooledWidth: 15 }),
    ).toThrow('projectionClassEmbeddingsInputDim is 18, but pooled text and fields make a vector of 15');
  });
});
