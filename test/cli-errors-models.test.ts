import { readFileSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { brokenThings, configFile, lastStep, run, weightsFile, type Case } from './broken-things.ts';

const { at, copyRun, expectRefused } = brokenThings();

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

describe('bad input gets one line with a hint, and nothing is written or lost:', () => {
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
