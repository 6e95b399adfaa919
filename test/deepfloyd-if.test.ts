/**
 * Imagen in diffusers' layout: what IFPipeline and IFSuperResolutionPipeline save is sampled here as there, and what we
 * write there as here.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runAssemble } from '../src/cli/export/run-assemble.ts';
import { filesIn, folderFiles } from '../src/checkpoint/index.ts';
import type { FloatArray } from '../src/core/index.ts';
import { writePng } from '../src/data/index.ts';
import { readSafetensors } from '../src/formats/index.ts';
import { generateImages, openGenerator } from '../src/generators/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { configuredRun, ifObstacle } from '../src/systems/index.ts';
import { trainingRun } from '../src/train/index.ts';

const golden = join(import.meta.dirname, 'golden/deepfloyd-if');
const expected = readSafetensors(readFileSync(join(golden, 'images.safetensors'))).tensors;
const executor = createNodeExecutor({ threads: 1, worker: false });
const root = mkdtempSync(join(tmpdir(), 'kuosan-deepfloyd-if-'));
afterAll(async () => {
  await executor.dispose();
  rmSync(root, { recursive: true, force: true });
});

/** KUOSAN_PYTHON, or the Python on the path, if it has what is needed. */
const python = [process.env['KUOSAN_PYTHON'], 'python3'].find(
  (command) =>
    command !== undefined &&
    spawnSync(command, ['-c', 'import torch, diffusers, transformers, safetensors'], { stdio: 'ignore' }).status === 0,
);

const prompts = ['A small RED cat', ' bell '];
const sampling = { steps: 5, guidanceScale: 3, stages: { upsampler: { steps: 3, guidanceScale: 2 } } };

/** The largest difference, of images in [−1, 1] that are clipped as Python's are. */
function largestDifference(ours: FloatArray, theirs: FloatArray): number {
  expect(ours.shape).toEqual(theirs.shape);
  return Math.max(...ours.data.map((value, i) => Math.abs(Math.min(1, Math.max(-1, value)) - theirs.data[i]!)));
}

describe("pipelines that diffusers' save_pretrained wrote", () => {
  test('generate the images of two prompts from our noise within 1e-3 of their own', async () => {
    const files = filesIn(folderFiles(golden), 'base');
    const generator = await openGenerator(executor, files, { batchSize: 2, stage: 'base' });
    expect(generator.takes.text).toEqual({ maxTokens: 77, required: true });
    expect(generator.defaults['base']).toEqual({
      sampler: 'ddpm',
      spacing: 'leading',
      // Of schedules of twelve.
      steps: 12,
      guidanceScale: 7,
      dynamicThresholding: { ratio: 0.95, sampleMaxValue: 1.5 },
    });
    const images = await generateImages(generator, { count: 2, prompts, sampling: { steps: 5, guidanceScale: 3 } });
    expect(largestDifference(images, expected.get('base')! as FloatArray)).toBeLessThan(1e-3);
    await generator.dispose();
  });

  test('enlarge them, as stages of a cascade that share a text encoder', async () => {
    const generator = await openGenerator(executor, folderFiles(golden), { batchSize: 2 });
    expect(generator.shape).toEqual([3, 16, 16]);
    expect(generator.defaults['upsampler']).toMatchObject({ sampler: 'ddpm', guidanceScale: 4 });
    const images = await generateImages(generator, { count: 2, prompts, sampling });
    expect(largestDifference(images, expected.get('enlarged')! as FloatArray)).toBeLessThan(1e-3);
    await generator.dispose();
  });
});

describe('an Imagen of ours that is configured as DeepFloyd IF is', () => {
  const [data, encoder] = [join(root, 'data'), join(root, 't5')];
  const [baseRun, upsamplerRun] = [join(root, 'base'), join(root, 'upsampler')];
  const whole = join(root, 'whole');

  const base = {
    task: 'imagen',
    data: { source: data, size: 4 },
    text: { encoder, maxTokens: 77, reading: 'deepfloyd-if' },
    model: {
      blockOutChannels: [4, 8],
      layersPerBlock: 1,
      downBlockTypes: ['ResnetDownsampleBlock2D', 'SimpleCrossAttnDownBlock2D'],
      midBlockType: 'UNetMidBlock2DSimpleCrossAttn',
      upBlockTypes: ['SimpleCrossAttnUpBlock2D', 'ResnetUpsampleBlock2D'],
      attentionHeadDim: 4,
      crossAttentionDim: 8,
      encoderHidDimType: 'text_proj',
      additionEmbedType: 'text',
      additionEmbedTypeNumHeads: 2,
      normNumGroups: 2,
    },
    // Few times: at the last of many ε says nothing in float32, which Python rounds otherwise.
    scheduler: { numTrainTimesteps: 12, betaSchedule: 'cosine', varianceType: 'learned_range' },
    train: { steps: 2, batchSize: 4, checkpointEvery: 2, sampleEvery: 2, sampleCount: 2, sampleSteps: 2 },
  };
  const upsampler = {
    ...base,
    data: { source: data, size: 16 },
    model: { ...base.model, classEmbedType: 'timestep' },
    // The last of twelve levels of noise, as the golden program asks for it.
    objective: { superResolution: { factor: 4, upsampling: 'bilinear_align_corners', noiseLevel: 0.999 } },
  };

  async function train(config: object, out: string): Promise<void> {
    const plan = await configuredRun({ ...config }).plan({});
    for await (const event of trainingRun(plan, { out, executor }))
      if (event.type === 'step') expect(event.loss).toBeGreaterThan(0);
  }

  beforeAll(async () => {
    for (const part of ['text_encoder', 'tokenizer']) cpSync(join(golden, 'base', part), encoder, { recursive: true });
    mkdirSync(data);
    const lines: string[] = [];
    for (let i = 0; i < 4; i++) {
      const pixels = Uint8Array.from({ length: 768 }, (_, at) => (at * (i + 3)) % 256);
      await writePng(join(data, `${i}.png`), { data: pixels, width: 16, height: 16, channels: 3 });
      lines.push(JSON.stringify({ file_name: `${i}.png`, text: ['Bell', 'A cat'][i % 2] }));
    }
    writeFileSync(join(data, 'metadata.jsonl'), lines.join('\n'));
    await train(base, baseRun);
    await train(upsampler, upsamplerRun);
    await runAssemble([baseRun, upsamplerRun], { out: whole, dtype: 'float32' });
  }, 120_000);

  test('is assembled in the layout of these pipelines, and generates what its runs do', async () => {
    const index = (stage: string) =>
      JSON.parse(readFileSync(join(whole, stage, 'model_index.json'), 'utf8')) as Record<string, unknown>;
    expect(index('base')).toMatchObject({
      _class_name: 'IFPipeline',
      text_encoder: ['transformers', 'T5EncoderModel'],
      unet: ['diffusers', 'UNet2DConditionModel'],
      scheduler: ['diffusers', 'DDPMScheduler'],
    });
    expect(index('upsampler')).toMatchObject({
      _class_name: 'IFSuperResolutionPipeline',
      image_noising_scheduler: ['diffusers', 'DDPMScheduler'],
      text_encoder: [null, null],
    });
    const generated = async (folder: string, stage: string) => {
      const generator = await openGenerator(executor, folderFiles(folder), { batchSize: 2, stage });
      const images = await generateImages(generator, { count: 2, prompts, sampling: { sampler: 'ddpm', steps: 3 } });
      await generator.dispose();
      return [...images.data];
    };
    const run = join(baseRun, 'checkpoints/step-000002');
    expect(await generated(join(whole, 'base'), 'base')).toEqual(await generated(run, 'base'));
    // Cleaned, a prompt is the same text.
    const generator = await openGenerator(executor, folderFiles(whole), { batchSize: 2 });
    const one = await generateImages(generator, { count: 2, prompts: ['bell'], sampling });
    const same = await generateImages(generator, { count: 2, prompts: [' BELL (free download) '], sampling });
    expect(one.shape).toEqual([2, 3, 16, 16]);
    expect([...same.data]).toEqual([...one.data]);
    await generator.dispose();
  }, 60_000);

  test('says what else these pipelines have no place for', async () => {
    const obstacle = async (file: string, from: string, to: string) => {
      const copy = mkdtempSync(join(root, 'copy-'));
      cpSync(join(baseRun, 'checkpoints/step-000002'), copy, { recursive: true });
      const text = readFileSync(join(copy, file), 'utf8');
      expect(text).toContain(from);
      rmSync(join(copy, file));
      writeFileSync(join(copy, file), text.replace(from, to));
      return ifObstacle(copy);
    };
    expect(await obstacle('kuosan.json', '"deepfloyd-if"', '"masked"')).toBe(
      'it attends to no padding, and they pass no mask (text.reading: deepfloyd-if)',
    );
    expect(await obstacle('scheduler/scheduler_config.json', 'learned_range', 'fixed_small')).toBe(
      'its network predicts no variance, which they split from its output (scheduler.varianceType: learned_range)',
    );
    expect(await ifObstacle('pretrained/icons')).toMatch(/^it attends to no padding/);
    const refused = (config: object) => configuredRun(config as Record<string, unknown>).plan({});
    await expect(refused({ ...base, text: { ...base.text, maxTokens: 32 } })).rejects.toThrow(
      'config.text.maxTokens: with text.reading "deepfloyd-if" texts have 77 tokens, got 32; set it to 77',
    );
    const pooled = { ...base, model: { ...base.model, classEmbedType: 'projection' } };
    await expect(refused(pooled)).rejects.toThrow(
      'config.model.classEmbedType: with text.reading "deepfloyd-if" the network is conditioned on hidden states alone',
    );
  });

  test.skipIf(python === undefined)(
    'opens in diffusers, and generates the same from our noise (skipped where neither KUOSAN_PYTHON nor python3 has diffusers)',
    async () => {
      const out = join(root, 'python.safetensors');
      const program = join(import.meta.dirname, 'golden/deepfloyd-if.py');
      const { status, stderr } = spawnSync(python!, [program, '--open', whole, out], { encoding: 'utf8' });
      expect(`${status}\n${stderr}`).toMatch(/^0\n/);
      const theirs = readSafetensors(readFileSync(out)).tensors;
      const generator = await openGenerator(executor, folderFiles(whole), { batchSize: 2 });
      // As these pipelines step when nobody says.
      const stepping = { sampler: 'ddpm', spacing: 'leading' } as const;
      const images = await generateImages(generator, {
        count: 2,
        prompts,
        sampling: { ...stepping, ...sampling, stages: { upsampler: { ...stepping, ...sampling.stages.upsampler } } },
      });
      expect(largestDifference(images, theirs.get('enlarged')! as FloatArray)).toBeLessThan(1e-3);
      await generator.dispose();
    },
    120_000,
  );
});
