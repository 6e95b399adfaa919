/** The commands that use a CLIP, on a small one that was trained here. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, cpSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { packagePretrainedDir } from '../src/checkpoint/index.ts';
import { runCommand } from '../src/cli/run-command.ts';
import { readNpy, readSafetensors, writeSafetensors } from '../src/formats/index.ts';
import type { Ended } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-clip-'));
const home = process.cwd();
afterAll(() => {
  process.chdir(home);
  vi.unstubAllEnvs();
  rmSync(cwd, { recursive: true, force: true });
});

async function run(...words: string[]): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  const status = await runCommand([
    ...words,
    ...(words[0] === 'tokenizer' ? [] : ['--threads', '1', '--device', 'cpu']),
  ]).finally(() => vi.restoreAllMocks());
  return { status, ...printed };
}

const colors = ['red', 'lime', 'blue', 'yellow', 'black', 'white', 'cyan', 'magenta'];
const tower = { intermediateSize: 32, numHiddenLayers: 1, numAttentionHeads: 2, hiddenSize: 16 };
const config = {
  task: 'clip',
  data: { source: 'images', size: 8, cropScale: 1 },
  tokenizer: { vocabSize: 540 },
  model: {
    projectionDim: 8,
    visionConfig: { ...tower, patchSize: 4 },
    textConfig: { ...tower, maxPositionEmbeddings: 10 },
  },
  train: { steps: 80, batchSize: 8, learningRate: 5e-3, warmupSteps: 5, ema: { decay: 0.8 }, checkpointEvery: 80 },
};

beforeAll(async () => {
  process.chdir(cwd);
  vi.stubEnv('KUOSAN_CACHE', join(cwd, '.cache'));
  mkdirSync('images');
  for (const color of colors) {
    await sharp({ create: { width: 8, height: 8, channels: 3, background: color } })
      .png()
      .toFile(`images/${color}.png`);
    writeFileSync(`images/${color}.txt`, color);
  }
  writeFileSync('config.json', JSON.stringify(config));
  const { status, stderr } = await run('train', 'config.json', '--out', 'run');
  if (status !== 0) throw new Error(stderr);
}, 60_000);

describe('the command that training prints', () => {
  const printed = async (...words: string[]) => {
    const { stderr } = await run('train', 'config.json', ...words, '--steps', '1', '--checkpoint-every', '1');
    return {
      what: stderr.split('\n').at(-2),
      words: execFileSync('sh', ['-c', `printf '%s\\n' ${/npx kuosan (.*)\n$/.exec(stderr)?.[1]}`], {
        encoding: 'utf8',
      })
        .trimEnd()
        .split('\n'),
    };
  };

  test('searches images that are files, whatever their folder is called', async () => {
    cpSync('images', 'my images', { recursive: true });
    const { what, words } = await printed('--data', 'my images', '--out', 'a run');
    expect(what).toBe(
      "search your images: npx kuosan search 'a run' --images 'my images' --query \"a red heart\" --out sheet.png",
    );
    expect((await run(...words)).stdout).toMatch(/sheet.png: the 8 of 8 images nearest to "a red heart"\n$/);
    expect(
      (
        await run(
          'train',
          'config.json',
          '--data',
          'my images',
          '--out',
          'a run',
          '--steps',
          '1',
          '--checkpoint-every',
          '1',
          '--resume',
        )
      ).stderr,
    ).toBe(
      "kuosan: a run: is finished at step 1; search your images with kuosan search 'a run' --images 'my images' --query \"a red heart\" --out sheet.png, or give more --steps to train on\n",
    );
  });

  test('counts right names where images are none', async () => {
    mkdirSync('arrays');
    const idx = (shape: readonly number[], values: readonly number[]) =>
      Uint8Array.from([0, 0, 8, shape.length, ...shape.flatMap((extent) => [0, 0, 0, extent]), ...values]);
    writeFileSync(
      'arrays/train-images-idx3-ubyte',
      idx(
        [3, 8, 8],
        Array.from({ length: 3 * 64 }, (_, i) => i),
      ),
    );
    writeFileSync('arrays/train-labels-idx1-ubyte', idx([3], [0, 1, 2]));
    const { what, words } = await printed('--data', 'arrays', '--out', 'digits');
    expect(what).toBe('count how many images get their own name: npx kuosan zero-shot digits --data arrays');
    expect((await run(...words)).stdout).toMatch(/^3 images of arrays, 3 captions to choose from\n/);
  });
});

test("a preset trains with a vocabulary of one's own", async () => {
  writeFileSync('words.txt', 'red lime blue\nred lime blue');
  expect(
    (await run('tokenizer', 'train', '--captions', 'words.txt', '--out', 'words.json', '--vocab-size', '530')).status,
  ).toBe(0);
  const { status, stderr } = await run(
    'train',
    'config.json',
    '--tokenizer.file',
    'words.json',
    '--out',
    'words',
    '--steps',
    '1',
    '--checkpoint-every',
    '1',
  );
  expect(status, stderr).toBe(0);
  expect(JSON.parse(readFileSync('words/checkpoints/step-000001/tokenizer.json', 'utf8'))).toEqual(
    JSON.parse(readFileSync('words.json', 'utf8')),
  );
  expect((JSON.parse(readFileSync('words/run.json', 'utf8')) as { config: object }).config).toMatchObject({
    tokenizer: { file: 'words.json' },
  });
});

describe('kuosan classify', () => {
  test('names the color of each image it was trained on', async () => {
    const { status, stdout, stderr } = await run(
      'classify',
      'run',
      '--images',
      'images',
      '--labels',
      colors.join(','),
      '--top',
      '2',
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(8);
    const right = lines.filter((line) => new RegExp(`^images/(\\w+).png: \\1 [\\d.]+ % · \\w+ [\\d.]+ %$`).test(line));
    expect(right.length, stdout).toBeGreaterThanOrEqual(7);
  });

  test('takes labels from a file, several sentences and one image', async () => {
    writeFileSync('labels.txt', '\ufeffred\n\nblue\n');
    const { stdout } = await run(
      'classify',
      'run',
      '--images',
      'images/red.png',
      '--labels',
      'labels.txt',
      '--template',
      '{}',
      '--template',
      '{} one',
    );
    expect(stdout).toMatch(/^images\/red.png: red [\d.]+ % · blue [\d.]+ %\n$/);
  });

  test('tells programs the same', async () => {
    const { stdout } = await run(
      'classify',
      'run',
      '--images',
      'images',
      '--labels',
      colors.join(','),
      '--top',
      '2',
      '--json',
    );
    const lines = stdout
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            readonly file: string;
            readonly labels: readonly {
              readonly label: string;
              readonly probability: number;
              readonly cosine: number;
            }[];
          },
      );
    expect(lines.map(({ file }) => file)).toEqual(colors.map((color) => `images/${color}.png`).sort());
    for (const {
      labels: [best, second],
    } of lines) {
      expect(best!.probability).toBeGreaterThanOrEqual(second!.probability);
      expect(best!.cosine).toBeGreaterThanOrEqual(second!.cosine);
    }
  });

  test.each([
    [['--labels', ',,'], 2, '--labels: there is no label in ",,"'],
    [
      ['--labels', 'none.txt'],
      1,
      '--labels: cannot read "none.txt" (it does not exist); give labels separated by commas, or a file in UTF-8 with one on each line',
    ],
    [
      ['--labels', 'latin1.txt'],
      1,
      '--labels: cannot read "latin1.txt" (is not text in UTF-8); give labels separated by commas, or a file in UTF-8 with one on each line',
    ],
    [['--labels', 'Red,red'], 1, 'the labels "Red" and "red" are the same to this tokenizer; give each another name'],
    [['--labels', 'red', '--template', 'a color'], 2, '--template: "a color" has no {} for the label'],
    [['--labels', 'red', '--images', 'none'], 1, 'images "none": it does not exist'],
  ])('%j', async (words, status, message) => {
    writeFileSync('latin1.txt', Buffer.from('caf\xe9\nth\xe9\n', 'latin1'));
    const ended = await run('classify', 'run', ...(words.includes('--images') ? [] : ['--images', 'images']), ...words);
    expect(ended.stderr).toMatch(message);
    expect(ended.status).toBe(status);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  });

  test('leaves out files that are no images if asked, and counts them', async () => {
    cpSync('images', 'mixed', { recursive: true });
    writeFileSync('mixed/damaged.png', 'no image');
    const words = ['classify', 'run', '--images', 'mixed', '--labels', 'red,blue'];
    expect((await run(...words)).stderr).toMatch(
      /cannot read "mixed\/damaged.png": not an image that can be read; remove the file, or leave such files out with --skip-bad/,
    );
    const { stdout, stderr } = await run(...words, '--skip-bad');
    expect(stdout.trim().split('\n')).toHaveLength(8);
    expect(stderr).toBe(
      'left out 1 file that cannot be read, the first is mixed/damaged.png: not an image that can be read\n',
    );
  });
});

describe('kuosan zero-shot', () => {
  const words = ['zero-shot', 'run', '--data', 'marked'];
  beforeAll(() => {
    cpSync('images', 'marked', { recursive: true });
    for (const color of colors) rmSync(`marked/${color}.txt`);
    writeFileSync(
      'marked/metadata.jsonl',
      colors
        .map((color) =>
          JSON.stringify({
            file_name: `${color}.png`,
            text: color,
            top1: 'group',
            mood: ['red', 'yellow', 'magenta'].includes(color) ? 'warm' : 'cold',
          }),
        )
        .join('\n'),
    );
    writeFileSync('marked/some.list', 'red.png\nblue.png\n');
  });

  test('counts the images that get their own caption', async () => {
    const { status, stdout } = await run(...words);
    expect(status).toBe(0);
    const [, top1] =
      /^8 images of marked, 8 captions to choose from\ntop-1 ([\d.]+) %, top-5 [\d.]+ %; by chance 12\.5 % and 62\.5 %\n$/.exec(
        stdout,
      ) ?? [];
    expect(Number(top1), stdout).toBeGreaterThanOrEqual(87);
  });

  test('of a list, among all captions or those of the list, and by group', async () => {
    const whole = JSON.parse((await run(...words, '--files', 'some.list', '--group', 'mood', '--json')).stdout) as {
      readonly top1: number;
      readonly group: { readonly mood: number };
      readonly likeliestGroup: { readonly mood: number };
    };
    expect(whole).toMatchObject({ images: 2, captions: 8, top5: 1 });
    expect(whole.group.mood).toBeGreaterThanOrEqual(whole.top1);
    expect(whole.likeliestGroup.mood).toBeGreaterThanOrEqual(0.5);
    expect(
      JSON.parse((await run(...words, '--files', 'some.list', '--among', 'files', '--json')).stdout),
    ).toMatchObject({ images: 2, captions: 2, top5: 1 });
    // Red is warm as 3 of 8 captions are, blue is cold as 5 of 8.
    expect((await run(...words, '--files', 'some.list', '--group', 'mood')).stdout).toMatch(
      /\nright mood [\d.]+ % by the best caption, [\d.]+ % by the probabilities of all; by chance 50\.0 %\n$/,
    );
  });

  test.each([
    [['--among', 'files'], 2, '--among files: there is no list; give it with --files'],
    [['--group', 'size'], 2, '--group: black.png has no "size" in metadata.jsonl'],
    [['--template', 'a color'], 2, '--template: "a color" has no {} for the label'],
    [
      ['--files', 'none.list'],
      1,
      'data list "none.list": there is no such file, neither "marked/none.list" nor "none.list"',
    ],
  ])('%j', async (more, status, message) => {
    const ended = await run(...words, ...more);
    expect(ended.stderr).toBe(`kuosan: ${message}\n`);
    expect(ended.status).toBe(status);
  });

  test('with the tags of each caption', async () => {
    expect(await run(...words, '--tags')).toMatchObject({
      status: 2,
      stderr: 'kuosan: --tags: the lines of metadata.jsonl of marked have none\n',
    });
    cpSync('marked', 'tagged', { recursive: true });
    const told = (tags: string) => {
      writeFileSync(
        'tagged/metadata.jsonl',
        colors.map((color) => JSON.stringify({ file_name: `${color}.png`, text: color, tags: [tags] })).join('\n'),
      );
      return run('zero-shot', 'run', '--data', 'tagged', '--tags', '--json');
    };
    // The same word behind every caption tells less than the captions alone, and more than nothing.
    const { top1, captions } = JSON.parse((await told('color')).stdout) as {
      readonly top1: number;
      readonly captions: number;
    };
    expect(captions).toBe(8);
    expect(top1).toBeGreaterThan(0.12);
  });

  test('a group may be called like a result', async () => {
    const result = JSON.parse((await run(...words, '--group', 'top1', '--json')).stdout) as {
      readonly top1: number;
      readonly group: object;
    };
    expect(result.top1).toBeLessThanOrEqual(1);
    expect(result.group).toEqual({ top1: 1 });
    expect(JSON.parse((await run(...words, '--json')).stdout)).toMatchObject({ top1: result.top1 });
  });

  test('leaves out files that are no images if asked, as it advises, and counts them', async () => {
    cpSync('marked', 'torn', { recursive: true });
    writeFileSync('torn/torn.png', 'no image');
    const torn = ['zero-shot', 'run', '--data', 'torn'];
    expect(await run(...torn)).toMatchObject({
      status: 1,
      stderr:
        'kuosan: data: "torn/torn.png": not an image that can be read; remove the file, or leave such files out with --skip-bad\n',
    });
    const { stdout, stderr } = await run(...torn, '--skip-bad');
    expect(stdout).toMatch(/^8 images of torn, 8 captions to choose from\n/);
    expect(stderr).toMatch(
      /^left out 1 file that cannot be read, the first is torn.png: not an image that can be read\n/,
    );
  });

  test('images without captions, and with the same to the model', async () => {
    mkdirSync('bare');
    cpSync('images/red.png', 'bare/red.png');
    expect((await run('zero-shot', 'run', '--data', 'bare')).stderr).toMatch(
      /^kuosan: data: the images of bare have no captions; put them into metadata.jsonl/,
    );
    cpSync('images/red.png', 'bare/Red.png');
    for (const name of ['red', 'Red']) writeFileSync(`bare/${name}.txt`, name);
    expect((await run('zero-shot', 'run', '--data', 'bare')).stderr).toBe(
      'kuosan: the labels "Red" and "red" are the same to this tokenizer; give each another name\n',
    );
  });
});

test('images are looked at in seven ways if asked, and kept apart from those that were not', async () => {
  const cosines = async (...more: string[]) =>
    (await run('classify', 'run', '--images', 'images', '--labels', colors.join(','), '--json', ...more)).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string; labels: { label: string; cosine: number }[] });
  const [once, seven, again] = [await cosines(), await cosines('--tta'), await cosines()];
  expect(again).toEqual(once);
  expect(seven).not.toEqual(once);
  // One color is the same wherever one looks.
  seven.forEach(({ labels }, i) => expect(labels[0]!.cosine).toBeCloseTo(once[i]!.labels[0]!.cosine, 3));
  const { top1 } = JSON.parse((await run('zero-shot', 'run', '--data', 'marked', '--tta', '--json')).stdout) as Record<
    string,
    number
  >;
  expect(top1).toBeGreaterThanOrEqual(0.87);
});

describe('kuosan probe', () => {
  const words = ['probe', 'run', '--data', 'classes', '--test', 'asked'];
  beforeAll(async () => {
    // Three shades of each of two colors to learn from, a fourth to tell.
    const shades = {
      red: ['#ff0000', '#e00000', '#c01010', '#f01818'],
      blue: ['#0000ff', '#0000e0', '#1010c0', '#1818f0'],
    };
    for (const [name, [last, ...others]] of Object.entries(shades)) {
      for (const [folder, each] of [
        ['classes', others],
        ['asked', [last!]],
      ] as const) {
        mkdirSync(`${folder}/${name}`, { recursive: true });
        for (const [i, background] of each.entries())
          await sharp({ create: { width: 8, height: 8, channels: 3, background } })
            .png()
            .toFile(`${folder}/${name}/${i}.png`);
      }
    }
  });

  test('learns classes from the vectors, by a line and by neighbors', async () => {
    const { status, stdout } = await run(...words, '--neighbors', '3', '--c', '10');
    expect(stdout).toBe(
      'features of 8: 6 training images of classes, 2 test images of asked, 2 classes\nlinear probe 100.00 % (C = 10.0); 3 nearest neighbors 100.00 %\n',
    );
    expect(status).toBe(0);
  });

  test('wants the same classes, and says all in JSON', async () => {
    for (const name of ['red', 'absent']) cpSync('asked/red', `only/${name}`, { recursive: true });
    expect((await run(...words.slice(0, 4), '--test', 'only', '--neighbors', '1', '--c', '1')).stderr).toContain(
      '--test: only has the class "absent", which classes lacks; give images of the same classes',
    );
    const found = JSON.parse(
      (await run(...words.slice(0, 4), '--test', 'asked', '--neighbors', '1', '--c', '10', '--json')).stdout,
    ) as Record<string, number>;
    expect(found).toMatchObject({
      images: 6,
      asked: 2,
      classes: 2,
      dim: 8,
      inverseRegularization: 10,
      linear: 1,
      neighbors: 1,
      nearest: 1,
    });
  });

  test.each([
    [['--data', 'classes'], 2, '--test: classes has no test split; give other images of the same classes'],
    [['--data', 'images', '--test', 'asked'], 1, 'images: has no classes; put each class in a folder of its own'],
    [
      ['--data', 'classes', '--test', 'asked', '--neighbors', '7'],
      2,
      '--neighbors: there are only 6 images in classes',
    ],
    [
      ['--data', 'classes', '--test', 'asked', '--neighbors', '0'],
      2,
      '--neighbors: expected an integer from 1 to 10000, got "0"',
    ],
    [
      ['--data', 'classes', '--test', 'asked', '--c', '0'],
      2,
      '--c: expected a number from 0.000001 to 1000000, got "0"',
    ],
  ])('%j', async (more, status, message) => {
    const ended = await run('probe', 'run', ...more);
    expect(ended.stderr).toBe(`kuosan: ${message}\n`);
    expect(ended.status).toBe(status);
  });
});

describe('kuosan search', () => {
  test('finds the image that a word names, and writes a sheet', async () => {
    const { status, stdout } = await run(
      'search',
      'run',
      '--images',
      'images',
      '--query',
      'yellow',
      '--out',
      'sheet.png',
      '--count',
      '3',
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^0\.\d{3} {2}images\/yellow.png\n(?:-?0\.\d{3} {2}.*\n){2}sheet.png: the 3 of 8 images nearest to "yellow"\n$/,
    );
    const { width, height, channels } = await sharp('sheet.png').metadata();
    expect([width, height, channels]).toEqual([262, 262, 3]);
    const [r, g, b] = await sharp('sheet.png').extract({ left: 60, top: 60, width: 1, height: 1 }).raw().toBuffer();
    expect([r, g, b]).toEqual([255, 255, 0]);
  });

  test('says how many texts are cut, and refuses an empty one', async () => {
    const { stderr } = await run(
      'search',
      'run',
      '--images',
      'images',
      '--query',
      'a very long story about a color',
      '--out',
      'long.png',
    );
    expect(stderr).toBe('note: 1 text is longer than the 10 tokens that the model reads, and loses its end\n');
    expect(await run('search', 'run', '--images', 'images', '--query', ' ', '--out', 'empty.png')).toMatchObject({
      status: 2,
      stderr: 'kuosan: --query: is empty; give a text\n',
    });
    expect(existsSync('empty.png')).toBe(false);
  });
});

describe('kuosan embed', () => {
  test('writes unit vectors for NumPy, from the cache the second time', async () => {
    cpSync('images', 'fresh', { recursive: true });
    await sharp({ create: { width: 8, height: 8, channels: 3, background: 'gray' } })
      .png()
      .toFile('fresh/gray.png');
    expect((await run('embed', 'run', '--images', 'fresh', '--out', 'vectors.npy')).stdout).toMatch(
      /^vectors.npy: \[9, 8\], \d of them cached; the paths are in vectors.txt\n$/,
    );
    expect((await run('embed', 'run', '--images', 'fresh', '--out', 'again.npy')).stdout).toBe(
      'again.npy: [9, 8], 9 of them cached; the paths are in again.txt\n',
    );
    expect(readFileSync('again.npy').equals(readFileSync('vectors.npy'))).toBe(true);
    const { shape, data } = readNpy(readFileSync('vectors.npy'));
    expect(shape).toEqual([9, 8]);
    for (let i = 0; i < 9; i++)
      expect(Math.hypot(...Array.from(data.subarray(i * 8, (i + 1) * 8), Number))).toBeCloseTo(1, 5);
    expect(readFileSync('vectors.txt', 'utf8').split('\n').slice(0, 2)).toEqual(['fresh/black.png', 'fresh/blue.png']);
  });
});

describe('the image as the model sees it', () => {
  const words = (model: string, out: string) => ['embed', model, '--images', 'striped', '--out', out] as const;
  const model = (name: string, change: (folder: string) => void) => {
    cpSync('run/checkpoints/step-000080', name, { recursive: true });
    change(name);
  };

  test('is resized by its own kernel, and cached by it', async () => {
    mkdirSync('striped');
    await sharp(Buffer.from(Array.from({ length: 31 * 22 * 3 }, (_, i) => (i * 89) % 256)), {
      raw: { width: 31, height: 22, channels: 3 },
    })
      .png()
      .toFile('striped/stripes.png');
    for (const [name, number] of [
      ['lanczos', 1],
      ['bicubic', 3],
    ] as const) {
      model(name, (folder) => {
        const path = join(folder, 'preprocessor_config.json');
        writeFileSync(
          path,
          JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), resample: number }),
        );
      });
      expect((await run(...words(name, `${name}.npy`))).stdout).toBe(
        `${name}.npy: [1, 8], 0 of them cached; the paths are in ${name}.txt\n`,
      );
    }
    expect(readFileSync('lanczos.npy').equals(readFileSync('bicubic.npy'))).toBe(false);
  });

  test('is embedded without a text tower, and whatever the tokenizer is', async () => {
    model('eyes', (folder) => {
      const { vision, tensors } = readTower(folder);
      rmSync(join(folder, 'tokenizer.json'));
      writeFileSync(
        join(folder, 'config.json'),
        JSON.stringify({ architectures: ['CLIPVisionModelWithProjection'], ...vision }),
      );
      writeFileSync(
        join(folder, 'model.safetensors'),
        writeSafetensors(new Map([...tensors].filter(([name]) => name.startsWith('vis')))),
      );
    });
    model('blind', (folder) => rmSync(join(folder, 'tokenizer.json')));
    await run(...words('run', 'whole.npy'));
    for (const name of ['eyes', 'blind']) {
      expect(await run(...words(name, `${name}.npy`))).toMatchObject({ status: 0, stderr: '' });
      expect(readFileSync(`${name}.npy`).equals(readFileSync('whole.npy')), name).toBe(true);
    }
    expect((await run('classify', 'eyes', '--images', 'images', '--labels', 'red,blue')).stderr).toBe(
      'kuosan: checkpoint eyes: is a CLIPVisionModelWithProjection, which has no text tower; give a whole CLIPModel\n',
    );
  });
});

/** A folder's tensors and the configuration of its image tower. */
function readTower(folder: string) {
  const { vision_config: vision, projection_dim: dim } = JSON.parse(
    readFileSync(join(folder, 'config.json'), 'utf8'),
  ) as { readonly vision_config: object; readonly projection_dim: number };
  return {
    vision: { ...vision, projection_dim: dim },
    tensors: readSafetensors(readFileSync(join(folder, 'model.safetensors'))).tensors,
  };
}

describe('a model that cannot be used', () => {
  const words = (model: string) => ['classify', model, '--images', 'images', '--labels', 'red,blue'];
  const copy = (name: string, change: (folder: string) => void) => {
    cpSync('run/checkpoints/step-000080', name, { recursive: true });
    change(name);
  };

  test('has no tokenizer, or that of another', async () => {
    copy('mute', (folder) => {
      rmSync(join(folder, 'tokenizer.json'));
    });
    expect((await run(...words('mute'))).stderr).toBe(
      'kuosan: mute: has no tokenizer.json; put that of the model next to its weights\n',
    );
    writeFileSync('captions.txt', 'to be or not to be\nthat is the question\nto be to be not not');
    const { status: trained } = await run(
      'tokenizer',
      'train',
      '--captions',
      'captions.txt',
      '--out',
      'other.json',
      '--vocab-size',
      '520',
    );
    expect(trained).toBe(0);
    copy('foreign', (folder) => {
      cpSync('other.json', join(folder, 'tokenizer.json'));
    });
    expect((await run(...words('foreign'))).stderr).toMatch(
      /^kuosan: checkpoint foreign\/tokenizer.json: has another vocabulary than the weights were trained with; take the tokenizer.json that came with the model\n$/,
    );
  });

  test('is no CLIP', async () => {
    const { status, stderr } = await run(...words('noto-32'));
    expect(stderr).toBe(
      'kuosan: "noto-32" is a model that generates images, expected a CLIP; give the path of a run, a checkpoint or a model folder, or one of emoji-clip\n',
    );
    expect(status).toBe(1);
    const folder = await run(...words(join(packagePretrainedDir(), 'noto-32')));
    expect(folder.stderr).toMatch(
      /^kuosan: checkpoint [^\n]*noto-32: holds a model that generates images \(model_index.json\), expected a CLIP; give the folder or the run of one\n$/,
    );
    expect(folder.status).toBe(1);
  });
});
