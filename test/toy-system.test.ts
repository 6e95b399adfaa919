/**
 * A system added from outside, in this one file: waves of sixteen numbers under a text. It is trained, saved, resumed, opened and
 * sampled with guidance by what the project has for all systems. docs/adding-a-system.md goes through it part by part.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  folderFiles,
  jsonComponent,
  latestCheckpoint,
  networkComponent,
  part,
  readFacts,
  readPart,
  schedulerComponent,
  writePipelineFolder,
} from '../src/checkpoint/index.ts';
import { add, concat, float32, RandomStream, silu, sum, type FloatArray, type Tensor } from '../src/core/index.ts';
import { networkProcess, schedulerConfig, type ConditionInput, type Conditions } from '../src/diffusion/index.ts';
import { diffusionGenerator, generateImages, openGenerator } from '../src/generators/index.ts';
import { parseConfig, type DenoisingNetwork } from '../src/models/index.ts';
import { Embedding, Linear, Module, Timesteps, TimestepEmbedding, type Context } from '../src/nn/index.ts';
import { denoisingTask, openSampler, type Examples } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { configuredRun, type System } from '../src/systems/index.ts';
import { trainingRun, trainSchema } from '../src/train/index.ts';

const length = 16;
const words = 3;
const steps = 40;

// ---- The network: what it takes, and how it denoises.

const networkSchema = z.strictObject({
  width: z.number().int().positive().default(32),
  vocabSize: z.number().int().positive().default(5),
});

class WaveModel extends Module implements DenoisingNetwork {
  readonly className = 'WaveModel';
  readonly sample = [length];
  readonly outputs = [length];
  readonly conditions: readonly ConditionInput[] = [{ name: 'input_ids', dtype: 'i64', shape: [words] }];
  readonly timeProj: Timesteps;
  readonly timeEmbedding: TimestepEmbedding;
  readonly tokens: Embedding;
  readonly linearIn: Linear;
  readonly linearMid: Linear;
  readonly linearOut: Linear;
  readonly #config: z.output<typeof networkSchema>;

  constructor(options: z.input<typeof networkSchema>) {
    super();
    const { width, vocabSize } = (this.#config = networkSchema.parse(options));
    this.timeProj = new Timesteps(width, { flipSinToCos: true, freqShift: 0 });
    this.timeEmbedding = new TimestepEmbedding(width, width);
    this.tokens = new Embedding(vocabSize, width);
    this.linearIn = new Linear(length, width);
    this.linearMid = new Linear(2 * width, width);
    this.linearOut = new Linear(width, length);
  }

  get config() {
    return this.#config;
  }

  get module(): this {
    return this;
  }

  forward(ctx: Context, xt: Tensor, t: Tensor, ids: Tensor): Tensor {
    const time = this.timeEmbedding.forward(ctx, this.timeProj.forward(ctx, t));
    const text = sum(this.tokens.forward(ctx, ids), [1]); // [B, words, D] → [B, D]
    const h = concat([this.linearIn.forward(ctx, xt), silu(add(time, text))], 1);
    return this.linearOut.forward(ctx, silu(this.linearMid.forward(ctx, silu(h))));
  }

  denoise(ctx: Context, xt: Tensor, t: Tensor, conditions: Readonly<Record<string, Tensor>>): Tensor {
    return this.forward(ctx, xt, t, conditions['input_ids']!);
  }
}

// ---- The folder: its parts, and how each is read and written.

const waveComponent = networkComponent({
  className: 'WaveModel',
  schema: networkSchema,
  build: (config) => new WaveModel(config),
});
const vocabularyComponent = jsonComponent({
  className: 'Vocabulary',
  file: 'vocabulary.json',
  schema: z.strictObject({ words: z.array(z.string()) }),
});

/** Word 0 is padding, and a text of nothing else stands for "without a text". */
const vocabulary = { words: ['', 'high', 'low', 'rising', 'falling'] };
const nothing: Conditions = { input_ids: tokens(['']) };

function tokens(texts: readonly string[]) {
  const ids = texts.flatMap((text) => {
    const found = text.split(' ').map((word) => BigInt(Math.max(0, vocabulary.words.indexOf(word))));
    return Array.from({ length: words }, (_, i) => found[i] ?? 0n);
  });
  return { dtype: 'i64' as const, shape: [texts.length, words], data: BigInt64Array.from(ids) };
}

// ---- The data: batches that are functions of their number.

const levels = { high: 0.6, low: -0.6 } as const;
const slopes = { rising: 0.5, falling: -0.5 } as const;

function waves(seed: number): Examples {
  return {
    async batch(number, size) {
      const random = new RandomStream(seed, 'waves', number);
      const texts: string[] = [];
      const x0 = new Float32Array(size * length);
      for (let b = 0; b < size; b++) {
        const level = random.uniform() < 0.5 ? 'high' : 'low';
        const slope = random.uniform() < 0.5 ? 'rising' : 'falling';
        texts.push(`${level} ${slope}`);
        for (let i = 0; i < length; i++)
          x0[b * length + i] = levels[level] + slopes[slope] * ((2 * i) / (length - 1) - 1) + 0.1 * random.normal();
      }
      return { x0: float32([size, length], x0), conditions: { input_ids: tokens(texts) } };
    },
  };
}

// ---- The system: its settings, a run of it, and how its models are opened.

const configSchema = z.strictObject({
  data: z.strictObject({ source: z.string() }),
  model: networkSchema.prefault({}),
  textDropout: z.number().min(0).lt(1).default(0.2),
  train: trainSchema,
});

const toySystem: System<z.output<typeof configSchema>> = {
  task: 'waves',
  trains: 'waves under a text',
  schema: configSchema,
  parse: (value) => parseConfig(configSchema, value, 'config'),
  async plan(config) {
    const { train } = config;
    const network = new WaveModel(config.model);
    const scheduler = schedulerConfig({
      numTrainTimesteps: steps,
      betaSchedule: 'cosine',
      predictionType: 'v_prediction',
    });
    const process = networkProcess(scheduler);
    return {
      config: { task: 'waves', ...config },
      train,
      kind: 'model',
      dataset: { name: 'waves', count: Infinity, fingerprint: 'waves' },
      times: process.networkTimes,
      task: denoisingTask({
        network,
        process,
        examples: waves(train.seed),
        batchSize: train.batchSize,
        seed: train.seed,
        dropouts: [{ names: ['input_ids'], probability: config.textDropout }],
        nothing,
      }),
      async writeModel(dir, weights) {
        await writePipelineFolder(dir, {
          className: 'WavePipeline',
          parts: {
            network: part(waveComponent, { network, weights }),
            scheduler: part(schedulerComponent, scheduler),
            vocabulary: part(vocabularyComponent, vocabulary),
          },
          facts: { sampling: { sample: { steps: 12, guidanceScale: 2 } } },
        });
        return weights.keys();
      },
      readWeights: async (dir) => (await waveComponent.read(folderFiles(dir), 'network')).weights,
      use: { what: 'sample from it', command: (out) => `kuosan sample ${out}` },
    };
  },
  open: {
    async WavePipeline({ executor, files, index, batchSize = 16 }) {
      const { network, weights } = await readPart(files, index!, 'network', waveComponent);
      const scheduler = await readPart(files, index!, 'scheduler', schedulerComponent);
      const { sampling } = await readFacts(files);
      const model = await openSampler(executor, {
        network,
        scheduler,
        weights,
        nothing,
        sampling: sampling?.['sample'],
        batchSize,
      });
      return diffusionGenerator({
        model,
        takes: { text: { maxTokens: words, required: true }, mask: false, guidance: true },
        conditions: ({ prompts, negativePrompts }) => ({
          conditions: { input_ids: tokens(prompts!) },
          ...(negativePrompts && { negative: { input_ids: tokens(negativePrompts) } }),
        }),
        device: executor.device,
      });
    },
  },
};

// ---- What the project does with it.

const root = mkdtempSync(join(tmpdir(), 'kuosan-toy-'));
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(async () => {
  await executor.dispose();
  rmSync(root, { recursive: true, force: true });
});

const config = {
  task: 'waves',
  data: { source: 'waves' },
  train: {
    steps: 600,
    batchSize: 32,
    learningRate: 4e-3,
    warmupSteps: 20,
    ema: { decay: 0.98 },
    checkpointEvery: 300,
    lrSchedule: 'cosine',
  },
};

async function train(out: string, resume: boolean): Promise<number[]> {
  const plan = await configuredRun(config, [toySystem]).plan(resume ? { resumeFrom: out } : {});
  const losses: number[] = [];
  for await (const event of trainingRun(plan, { out, executor, resume }))
    if (event.type === 'step') losses.push(event.loss);
  return losses;
}

const weightsOf = (out: string, step: number, file: string) =>
  readFileSync(join(out, `checkpoints/step-${String(step).padStart(6, '0')}`, file));

describe('a system that is one file', () => {
  const whole = join(root, 'whole');
  let losses: number[];

  test('is trained: its loss falls, and its log has the loss by noise level', async () => {
    losses = await train(whole, false);
    const mean = (values: readonly number[]) => values.reduce((total, x) => total + x, 0) / values.length;
    expect(mean(losses.slice(-50))).toBeLessThan(0.4 * mean(losses.slice(0, 10)));
    expect(readFileSync(join(whole, 'metrics.jsonl'), 'utf8').split('\n')[0]).toContain('lossByNoise');
  }, 60_000);

  test('resumes bit for bit', async () => {
    const stopped = join(root, 'stopped');
    cpSync(whole, stopped, { recursive: true });
    rmSync(join(stopped, 'checkpoints/step-000600'), { recursive: true });
    const latest = join(stopped, 'latest');
    writeFileSync(latest, readFileSync(latest, 'utf8').replace('step-000600', 'step-000300'));
    expect(await train(stopped, true)).toEqual(losses.slice(300));
    for (const file of ['network/diffusion_pytorch_model.safetensors', 'training/state.safetensors'])
      expect(weightsOf(stopped, 600, file).equals(weightsOf(whole, 600, file)), file).toBe(true);
  }, 60_000);

  test('is saved as parts that its index lists', async () => {
    const { path } = (await latestCheckpoint(whole))!;
    expect(JSON.parse(readFileSync(join(path, 'model_index.json'), 'utf8'))).toMatchObject({
      _class_name: 'WavePipeline',
      network: ['kuosan', 'WaveModel'],
      scheduler: ['diffusers', 'DDPMScheduler'],
      vocabulary: ['kuosan', 'Vocabulary'],
    });
  });

  const open = async () =>
    openGenerator(executor, folderFiles((await latestCheckpoint(whole))!.path), {
      openers: toySystem.open!,
      batchSize: 8,
    });
  const levelOf = ({ data }: FloatArray, b: number) =>
    data.subarray(b * length, (b + 1) * length).reduce((total, x) => total + x, 0) / length;

  test('is opened, follows its text, more with guidance, and away from a negative one', async () => {
    const generator = await open();
    expect(generator.defaults).toMatchObject({ sample: { sampler: 'dpmpp-2m', steps: 12, guidanceScale: 2 } });
    const prompts = ['high rising', 'low falling', 'low rising'];
    const made = await generateImages(generator, { seed: 1, count: 3, prompts });
    expect([0, 1, 2].map((b) => Math.sign(levelOf(made, b)))).toEqual([1, -1, -1]);
    const ends = (b: number) => made.data[(b + 1) * length - 1]! - made.data[b * length]!;
    expect([0, 1, 2].map((b) => Math.sign(ends(b)))).toEqual([1, -1, 1]);
    // Of a text that says nothing, a negative one decides.
    const asked = { seed: 2, count: 8, prompts: [''], sampling: { guidanceScale: 3 } };
    const away = async (negative: string) => {
      const waves = await generateImages(generator, { ...asked, negativePrompts: [negative] });
      return Array.from({ length: 8 }, (_, b) => levelOf(waves, b)).reduce((total, level) => total + level, 0) / 8;
    };
    expect(await away('low')).toBeGreaterThan((await away('high')) + 0.2);
    await generator.dispose();
  }, 30_000);

  test('says what it does not take', async () => {
    const generator = await open();
    await expect(generateImages(generator, {})).rejects.toThrow(
      'generate: prompts are missing: this model needs a text for each image',
    );
    await expect(generateImages(generator, { prompts: ['high'], classes: [1] })).rejects.toThrow(
      'generate: classes: this model takes no classes; leave it out',
    );
    expect(() => configuredRun({ ...config, task: 'wavs' }, [toySystem])).toThrow(
      'config.unknown task "wavs"; did you mean waves?',
    );
    expect(() => configuredRun({ ...config, model: { with: 3 } }, [toySystem])).toThrow(
      'config.model: unknown key "with"',
    );
    await generator.dispose();
  });
});
