import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { brokenThings, run, type Case } from './broken-things.ts';
import { kuosan } from './kuosan.ts';

const { cwd, at, expectRefused } = brokenThings();

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
  ['export run --web site --prompt ', 2, '--prompt: is empty; say what the page should show first, or leave it out'],
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

describe('bad input gets one line with a hint, and nothing is written or lost:', () => {
  test('commands and options', () => expectRefused(commands));
  test('presets, configurations and settings', () => expectRefused(training));
  test('data', () => expectRefused(data));
  test('places to write to', () => expectRefused(places));
  test.runIf(process.platform === 'linux')('places where nothing can be made', () => expectRefused(systemPlaces));
});

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
