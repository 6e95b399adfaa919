import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { writeModelFolder, type ClassLabels } from '../src/checkpoint/index.ts';
import { runCommand } from '../src/cli/run-command.ts';
import { schedulerConfig, type SchedulerConfig } from '../src/diffusion/index.ts';
import { parseConfig, unet2DConfigSchema, UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { writeMask, writeImageFolder, kuosan, tinyModel, type Ended } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-errors-'));
const at = (...parts: string[]) => join(cwd, ...parts);
const home = process.cwd();
afterAll(() => {
  process.chdir(home);
  vi.unstubAllEnvs();
  rmSync(cwd, { recursive: true, force: true });
});

const config = {
  data: { source: 'images', size: 8 },
  model: tinyModel,
  train: { steps: 4, batchSize: 4, checkpointEvery: 2, sampleEvery: null },
};
const lastStep = 'checkpoints/step-000004';
const weightsFile = `${lastStep}/unet/diffusion_pytorch_model.safetensors`;
const configFile = `${lastStep}/unet/config.json`;

/** Runs a command in this process, for time's sake; what a process of its own adds is tested at the end. */
async function run(command: string): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  }
  const status = await runCommand(command.split(' ')).finally(() => vi.restoreAllMocks());
  return { status, ...printed };
}

/** A copy of the trained run in which something is changed. */
function copyRun(name: string, change: () => void): void {
  cpSync(at('run'), at(name), { recursive: true });
  change();
}

function edit(file: string, change: (json: Record<string, unknown>) => unknown): void {
  writeFileSync(at(file), JSON.stringify(change(JSON.parse(readFileSync(at(file), 'utf8')))));
}

beforeAll(async () => {
  process.chdir(cwd);
  vi.stubEnv('KUOSAN_CACHE', at('.cache'));
  await writeImageFolder(at('images'), 5);
  await writeImageFolder(at('fakes'), 3);
  await writeImageFolder(at('captioned'), 3);
  writeFileSync(
    at('captioned/metadata.jsonl'),
    '{"file_name":"000.png","text":"a square"}\n{"file_name":"009.png","text":"none"}\n',
  );
  writeFileSync(at('fakes/fake.png'), 'not an image');
  await writeMask(at('small.png'), 4);
  await writeMask(at('black.png'), 8);
  mkdirSync(at('empty'));
  mkdirSync(at('notes'));
  writeFileSync(at('notes/thesis.txt'), 'all of it');
  writeFileSync(at('old.onnx'), 'an export that somebody may still want');
  writeFileSync(at('config.json'), JSON.stringify(config));
  writeFileSync(at('broken.json'), '{\n  "data": { "source": ,\n');
  const trained = await run('train config.json --out run --threads 1');
  if (trained.status !== 0) throw new Error(trained.stderr);
  copyRun('short-weights', () => truncateSync(at('short-weights', weightsFile), 3000));
  copyRun('short-state', () => truncateSync(at('short-state', lastStep, 'training/state.safetensors'), 3000));
  copyRun('flipped', () => {
    const bytes = readFileSync(at('flipped', weightsFile));
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(at('flipped', weightsFile), bytes);
  });
  writeFileSync(at('random.safetensors'), Buffer.alloc(200, 0xe5));
  const write = async (
    name: string,
    options: object,
    scheduler: Partial<SchedulerConfig>,
    classes: ClassLabels | null = null,
  ) => {
    const unet = new UNet2DModel(parseConfig(unet2DConfigSchema, { ...tinyModel, ...options }, name));
    await writeModelFolder(at(name), {
      network: unet,
      weights: initialValues(unet, 1),
      scheduler: schedulerConfig(scheduler),
      classes,
    });
  };
  await write('unguided', { numClassEmbeds: 2 }, {}, { names: ['round', 'square'], nullClass: null });
  await write('silent', {}, { rescaleBetasZeroSnr: true, predictionType: 'v_prediction' });
  copyRun('wider', () => edit(`wider/${configFile}`, (json) => ({ ...json, block_out_channels: [32] })));
}, 60_000);

/** Every path below the folder with its size and time of change. */
function listing(folder = cwd): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => !path.startsWith('.cache'))
      .map((path) => {
        const stats = statSync(join(folder, path));
        return [path, stats.isDirectory() ? 'folder' : `${stats.size} bytes of ${stats.mtimeMs}`];
      }),
  );
}

type Case = readonly [command: string, status: 1 | 2, message: string | RegExp];

const commands: readonly Case[] = [
  ['trian', 2, "unknown command 'trian'; did you mean train?"],
  ['floor run --data images', 2, "unknown command 'floor'; it is called loss-by-noise now"],
  ['probe run --data images --views', 2, "unknown option '--views'; it is called --tta now"],
  ['demo --stpes 5', 2, "unknown option '--stpes'; did you mean --steps?"],
  [
    'sample',
    2,
    'there is nothing to sample from; give a run, a model folder or a name (noto-32, fashion-mnist), or --exact and a data set',
  ],
  [
    'loss-by-noise --data images',
    2,
    "missing required argument 'run | model dir | name'; see kuosan loss-by-noise --help",
  ],
  ['sample run more', 2, "too many arguments for 'sample'. Expected 1 argument but got 2; see kuosan sample --help"],
  ['sample run --device opencl', 2, 'unknown device "opencl"; one of auto, cpu, webgpu, cuda'],
  ['sample run --count', 2, "option '--count <n>' argument missing; see kuosan sample --help"],
  [
    'tokenizer train --out t.json',
    2,
    "required option '--captions <folder or .txt>' not specified; see kuosan tokenizer train --help",
  ],
  ['forward x.png --out f.png --schedule cosin', 2, 'unknown schedule "cosin"; did you mean cosine?'],
];

const training: readonly Case[] = [
  ['train config.json', 2, "required option '--out <dir>' not specified; see kuosan train --help"],
  ['train config.json --out new --stpes 5', 2, 'unknown option --stpes; did you mean --steps?'],
  ['train --stpes 5 --out new config.json', 2, 'unknown option --stpes; did you mean --steps?'],
  [
    'train config.json images --out new',
    2,
    '"images" is one argument too many; kuosan train takes one preset or configuration file',
  ],
  ['train config.json --out new --steps 0', 2, '--steps: expected an integer of 1 or more, got "0"'],
  ['train config.json --out new --steps abc', 2, '--steps: expected an integer of 1 or more, got "abc"'],
  ['train config.json --out new --model.layersPerBlock', 2, '--model.layersPerBlock: a value is missing'],
  [
    'train smileys --out new',
    1,
    'unknown preset "smileys"; did you mean smileys-16? (a configuration file ends in .json)',
  ],
  ['train none.json --out new', 1, 'no configuration file at none.json'],
  ['train broken.json --out new', 1, /^broken\.json:2:\d+: not valid JSON/],
  [
    'train config.json --out new --model.layerPerBlock 2',
    1,
    'config.model: unknown key "layerPerBlock"; did you mean layersPerBlock?',
  ],
  ['train config.json --out new --modle.layersPerBlock 2', 1, 'config: unknown key "modle"; did you mean model?'],
  [
    'train config.json --out new --train.learningRate fast',
    1,
    'config.train.learningRate: expected number, got "fast"',
  ],
  [
    'train config.json --out new --model.normNumGroups 3',
    1,
    'unet: downBlockTypes[0] (AttnDownBlock2D): 16 channels do not split into 3 groups (blockOutChannels and normNumGroups)',
  ],
  [
    'train config.json --out new --data.size [8,12]',
    1,
    'config.model.sampleSize is 8, config.data.size [8,12]; they must agree, or leave sampleSize out',
  ],
  [
    'train config.json --out new --data.size 9 --model.sampleSize 9 --model.blockOutChannels [8,8] --model.downBlockTypes ["DownBlock2D","DownBlock2D"] --model.upBlockTypes ["UpBlock2D","UpBlock2D"]',
    1,
    'config.data.size: a network of 2 levels takes multiples of 2, got 9 × 9; --size 8 or 10 fits',
  ],
  [
    'train config.json --out new --scheduler.betaEnd 3',
    1,
    /betaEnd must be below 1, got 3.*; give betaStart and betaEnd, or use the cosine schedule$/,
  ],
  [
    'train config.json --out new --train.groups [{"names":"(","frozen":true}]',
    1,
    'config.train.groups.0.names: expected a regular expression, got "("',
  ],
  [
    'train config.json --out new --train.groups [{"names":"conv_inn","frozen":true}]',
    1,
    'train.groups[0]: fits no parameter; one is called "conv_in.weight"',
  ],
  [
    'train config.json --out new --train.groups [{"frozn":true}]',
    1,
    'config.train.groups.0: unknown key "frozn"; did you mean frozen?',
  ],
  [
    'train config.json --out new --train.groups [{"frozen":true}]',
    1,
    'training: no parameter is trainable, all are frozen or buffers',
  ],
  [
    'train config.json --out new --model.numClassEmbeds 3',
    1,
    'config.model.numClassEmbeds is 3, but images has no classes; put each class in a folder of its own',
  ],
];

const data: readonly Case[] = [
  ['train config.json --out new --data image', 1, 'unknown data set "image"; did you mean the folder images?'],
  ['train config.json --out new --data noto-emojy', 1, 'unknown data set "noto-emojy"; did you mean noto-emoji?'],
  [
    'train config.json --out new --data empty',
    1,
    /^data "empty": no images here or in its sub-folders .*; give a folder with PNG/,
  ],
  ['train config.json --out new --data notes', 1, /^data "notes": no images .*it holds only \.txt/],
  [
    'train config.json --out new --data fakes',
    1,
    'data: "fakes/fake.png": not an image that can be read; remove the file, or leave such files out with --skip-bad',
  ],
  [
    'train cifar10 --out new',
    1,
    /^data "cifar10": is not on this machine; get it with: curl -O [^\n]*cifar-10-binary\.tar\.gz; or give the path of the folder that it is in$/,
  ],
  [
    'train emoji-clip --out new',
    1,
    /^data "data\/emoji64": is not on this machine; get it with: npx kuosan data emoji --styles [^\n]* --out data\/emoji64; or give the path of the folder that it is in$/,
  ],
  [
    'train emoji-clip --out new --data images',
    1,
    'data list "splits/train.txt": there is no such file, neither "images/splits/train.txt" nor "splits/train.txt"; name another, or do without (--data.files null trains on all images)',
  ],
  [
    'train config.json --out new --data fashion-mnist/tset',
    1,
    'unknown part of fashion-mnist "tset"; did you mean test?',
  ],
  [
    'data captioned --out grid.png',
    1,
    'data: "captioned/metadata.jsonl:2": there is no image "009.png"; mend or remove it, or do without such captions with --skip-bad',
  ],
  [
    'data fakes --out grid.png',
    1,
    'data: "fakes/fake.png": not an image that can be read; remove the file, or leave such files out with --skip-bad',
  ],
];

const places: readonly Case[] = [
  [
    'train config.json --out config.json',
    1,
    'config.json: is a file, expected a folder for the run; choose another --out',
  ],
  [
    'train config.json --out config.json/new',
    1,
    'config.json/new: cannot be written, a part of the path is a file, not a folder; choose another --out',
  ],
  ['train config.json --out notes', 1, 'notes: holds no run but other files ("thesis.txt"); choose another --out'],
  ['train config.json --out run', 1, 'run: holds a run at step 4; --resume continues it, or choose another --out'],
  [
    'train config.json --out new --resume',
    1,
    'new: there is no run to resume; leave out --resume to start one, or give the --out of a run',
  ],
  [
    'train config.json --out run --resume',
    1,
    'run: is finished at step 4; sample from it with kuosan sample run, or give more --steps to train on',
  ],
  [
    'train config.json --out run --resume --steps 9 --batch-size 2',
    1,
    "run: config.train.batchSize is 4 in this run, now 2; resume with the run's own value, or choose another --out",
  ],
  [
    'train config.json --out run --resume --steps 9 --data fakes --skip-bad',
    1,
    'run: its images differ from the images of the run; resume with the same data, or choose another --out',
  ],
  [
    'sample run --out notes/thesis.txt',
    1,
    'cannot write "notes/thesis.txt": the name does not end in .png; give another path',
  ],
  ['sample run --out config.json/x.png', 1, /^cannot write "config\.json\/x\.png": .*; give another path$/],
  [
    'sample run --out x.png --images config.json',
    1,
    /^cannot write "config\.json\/00000\.png": .*; give another path$/,
  ],
  [
    'export run',
    2,
    '--out, --web or --text-encoder is missing: the ONNX file, the folder of a page or of an encoder to write',
  ],
  ['export run --out model.png', 1, 'cannot write "model.png": the name does not end in .onnx; give another path'],
  ['export run --out model.onnx --batch 0', 2, '--batch: expected an integer from 1 to 100000, got "0"'],
  ['export run --out model.onnx --dtype f16', 2, 'unknown dtype "f16"; one of float32, float16, int8'],
  [
    'export run --out old.onnx',
    1,
    'cannot write "old.onnx": exists already; replace it with --force, or give another path',
  ],
  ['export run --web notes', 1, 'notes: holds other files ("thesis.txt"); give another folder'],
  ['export run --web notes --force', 1, 'notes: holds other files ("thesis.txt"); give another folder'],
  ['export run --web config.json', 1, /^cannot write "config\.json\/index\.html": .*; give another path$/],
  ['data images --out images/grid.png', 1, /^--out "images\/grid\.png" lies inside the data set/],
];

/** Where the system itself makes no files, whoever asks. */
const systemPlaces: readonly Case[] = [
  ['train config.json --out /proc/kuosan/new', 1, /^\/proc\/kuosan\/new: cannot be written, .*; choose another --out$/],
  ['sample run --out /proc/x.png', 1, /^cannot write "\/proc\/x\.png": .*; give another path$/],
  [
    'sample run --out x.png --images /proc/kuosan',
    1,
    /^cannot write "\/proc\/kuosan\/00000\.png": .*; give another path$/,
  ],
];

const editing: readonly Case[] = [
  ['sample run --exact images --size 8', 2, '--size: belongs to --exact without a model; a model has its own'],
  ['sample run --schedule cosine', 2, '--schedule: belongs to --exact without a model; a model has its own'],
  ['sample --exact images --schedule cosin', 2, 'unknown schedule "cosin"; did you mean cosine?'],
  ['sample --exact image --out x.png', 1, 'unknown data set "image"; did you mean the folder images?'],
  [
    'sample --exact images --size 8 --out x.png --guidance-scale 2',
    1,
    'guidanceScale: the exact denoiser is unconditional, so it cannot be guided',
  ],
  [
    'sample run --out x.png --guidance-scale 2',
    1,
    'guidanceScale: this model is unconditional, so it cannot be guided; leave the scale at 1',
  ],
  ['sample run --out x.png --guidance-interval 0.3,5', 2, '--guidance-interval: needs guidance; add --guidance-scale'],
  ['compare run --out x.png --guidance-rescale 0.7', 2, '--guidance-rescale: needs guidance; add --guidance-scale'],
  [
    'interpolate run --seeds 1,2 --guidance-interval 0.3,5',
    2,
    '--guidance-interval: needs guidance; add --guidance-scale',
  ],
  [
    'edit run --image images/000.png --guidance-rescale 0.7',
    2,
    '--guidance-rescale: needs guidance; add --guidance-scale',
  ],
  ...['3', '5,0.3', '2,2', '-1,5', '1,', '1,2,3', 'low,high'].map((text): Case => [
    `sample run --guidance-scale 2 --guidance-interval=${text}`,
    2,
    `--guidance-interval: expected two increasing noise levels σ/α, such as 0.3,5 or 0.3,inf, got "${text}"`,
  ]),
  ['compare run --guidance-rescale 1.5', 2, '--guidance-rescale: expected a number from 0 to 1, got "1.5"'],
  [
    'edit run --image images/000.png --dynamic-threshold 2',
    2,
    '--dynamic-threshold: expected a number from 0 to 1, got "2"',
  ],
  [
    'sample unguided --out x.png --guidance-scale 2 --guidance-interval 0.3,5',
    1,
    'guidanceScale: this model was trained without label dropout (objective.labelDropout), so it cannot be guided; leave the scale at 1',
  ],
  [
    'compare unguided --out x.png --samplers ddim --steps 2 --guidance-scale 2 --guidance-rescale 0.7',
    1,
    'guidanceScale: this model was trained without label dropout (objective.labelDropout), so it cannot be guided; leave the scale at 1',
  ],
  [
    'sample --exact images --size 8 --out x.png --dynamic-threshold 0.9',
    1,
    'dynamicThresholding: an exact estimate is a mean of images and never leaves their range',
  ],
  ['edit run', 2, "required option '--image <in.png>' not specified; see kuosan edit --help"],
  ['edit run --image none.png', 1, /^cannot read "none\.png": /],
  [
    'edit run --image fakes/fake.png',
    1,
    'cannot read "fakes/fake.png": not an image that can be read; give a PNG, JPEG, WebP, GIF, SVG, AVIF or TIFF image',
  ],
  ['edit run --image images/000.png --strength 1.5', 2, '--strength: expected a number from 0 to 1, got "1.5"'],
  [
    'edit run --image images/000.png --mask small.png',
    1,
    '--mask small.png is 4×4, images/000.png 8×8; the mask must have the size of the image',
  ],
  [
    'edit run --image images/000.png --mask black.png',
    1,
    '--mask black.png: nothing is white, so there is nothing to inpaint',
  ],
  [
    'edit run --image images/000.png --mask black.png --strength 0.5',
    2,
    '--strength: inpainting starts from noise; leave out --strength or --mask',
  ],
  [
    'edit run --image images/000.png --mask black.png --sampler ddim',
    2,
    '--sampler: inpainting takes the steps of ddpm (RePaint); leave out --sampler, --eta and --churn, or --mask',
  ],
  ['edit run --image images/000.png --resamples 5', 2, '--resamples: belongs to --mask'],
  [
    'edit run --image images/000.png --steps 2000',
    1,
    'timesteps: the number of steps must be an integer in 1 … 1000, got 2000; the schedule has 1000',
  ],
  [
    'edit run --image images/000.png --out images/000.png',
    1,
    '--out "images/000.png" is the image itself; give another path',
  ],
  [
    'interpolate run --seeds 1',
    2,
    '--seeds: expected two or more seeds separated by commas, or several prompts, got "1"',
  ],
  ['interpolate run --seeds 1,x', 2, '--seeds: expected an integer of 0 or more, got "x"'],
  [
    'interpolate run --seeds 1,2 --sampler ddpm',
    2,
    '--sampler: ddpm adds noise in every step, so interpolated noise does not give interpolated images; take ddim, euler, heun, dpm2, dpmpp-2m, unipc',
  ],
  ['interpolate run --seeds 1,2 --frames 1', 2, '--frames: expected an integer from 2 to 1000, got "1"'],
  ['compare run --samplers ddim,eulr', 2, 'unknown sampler "eulr"; did you mean euler?'],
  [
    'compare run --steps 5,2000 --count 1 --out x.png',
    1,
    'timesteps: the number of steps must be an integer in 1 … 1000, got 2000; the schedule has 1000',
  ],
  ['compare run --out x.jpg', 1, 'cannot write "x.jpg": the name does not end in .png; give another path'],
  ['loss-by-noise run --data images --draws 1', 2, '--draws: expected an integer from 2 to 1000000, got "1"'],
  ['loss-by-noise run --data empty', 1, /^data "empty": no images here/],
];

const models: readonly Case[] = [
  [
    'sample nothing --out x.png',
    1,
    /^unknown model "nothing"; .*give the path of a run, a checkpoint or a model folder/,
  ],
  [
    'sample images --out x.png',
    1,
    'images: is neither a run, a checkpoint nor a model folder (there is no run.json, no model_index.json and no config.json)',
  ],
  ['sample run --out x.png --sampler ddmp', 1, 'unknown sampler "ddmp"; did you mean ddpm?'],
  [
    'sample run --out x.png --sampler ddpm --eta 1',
    2,
    '--eta: ddpm has no such option; add --sampler ddim or euler-ancestral or dpmpp-2m-sde',
  ],
  [
    'sample run --out x.png --steps 5000',
    1,
    'timesteps: the number of steps must be an integer in 1 … 1000, got 5000; the schedule has 1000',
  ],
  [
    'sample config.json --out x.png',
    1,
    'config.json: is a file; give a run, a checkpoint or the folder of a model, which has model_index.json or config.json',
  ],
  [
    'sample unguided --out x.png --guidance-scale 2',
    1,
    'guidanceScale: this model was trained without label dropout (objective.labelDropout), so it cannot be guided; leave the scale at 1',
  ],
  ['sample unguided --out x.png --class d', 2, 'unknown class "d"; one of round, square'],
  [
    'sample silent --out x.png --sampler heun',
    1,
    'sigmaRange: at its last time the schedule has no signal left, so its noise level is infinite; take the trailing spacing, or for a flow leave the spacing out (any sampler but dpm2)',
  ],
  [
    'sample silent --out x.png --sampler dpm2 --spacing trailing',
    1,
    'dpm2: at time 999 no signal is left (alpha is 0), and its noise level is infinite; take ddpm, ddim, euler, euler-ancestral, heun, dpmpp-2m, dpmpp-2m-sde or unipc, with the trailing spacing where the schedule has steps, or begin at an earlier time',
  ],
  [
    'edit silent --image images/000.png --sampler dpmpp-2m',
    1,
    /^sigmaRange: .*; take the trailing spacing, or for a flow leave the spacing out \(any sampler but dpm2\)$/,
  ],
  [
    'embed silent --images images --out x.npy',
    1,
    'checkpoint silent: holds a model that generates images (model_index.json), expected a CLIP; give the folder or the run of one',
  ],
  [
    'evaluate run --data images --features random.safetensors',
    1,
    /^checkpoint random\.safetensors: is damaged; .*\(is this a safetensors file\?\)\)$/,
  ],
  [
    `evaluate run --data images --features run/${weightsFile}`,
    1,
    /: is no Inception v3, it has no fc\.weight; save the state_dict of torchvision's inception_v3 or of pytorch-fid's network with safetensors$/,
  ],
  [
    'sample run --out x.png --class 1',
    2,
    /^--class: this model has no classes; to get some, put the images of each class into a sub-folder of its own and train/,
  ],
  [
    'sample short-weights --out x.png',
    1,
    new RegExp(`^checkpoint short-weights/${weightsFile}: is damaged; get it again or take another checkpoint`),
  ],
  [
    'sample flipped --out x.png',
    1,
    new RegExp(
      `^checkpoint flipped/${weightsFile}: is damaged, the values of tensor "\\S+" \\[16, 64\\], which begin at byte \\d+, do not match their checksum; get it again or take another checkpoint$`,
    ),
  ],
  [
    'sample wider --out x.png',
    1,
    new RegExp(
      `^checkpoint wider/${weightsFile}: tensor "conv_in.weight" is \\[16, 3, 3, 3\\], expected \\[32, 3, 3, 3\\].*; the weights are not of the network in wider/${configFile}`,
    ),
  ],
  [
    'train config.json --out short-weights --resume --steps 9',
    1,
    /is damaged; .*--resume continues from the checkpoint before it$/,
  ],
  [
    'train config.json --out short-state --resume --steps 9',
    1,
    new RegExp(
      `^checkpoint short-state/${lastStep}/training/state.safetensors: is cut short or damaged, .*; move short-state/${lastStep} out of short-state/checkpoints and --resume continues from the checkpoint before it$`,
    ),
  ],
  [
    'train config.json --out wider --resume --steps 9',
    1,
    /tensor "conv_in\.weight" is \[16, 3, 3, 3\], expected \[32, 3, 3, 3\].*--resume continues from the checkpoint before it$/,
  ],
];

/** Holds every command against its message. */
async function expectRefused(cases: readonly Case[]): Promise<void> {
  const before = listing();
  for (const [command, status, message] of cases) {
    const ended = await run(command);
    expect(ended.stderr, command).toMatch(/^kuosan: [^\n]+\n$/);
    const line = ended.stderr.slice('kuosan: '.length, -1);
    if (typeof message === 'string') expect(line, command).toBe(message);
    else expect(line, command).toMatch(message);
    expect(ended, command).toMatchObject({ status, stdout: '' });
  }
  expect(listing()).toEqual(before);
}

describe('bad input gets one line with a hint, and nothing is written or lost:', () => {
  test('commands and options', () => expectRefused(commands));
  test('presets, configurations and settings', () => expectRefused(training));
  test('data', () => expectRefused(data));
  test('places to write to', () => expectRefused(places));
  test.runIf(process.platform === 'linux')('places where nothing can be made', () => expectRefused(systemPlaces));
  test('models and checkpoints', () => expectRefused(models));
  test('editing, comparing and exact denoisers', () => expectRefused(editing));
});

test('a damaged last checkpoint that is moved away leaves a run that goes on from the one before', async () => {
  copyRun('recovered', () => rmSync(at('recovered', lastStep), { recursive: true }));
  const ended = await run('train config.json --out recovered --resume --threads 1');
  expect(ended.status, ended.stderr).toBe(0);
  expect(ended.stderr).toContain('resuming from step 2\n');
  expect(readFileSync(at('recovered', weightsFile)).equals(readFileSync(at('run', weightsFile)))).toBe(true);
}, 60_000);

test('images that cannot be read are counted and left out where that is asked for', async () => {
  const ended = await run('train config.json --out skipped --data fakes --skip-bad --steps 1 --threads 1');
  expect(ended.status, ended.stderr).toBe(0);
  expect(ended.stderr).toMatch(
    /^3 images of 8×8 from fakes; .*\nleft out 1 file that cannot be read, the first is fake.png: not an image that can be read\n/,
  );
}, 60_000);

test('a run that diverges stops, keeps its last checkpoint, and says what to try', async () => {
  const ended = await run(
    'train config.json --out wild --train.learningRate 1e30 --train.clipNorm null --train.warmupSteps 0 --checkpoint-every 1 --threads 1',
  );
  expect(ended.status, ended.stderr).toBe(1);
  expect(ended.stderr.trimEnd().split('\n').at(-1)).toMatch(
    /^kuosan: training: the loss is \S+ at step 2; start again in another folder with a lower learning rate .*; wild\/checkpoints\/step-000001 is whole$/,
  );
  expect(readdirSync(at('wild/checkpoints'))).toEqual(['step-000001']);
  expect(readFileSync(at('wild/latest'), 'utf8')).toBe('step-000001\n');
}, 60_000);

test('--debug shows where an error comes from, before and after the command', async () => {
  for (const command of ['--debug sample nothing', 'sample nothing --debug']) {
    const ended = await run(command);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/^kuosan: Error: unknown model "nothing".*\n\s+at .*resolve\.ts/);
  }
}, 60_000);

test('a process ends with the status of its command and prints no more than its line', async () => {
  const [wrong, failed, helped] = await Promise.all([
    kuosan(['trian'], { cwd }),
    kuosan(['train', 'config.json', '--out', 'run'], { cwd }),
    kuosan(['--help'], { cwd }),
  ]);
  expect(wrong).toEqual({ status: 2, stdout: '', stderr: "kuosan: unknown command 'trian'; did you mean train?\n" });
  expect(failed).toEqual({
    status: 1,
    stdout: '',
    stderr: 'kuosan: run: holds a run at step 4; --resume continues it, or choose another --out\n',
  });
  expect(helped).toMatchObject({ status: 0, stderr: '' });
  for (const name of [
    'demo',
    'train',
    'sample',
    'edit',
    'interpolate',
    'compare',
    'loss-by-noise',
    'export',
    'forward',
    'data',
  ])
    expect(helped!.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
}, 60_000);

test('help and mistyped commands load neither the engine nor the image library', async () => {
  const address = new URL('../src/cli/run-command.ts', import.meta.url).href;
  const script = `
    const { runCommand } = await import(${JSON.stringify(address)});
    for (const words of [['train', '--help'], ['trian'], ['sample', '--count', 'x']]) await runCommand(words);
    console.log(process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node')).join());`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    import.meta.resolve('tsx'),
    '--input-type=module',
    '--eval',
    script,
  ]);
  expect(stdout.split('\n').at(-2)).toBe('');
}, 60_000);
