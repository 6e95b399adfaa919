/**
 * The model folders of ours that interop.py opens in diffusers: every kind of process, each with a tiny network.
 *
 *     npx tsx test/golden/interop-folders.ts
 *
 * writes them under test/golden/interop/ours/, the runs that are compared as ours.json, the normals of both directions as
 * normals.safetensors, and as small.safetensors the images that networks enlarge. Then interop.py generates the images. test/interop.test.ts holds the files to what is written today.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inDiffusers, writeModelFolder } from '../../src/checkpoint/index.ts';
import { float32, type FloatArray, type HostArray } from '../../src/core/index.ts';
import {
  schedulerConfig,
  type SamplerChoice,
  type SchedulerOptions,
  type SuperResolution,
} from '../../src/diffusion/index.ts';
import { writeSafetensors } from '../../src/formats/index.ts';
import { UNet2DModel } from '../../src/models/index.ts';
import { namedParameters } from '../../src/nn/index.ts';
import { sampleStreams } from '../../src/pipelines/index.ts';
import { hashed } from './hashed.ts';

/** Where the files are. */
export const interopFolder = fileURLToPath(new URL('interop/', import.meta.url));

/** One way to draw two images, ours and theirs. */
export interface InteropRun
  extends Required<Pick<SamplerChoice, 'sampler' | 'steps'>>, Pick<SamplerChoice, 'spacing' | 'eta'> {
  /** The class of diffusers that takes the steps; made from the folder's own if it is another. */
  readonly scheduler: string;
}

/** A folder and how it is drawn from. */
export interface InteropCase {
  readonly name: string;
  readonly unet: ConstructorParameters<typeof UNet2DModel>[0];
  readonly scheduler: SchedulerOptions;
  readonly dtype?: 'f32' | 'f16';
  readonly nullClass?: number;
  /** Of the two images. */
  readonly labels?: readonly number[];
  /** How `smallImages` become the ones that the network sees next to x_t. */
  readonly superResolution?: SuperResolution;
  readonly runs: readonly InteropRun[];
}

const tiny: InteropCase['unet'] = {
  sampleSize: 8,
  inChannels: 1,
  outChannels: 1,
  blockOutChannels: [4],
  layersPerBlock: 1,
  normNumGroups: 2,
  attentionHeadDim: 2,
  downBlockTypes: ['AttnDownBlock2D'],
  upBlockTypes: ['AttnUpBlock2D'],
};
const twoLevels: InteropCase['unet'] = {
  ...tiny,
  blockOutChannels: [4, 4],
  downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D'],
  upBlockTypes: ['AttnUpBlock2D', 'UpBlock2D'],
};
/** The fewest tensors: what is looked at is how it takes part. */
const bare: InteropCase['unet'] = {
  ...tiny,
  downBlockTypes: ['DownBlock2D'],
  midBlockType: null,
  upBlockTypes: ['UpBlock2D'],
};
const twice = (upsampling: SuperResolution['upsampling']): SuperResolution => ({
  factor: 2,
  upsampling,
  noiseAugmentation: 0.1,
});
/** Signal is left at the end, so that x̂_0 is not always at its bounds. */
const short = { numTrainTimesteps: 40, betaStart: 0.001, betaEnd: 0.15 } as const;

const ddpm = (steps: number, spacing: NonNullable<SamplerChoice['spacing']>): InteropRun => ({
  scheduler: 'DDPMScheduler',
  sampler: 'ddpm',
  steps,
  spacing,
});
const ddim = (steps: number, spacing: NonNullable<SamplerChoice['spacing']>, eta = 0): InteropRun => ({
  scheduler: 'DDIMScheduler',
  sampler: 'ddim',
  steps,
  spacing,
  eta,
});
const euler = (scheduler: string): InteropRun => ({ scheduler, sampler: 'euler', steps: 10 });
const multistep: InteropRun = { scheduler: 'EDMDPMSolverMultistepScheduler', sampler: 'dpmpp-2m', steps: 10 };

/** Every prediction, variance and schedule at least once, and what a network takes next to x_t and t. */
export const interopCases: readonly InteropCase[] = [
  {
    name: 'epsilon',
    unet: twoLevels,
    scheduler: { ...short, betaSchedule: 'linear' },
    runs: [ddpm(40, 'trailing'), ddpm(10, 'trailing'), ddim(10, 'trailing'), ddim(10, 'trailing', 1)],
  },
  {
    name: 'sample',
    unet: { ...tiny, inChannels: 3, outChannels: 3 },
    scheduler: { ...short, betaSchedule: 'cosine', predictionType: 'sample', varianceType: 'fixed_large' },
    dtype: 'f16',
    runs: [ddpm(10, 'leading'), ddim(10, 'leading')],
  },
  {
    name: 'v',
    unet: { ...twoLevels, sampleSize: [8, 12] },
    scheduler: { ...short, betaSchedule: 'scaled_linear', predictionType: 'v_prediction', clipSample: false },
    runs: [ddpm(10, 'trailing'), ddim(10, 'trailing', 0.5)],
  },
  {
    name: 'learned-range',
    unet: { ...tiny, outChannels: 2 },
    scheduler: { ...short, varianceType: 'learned_range' },
    runs: [ddpm(40, 'linspace'), ddpm(10, 'linspace')],
  },
  {
    name: 'classes',
    unet: { ...tiny, numClassEmbeds: 6 },
    scheduler: { ...short, predictionType: 'v_prediction' },
    dtype: 'f16',
    nullClass: 5,
    labels: [1, 4],
    runs: [ddpm(10, 'trailing'), ddim(10, 'trailing')],
  },
  {
    name: 'sigmoid',
    unet: tiny,
    scheduler: { ...short, betaSchedule: 'sigmoid', varianceType: 'fixed_large' },
    dtype: 'f16',
    runs: [ddpm(40, 'leading'), ddpm(10, 'leading'), ddim(10, 'leading')],
  },
  {
    name: 'sigmoid-alpha-bar',
    unet: tiny,
    scheduler: { numTrainTimesteps: 40, betaSchedule: 'sigmoid_alpha_bar', predictionType: 'v_prediction' },
    dtype: 'f16',
    runs: [ddpm(10, 'trailing'), ddim(10, 'trailing')],
  },
  {
    name: 'zero-terminal-snr',
    unet: tiny,
    scheduler: { ...short, betaSchedule: 'scaled_linear', predictionType: 'v_prediction', rescaleBetasZeroSnr: true },
    dtype: 'f16',
    runs: [ddpm(10, 'trailing'), ddim(10, 'trailing'), ddim(10, 'trailing', 1)],
  },
  {
    name: 'flow',
    unet: tiny,
    scheduler: { process: 'flow' },
    dtype: 'f16',
    runs: [euler('FlowMatchEulerDiscreteScheduler')],
  },
  {
    name: 'flow-shift-classes',
    unet: { ...tiny, numClassEmbeds: 3 },
    scheduler: { process: 'flow', shift: 3 },
    dtype: 'f16',
    labels: [2, 0],
    runs: [euler('FlowMatchEulerDiscreteScheduler')],
  },
  {
    name: 'edm',
    unet: tiny,
    scheduler: { process: 'edm' },
    dtype: 'f16',
    runs: [euler('EDMEulerScheduler'), multistep],
  },
  {
    name: 'edm-classes',
    unet: { ...tiny, numClassEmbeds: 3 },
    scheduler: { process: 'edm', sigmaMin: 0.01, sigmaMax: 20, sigmaData: 0.7 },
    dtype: 'f16',
    labels: [0, 2],
    runs: [euler('EDMEulerScheduler')],
  },
  {
    name: 'learned-range-classes',
    unet: { ...bare, outChannels: 2, numClassEmbeds: 6 },
    scheduler: { ...short, predictionType: 'v_prediction', varianceType: 'learned_range' },
    dtype: 'f16',
    nullClass: 5,
    labels: [3, 0],
    runs: [ddpm(10, 'linspace')],
  },
  {
    name: 'super-resolution',
    unet: { ...bare, inChannels: 2 },
    scheduler: short,
    dtype: 'f16',
    superResolution: twice('bilinear'),
    runs: [ddpm(10, 'trailing'), ddim(10, 'trailing')],
  },
  {
    name: 'super-resolution-learned-range',
    unet: { ...bare, inChannels: 2, outChannels: 2 },
    scheduler: { ...short, predictionType: 'sample', varianceType: 'learned_range' },
    dtype: 'f16',
    superResolution: twice('bicubic'),
    runs: [ddpm(10, 'linspace')],
  },
  {
    name: 'super-resolution-flow',
    unet: { ...bare, inChannels: 2 },
    scheduler: { process: 'flow' },
    dtype: 'f16',
    superResolution: twice('bicubic'),
    runs: [euler('FlowMatchEulerDiscreteScheduler')],
  },
  {
    name: 'super-resolution-edm',
    unet: { ...bare, inChannels: 2 },
    scheduler: { process: 'edm' },
    dtype: 'f16',
    superResolution: twice('bilinear'),
    runs: [euler('EDMEulerScheduler')],
  },
];

/** The seed of the images, and how many normals of each image's stream are written down: those of the longest run. */
export const interopSeed = 7;
const normalsWritten = 2688;

/** [2, 1, 4, 4] in [−1, 1]: what the networks of super-resolution enlarge. */
export const smallImages: FloatArray = float32(
  [2, 1, 4, 4],
  Float32Array.from(hashed(32, 1), (u) => 2 * u - 1),
);

/** Values of a network that is trained on nothing: the same on every machine, of about unit gain in every layer. */
export function madeUpWeights(unet: UNet2DModel, seed: number): Map<string, HostArray> {
  return new Map(
    [...namedParameters(unet)].map(([name, { shape }], i) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
      const isGain = shape.length === 1 && name.endsWith('.weight');
      const [middle, width] = isGain ? [1, 0.4] : [0, shape.length === 1 ? 0.4 : 2 * Math.sqrt(3 / inputs)];
      return [
        name,
        float32(
          shape,
          Float32Array.from(hashed(count, 64 * seed + i), (u) => middle + width * (u - 0.5)),
        ),
      ];
    }),
  );
}

/** The network of a case. */
export function interopNetwork({ unet }: InteropCase): UNet2DModel {
  return new UNet2DModel(unet);
}

/** Writes all that is ours. */
export async function writeInterop(root: string): Promise<void> {
  const described: Record<string, unknown> = {};
  for (const [i, one] of interopCases.entries()) {
    const unet = interopNetwork(one);
    const scheduler = schedulerConfig(one.scheduler);
    await writeModelFolder(join(root, 'ours', one.name), {
      network: unet,
      weights: madeUpWeights(unet, i),
      scheduler,
      dtype: one.dtype ?? 'f32',
      ...(one.nullClass !== undefined && {
        classes: { names: Array.from({ length: one.nullClass }, (_, k) => `class ${k}`), nullClass: one.nullClass },
      }),
      ...(one.superResolution && { superResolution: one.superResolution }),
    });
    const { pipelines } = inDiffusers(unet, scheduler);
    described[one.name] = {
      pipelines,
      labels: one.labels ?? null,
      upsampling: one.superResolution?.upsampling ?? null,
      runs: one.runs,
    };
  }
  await writeFile(join(root, 'ours.json'), `${JSON.stringify(described, null, 2)}\n`);
  const normals = new Float32Array(2 * normalsWritten);
  for (const [b, stream] of sampleStreams(interopSeed, [0, 1]).entries())
    stream.fillNormal(normals, b * normalsWritten, (b + 1) * normalsWritten);
  await writeFile(
    join(root, 'normals.safetensors'),
    writeSafetensors(new Map([['normals', float32([2, normalsWritten], normals)]])),
  );
  await writeFile(join(root, 'small.safetensors'), writeSafetensors(new Map([['small', smallImages]])));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await rm(join(interopFolder, 'ours'), { recursive: true, force: true });
  await writeInterop(interopFolder);
}
