/**
 * One small run of every kind, as the version before the seams wrote it: what later versions open, resume and generate from.
 *
 *     npx tsx test/golden/before-seams.ts
 *
 * writes test/golden/before-seams/: the images, a run of each kind stopped at step 2, and results.json with the checksums of
 * what comes of going on to step 4 and of sampling from there, all computed by the interpreter, whose numbers are the same
 * everywhere. It was run once, on the version before; test/before-seams.test.ts holds every later version to it.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checksum } from '../../src/checkpoint/checksum.ts';
import { loadModel, readTensorFile } from '../../src/checkpoint/index.ts';
import { createInterpreter, float32, type FloatArray, type Executor } from '../../src/core/index.ts';
import { networkProcess } from '../../src/diffusion/index.ts';
import { createNodeExecutor } from '../../src/runtime/node.ts';
import {
  sampleImages,
  enlarge,
  exactSampler,
  inpaintImage,
  interpolateSeeds,
  finishedImages,
  openSampler,
  imageShapeOf,
  shrink,
  varyImage,
  type SampleOptions,
} from '../../src/pipelines/index.ts';
import { configuredRun, trainingRun } from '../../src/train/index.ts';
import { writeImageFolder } from '../kuosan.ts';

const onCpu = process.argv.includes('--cpu');
const executor: Executor = onCpu ? createNodeExecutor({ threads: 1, worker: false }) : createInterpreter();
const folder = onCpu
  ? mkdtempSync(join(tmpdir(), 'before-seams-'))
  : fileURLToPath(new URL('before-seams/', import.meta.url));

const model = {
  blockOutChannels: [4],
  layersPerBlock: 1,
  downBlockTypes: ['AttnDownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
  normNumGroups: 2,
  attentionHeadDim: 2,
  addAttention: false,
};
const train = {
  steps: 4,
  batchSize: 3,
  warmupSteps: 1,
  learningRate: 0.01,
  checkpointEvery: 2,
  keepCheckpoints: null,
  sampleEvery: 2,
  sampleCount: 3,
  sampleSteps: 2,
  ema: { decay: 0.5 },
};
const data = { source: 'images', size: 8 };
const short = { numTrainTimesteps: 20, betaEnd: 0.3 };
const tower = { intermediateSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, hiddenSize: 8 };

const configs: Readonly<Record<string, Record<string, unknown>>> = {
  classes: {
    data: { ...data, flip: true },
    model: { ...model, dropout: 0.2, numClassEmbeds: 3 },
    objective: { labelDropout: 0.4, offsetNoise: 0.1 },
    scheduler: { ...short, betaSchedule: 'cosine', predictionType: 'v_prediction' },
    train: {
      ...train,
      batchSize: 2,
      gradientAccumulation: 2,
      optimizer: 'adamw',
      groups: [
        { names: '^conv_in', frozen: true },
        { maxRank: 1, weightDecay: 0 },
      ],
      lrSchedule: 'cosine',
    },
  },
  learned: {
    data,
    model: { ...model, outChannels: 6 },
    scheduler: { ...short, varianceType: 'learned_range' },
    objective: { timeSampling: 'importance' },
    train,
  },
  flow: {
    data,
    model: { ...model, numClassEmbeds: 3 },
    scheduler: { process: 'flow', shift: 2 },
    objective: { labelDropout: 0.2, timeSampling: 'stratified' },
    train,
  },
  edm: { data, model, scheduler: { process: 'edm' }, train },
  'super-resolution': {
    data,
    model: { ...model, inChannels: 6 },
    scheduler: short,
    objective: { superResolution: { factor: 2, upsampling: 'bicubic', noiseAugmentation: 0.1 }, weighting: 'min_snr' },
    train,
  },
  classifier: {
    task: 'classifier',
    data,
    model: { blockOutChannels: [4] },
    train: { steps: 4, batchSize: 3, warmupSteps: 1, learningRate: 0.01, checkpointEvery: 2, keepCheckpoints: null },
  },
  clip: {
    task: 'clip',
    data,
    tokenizer: { vocabSize: 520 },
    model: {
      projectionDim: 4,
      visionConfig: { ...tower, patchSize: 4 },
      textConfig: { ...tower, maxPositionEmbeddings: 8 },
    },
    train: {
      steps: 4,
      batchSize: 3,
      gradientAccumulation: 2,
      warmupSteps: 1,
      checkpointEvery: 2,
      keepCheckpoints: null,
    },
  },
};

const hash = ({ shape, data: values }: FloatArray) =>
  createHash('sha256')
    .update(shape.join())
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex')
    .slice(0, 16);

if (!onCpu) await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
for (const name of ['apples', 'pears']) await writeImageFolder(join(folder, 'images', name), 4);
process.chdir(folder);
process.env['KUOSAN_CACHE'] = join(folder, 'cache');

const results: Record<
  string,
  { checkpoint: Record<string, string>; samples: Record<string, string>; losses: number[] }
> = {};
for (const [name, config] of Object.entries(configs)) {
  const out = name;
  const losses: number[] = [];
  const run = async (resume: boolean, steps: number) => {
    const plan = await configuredRun(
      structuredClone({ ...config, train: { ...(config['train'] as object), steps } }),
    ).plan(resume ? { resumeFrom: out } : {});
    for await (const event of trainingRun(plan, { out, executor, resume }))
      if (event.type === 'step') losses.push(event.loss);
  };
  await run(false, 4);
  const checkpoint: Record<string, string> = {};
  const last = join(out, 'checkpoints/step-000004');
  for (const file of (await readdir(last, { recursive: true })).sort())
    if (file.endsWith('.safetensors')) checkpoint[file] = checksum(await readTensorFile(join(last, file))).slice(0, 16);
  const samples: Record<string, string> = {};
  if (config['task'] === undefined)
    for (const [way, images] of Object.entries(await generated(last))) samples[way] = hash(images);
  results[name] = { checkpoint, samples, losses };
  // What is kept is the run as it stood at step 2.
  await rm(last, { recursive: true });
  await writeFile(
    join(out, 'latest'),
    (await readFile(join(out, 'latest'), 'utf8')).replace('step-000004', 'step-000002'),
  );
  for (const extra of ['samples', 'loss-by-noise.png', 'metrics.jsonl'])
    await rm(join(out, extra), { recursive: true, force: true });
  for (const file of await readdir(out)) if (file.includes('tfevents')) await rm(join(out, file));
}

/** Every way to generate from a model. */
async function generated(dir: string): Promise<Record<string, FloatArray>> {
  const { unet, scheduler, weights, classes, superResolution } = await loadModel(dir);
  const sampler = await openSampler(executor, {
    unet,
    scheduler,
    imageShape: imageShapeOf(unet, networkProcess(scheduler).varianceType),
    weights,
    nullClass: classes?.nullClass ?? null,
    batchSize: 2,
  });
  const image = float32(
    [3, 8, 8],
    Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)),
  );
  const whole = float32(
    [3, 3, 8, 8],
    Float32Array.from({ length: 576 }, (_, i) => Math.sin(i)),
  );
  const asked: SampleOptions = {
    seed: 5,
    count: 3,
    steps: 3,
    ...(classes && { classLabels: [0, 1, 0] }),
    ...(superResolution && { condImages: enlarge(shrink(whole, 2), superResolution) }),
  };
  const ways: Record<string, FloatArray> = {
    usual: await sampleImages(sampler, asked),
    ddim: await sampleImages(sampler, { ...asked, sampler: 'ddim', eta: 0.5 }),
    'dpmpp-2m': await sampleImages(sampler, { ...asked, sampler: 'dpmpp-2m' }),
    first: await sampleImages(sampler, { ...asked, first: 7, sampler: 'heun' }),
  };
  if (typeof classes?.nullClass === 'number') {
    ways['guided'] = await sampleImages(sampler, {
      ...asked,
      guidanceScale: 2,
      guidanceRescale: 0.5,
      guidanceInterval: [0, 5],
    });
    ways['thresholded'] = await sampleImages(sampler, { ...asked, guidanceScale: 3, dynamicThresholding: {} });
  }
  if (!superResolution) {
    ways['varied'] = await finishedImages(varyImage(sampler, { ...asked, image, strength: 0.5 }));
    ways['between'] = await finishedImages(
      interpolateSeeds(sampler, {
        steps: 3,
        sampler: 'ddim',
        seeds: [1, 2],
        frames: 3,
        ...(classes && { classLabel: 1 }),
      }),
    );
    ways['inpainted'] = await finishedImages(
      inpaintImage(sampler, {
        ...asked,
        steps: 4,
        image,
        mask: float32(
          [1, 8, 8],
          Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 1 : 0)),
        ),
        jumpLength: 2,
        resamples: 2,
      }),
    );
    ways['exact'] = await sampleImages(exactSampler({ images: whole, scheduler, batchSize: 2 }), {
      seed: 5,
      count: 3,
      steps: 3,
    });
  }
  await sampler.dispose();
  return ways;
}

await rm(join(folder, 'cache'), { recursive: true, force: true });
await writeFile(join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
if (onCpu) {
  process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  rmSync(folder, { recursive: true });
}
