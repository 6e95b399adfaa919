/** The commands that train, search and embed with a CLIP, on a small one that was trained here, and models that cannot be used. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { packagePretrainedDir } from '../src/checkpoint/index.ts';
import { readNpy, readSafetensors, writeSafetensors } from '../src/formats/index.ts';
import { run, smallClip } from './small-clip.ts';

smallClip();

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
