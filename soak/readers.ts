/** Everything that reads files of strangers: a folder of whole files, those of them that are damaged, and what reads them. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import {
  folderFiles,
  latestCheckpoint,
  loadModel,
  parseModelCard,
  readClassifierFolder,
  readClipFolder,
  readInception,
  readModelFolder,
  readRun,
  readTextEncoder,
  readTrainingState,
  writeClassifierFolder,
  writeClipFolder,
  writeModelFolder,
  writeTextEncoderFolder,
  writeTrainingState,
} from '../src/checkpoint/index.ts';
import { createInterpreter, float32, RandomStream } from '../src/core/index.ts';
import {
  decodeImage,
  maxInputPixels,
  openDataset,
  openEmbeddingCache,
  openTextCache,
  readImageSize,
  readTexts,
  readTokenizer,
  takeListed,
  trainTokenizer,
} from '../src/data/index.ts';
import { networkProcess, schedulerConfig } from '../src/diffusion/index.ts';
import {
  readIdx,
  readNpy,
  readSafetensors,
  type SafetensorsTensor,
  writeNpy,
  writeSafetensors,
} from '../src/formats/index.ts';
import { readJsonFile } from '../src/files/json-file.ts';
import { CLIPModel, ImageClassifier, UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { decodeModel } from '../src/onnx/index.ts';
import { openTextEncoder } from '../src/pipelines/index.ts';
import { configuredRun } from '../src/systems/index.ts';
import { presetNames, readConfig } from '../src/train/index.ts';
import { writeImageFolder, tinyModel } from '../test/kuosan.ts';

/** Something that reads files. */
export interface Reader {
  readonly name: string;
  /** Writes whole files into an empty folder. */
  readonly prepare: (folder: string) => Promise<void>;
  /** Which of them are damaged, one at a time; default all. */
  readonly damaged?: (path: string) => boolean;
  /** Reads what is in the folder; returns something, or throws one line. */
  readonly read: (folder: string) => Promise<unknown>;
  /** True where no whole file is small enough to be read again and again: what is damaged is a part of one, and always refused. */
  readonly refusesAll?: boolean;
  /** Bytes that it may take besides ten times those of the files: the pixels of an image are more than its file. */
  readonly besides?: number;
}

const random = new RandomStream(1, 'soak files');
const noise = (count: number) => random.fillNormal(new Float32Array(count));
const bytesOf = (count: number) => Uint8Array.from({ length: count }, () => random.integer(256));

/** Reads each file of a folder that has the extension, as bytes. */
const each = (names: readonly string[], read: (bytes: Uint8Array) => unknown) => async (folder: string) => {
  const results: unknown[] = [];
  // One at a time, so that what the damaged one does is not hidden behind another's error.
  for (const name of names) results.push(await read(await readFile(join(folder, name))));
  return results;
};

/** Writes files by name. */
const files =
  (
    content: () =>
      | Readonly<Record<string, Uint8Array | string>>
      | Promise<Readonly<Record<string, Uint8Array | string>>>,
  ) =>
  async (folder: string) => {
    for (const [name, bytes] of Object.entries(await content())) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), bytes);
    }
  };

const safetensors: Reader = {
  name: 'safetensors',
  prepare: files(() => ({
    'a.safetensors': writeSafetensors(
      new Map<string, SafetensorsTensor>([
        ['weight', float32([16, 8], noise(128))],
        ['bias', float32([16], noise(16))],
        ['empty', float32([0, 3], new Float32Array(0))],
        ['count', { dtype: 'i64', shape: [], data: BigInt64Array.of(7n) }],
      ]),
      { format: 'pt' },
    ),
    'large.safetensors': writeSafetensors(new Map([['weight', float32([256, 256], noise(65536))]])),
  })),
  read: each(['a.safetensors', 'large.safetensors'], readSafetensors),
};

const npy: Reader = {
  name: 'npy',
  prepare: files(() => ({
    'a.npy': writeNpy({ dtype: 'f32', shape: [3, 5], data: noise(15) }),
    'b.npy': writeNpy({ dtype: 'i64', shape: [4], data: BigInt64Array.of(1n, -2n, 3n, 4n) }),
    'c.npy': writeNpy({ dtype: 'bool', shape: [2, 2], data: Uint8Array.of(0, 1, 1, 0) }),
    'large.npy': writeNpy({ dtype: 'f32', shape: [64, 1024], data: noise(65536) }),
  })),
  read: each(['a.npy', 'b.npy', 'c.npy', 'large.npy'], readNpy),
};

/** An idx file of bytes or wider values. */
function idx(type: number, shape: readonly number[], values: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, type, shape.length]);
  for (const [axis, extent] of shape.entries()) head.writeUInt32BE(extent, 4 + 4 * axis);
  return Buffer.concat([head, values]);
}

const idxArrays: Reader = {
  name: 'idx',
  prepare: files(() => ({
    'bytes.idx': idx(0x08, [4, 6, 6], bytesOf(144)),
    'floats.idx': idx(0x0d, [3, 4], bytesOf(48)),
    'large.idx': idx(0x0c, [100, 100], bytesOf(40_000)),
  })),
  read: each(['bytes.idx', 'floats.idx', 'large.idx'], readIdx),
};

/** A cache that cannot be written: what is read comes from the files each time. */
const noCache = (folder: string) => join(folder, 'no-cache');
const writeNoCache = (folder: string) => writeFile(noCache(folder), '');
const dataset = (folder: string, path = folder) => openDataset(path, { size: 8, cacheDir: noCache(folder) });

const idxSets: Reader = {
  name: 'idx data set',
  async prepare(folder) {
    await files(() => ({
      'train-images-idx3-ubyte': idx(0x08, [5, 8, 8], bytesOf(320)),
      'train-labels-idx1-ubyte': idx(0x08, [5], Uint8Array.of(0, 1, 2, 1, 0)),
      't10k-images-idx3-ubyte.gz': gzipSync(idx(0x08, [50, 28, 28], bytesOf(39_200))),
      't10k-labels-idx1-ubyte.gz': gzipSync(idx(0x08, [50], new Uint8Array(50).fill(1))),
    }))(folder);
    await writeNoCache(folder);
  },
  damaged: (path) => path.includes('ubyte'),
  read: async (folder) => [await dataset(folder, `${folder}/test`), await dataset(folder)],
};

const cifar: Reader = {
  name: 'cifar10',
  async prepare(folder) {
    await files(() => ({
      'test_batch.bin': Buffer.concat(
        Array.from({ length: 4 }, (_, i) => Buffer.concat([Buffer.of(i), bytesOf(3072)])),
      ),
    }))(folder);
    await writeNoCache(folder);
  },
  damaged: (path) => path.endsWith('.bin'),
  read: (folder) => dataset(folder, join(folder, 'test_batch.bin')),
};

/** Bitmap of four bytes, as many as an image may have; what claims more is refused before it is decoded. */
const decodedImage = 4 * maxInputPixels;

const formats = ['png', 'jpeg', 'webp', 'gif', 'avif', 'tiff'] as const;
const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="16" viewBox="0 0 24 16"><defs><linearGradient id="a"><stop offset="0" stop-color="#f00"/><stop offset="1"/></linearGradient></defs><rect width="9" height="9" fill="url(#a)" transform="rotate(20)"/><path d="M1 1 L9 9 C 1 2 3 4 5 6 Z"/><text x="1" y="9">a</text></svg>';
const image = () =>
  sharp({
    create: {
      width: 24,
      height: 16,
      channels: 3,
      background: '#4af',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  });

const images: readonly Reader[] = [
  ...formats.map((format): Reader => ({
    name: format,
    prepare: files(async () => ({
      [`a.${format}`]: await image().toFormat(format).toBuffer(),
      [`b.${format}`]: await image()
        .ensureAlpha(0.5)
        .withMetadata({ orientation: 6 })
        .toFormat(format, format === 'png' ? { palette: true } : format === 'jpeg' ? { progressive: true } : {})
        .toBuffer(),
    })),
    read: async (folder) => [
      await readImageSize(join(folder, `a.${format}`)),
      await decodeImage(await readFile(join(folder, `a.${format}`)), { size: 8 }),
      await decodeImage(await readFile(join(folder, `b.${format}`)), { size: 8, resample: 'bicubic' }),
    ],
    besides: decodedImage,
  })),
  {
    name: 'svg',
    prepare: files(() => ({ 'a.svg': svg })),
    besides: decodedImage,
    read: async (folder) => [
      await readImageSize(join(folder, 'a.svg')),
      await decodeImage(await readFile(join(folder, 'a.svg')), { size: 64 }),
    ],
  },
];

const folders: Reader = {
  name: 'image folder',
  async prepare(folder) {
    for (const label of ['a', 'b']) await writeImageFolder(join(folder, label), 2);
    await files(() => ({
      'a/metadata.jsonl': ['000', '001']
        .map((name) =>
          JSON.stringify({ file_name: `${name}.png`, text: `a thing called ${name}`, tags: ['thing', 'name'] }),
        )
        .join('\n'),
      'b/000.txt': 'a caption',
      'b/001.txt': 'another one\n',
      'list.txt': 'a/000.png\nb/001.png\n',
    }))(folder);
    await writeNoCache(folder);
  },
  damaged: (path) => /\.(jsonl|txt)$/.test(path),
  read: async (folder) => {
    const texts = await readTexts(folder);
    return [texts, await takeListed(await dataset(folder), 'list.txt')];
  },
};

const captions = [
  'a red square',
  'a blue circle',
  'two red circles',
  'the blue square',
  '红色的圆',
  'a red square and a blue circle',
];

const tokenizer: Reader = {
  name: 'tokenizer',
  prepare: files(() => ({
    'tokenizer.json': JSON.stringify(trainTokenizer(captions, { vocabSize: 530, minFrequency: 1 }).json),
  })),
  async read(folder) {
    const path = join(folder, 'tokenizer.json');
    const read = readTokenizer(await readJsonFile(path, path), path);
    const { ids } = read.encodeBatch([...captions, ' \ud83d\ude00 naïve 12'], 12);
    return read.decode(Array.from(ids.data as BigInt64Array, Number));
  },
};

const configurations: Reader = {
  name: 'configuration',
  prepare: files(async () =>
    Object.fromEntries(
      await Promise.all(
        (await presetNames()).map(
          async (name) =>
            [`${name}.json`, await readFile(new URL(`../presets/${name}.jsonc`, import.meta.url))] as const,
        ),
      ),
    ),
  ),
  async read(folder) {
    const read: unknown[] = [];
    for (const name of await presetNames()) {
      const config = await readConfig(join(folder, `${name}.json`));
      const { data, ...rest } = config as { readonly data?: object };
      read.push(configuredRun({ ...rest, data: { source: 'x', ...data } }));
    }
    return read;
  },
};

const networks: Reader = {
  name: 'network of a configuration',
  prepare: files(() => ({
    'config.json': JSON.stringify({
      model: { ...tinyModel, layersPerBlock: 2, numClassEmbeds: 3, dropout: 0.1 },
      scheduler: { betaSchedule: 'linear', numTrainTimesteps: 100, betaStart: 0.001, betaEnd: 0.02 },
    }),
  })),
  async read(folder) {
    const { model, scheduler } = await readJsonFile(join(folder, 'config.json'), 'config.json');
    networkProcess(schedulerConfig(scheduler as Record<string, unknown>));
    return new UNet2DModel(model as object);
  },
};

const unet = new UNet2DModel({
  ...tinyModel,
  numClassEmbeds: 3,
  downBlockTypes: ['AttnDownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
  blockOutChannels: [16],
});

async function writeDiffusion(folder: string): Promise<void> {
  await writeModelFolder(folder, {
    network: unet,
    weights: initialValues(unet, 0),
    scheduler: schedulerConfig({}),
    classes: { names: ['apples', 'pears'], nullClass: 2 },
  });
}

const modelFolder: Reader = {
  name: 'model folder',
  prepare: writeDiffusion,
  read: async (folder) => [
    parseModelCard(await readFile(join(folder, 'README.md'), 'utf8')),
    await readModelFolder(folder),
  ],
};

const runFolder: Reader = {
  name: 'run and its checkpoints',
  async prepare(folder) {
    for (const step of [1, 2]) {
      const checkpoint = join(folder, 'checkpoints', `step-00000${step}`);
      await mkdir(checkpoint, { recursive: true });
      await writeDiffusion(checkpoint);
      await writeTrainingState(checkpoint, {
        step,
        tensors: new Map([...initialValues(unet, 0)].map(([name, value]) => [`params/${name}`, value])),
        meta: { seed: 0, environment: { provider: 'cpu' } },
      });
    }
    await files(() => ({
      latest: 'step-000002\n',
      'run.json': JSON.stringify({ format: 1, config: { train: { steps: 2 } }, data: { fingerprint: 'abc' } }),
    }))(folder);
  },
  async read(folder) {
    const latest = await latestCheckpoint(folder);
    return [await readRun(folder), await loadModel(folder), latest && (await readTrainingState(latest.path))];
  },
};

const clipTower = { hiddenSize: 16, intermediateSize: 32, numHiddenLayers: 1, numAttentionHeads: 2 };

const clipFolder: Reader = {
  name: 'CLIP folder',
  async prepare(folder) {
    const { json, vocabSize } = trainTokenizer(captions, { vocabSize: 530, minFrequency: 1 });
    const model = new CLIPModel({
      projectionDim: 8,
      visionConfig: { ...clipTower, imageSize: 8, patchSize: 4 },
      textConfig: {
        ...clipTower,
        vocabSize,
        maxPositionEmbeddings: 16,
        bosTokenId: vocabSize - 2,
        eosTokenId: vocabSize - 1,
      },
    });
    await writeClipFolder(folder, { model, weights: initialValues(model, 0), tokenizer: json });
  },
  read: readClipFolder,
};

/** One as sentence-transformers saves it, with its own tokenizer and pooling, and one of ours in int8. */
const textEncoders: Reader = {
  name: 'text encoders',
  async prepare(folder) {
    const golden = fileURLToPath(new URL('../test/golden/text-encoder-folders/', import.meta.url));
    await cp(join(golden, 'sentence-bert'), join(folder, 'bert'), { recursive: true });
    const t5 = await readTextEncoder(folderFiles(join(golden, 't5')), { folder: 'text_encoder' });
    await writeTextEncoderFolder(join(folder, 'int8'), t5, { dtype: 'int8' });
  },
  async read(folder) {
    const opened: unknown[] = [];
    for (const name of ['bert', 'int8']) {
      const loaded = await readTextEncoder(folderFiles(join(folder, name)));
      const encoder = await openTextEncoder(createInterpreter(), loaded);
      opened.push(encoder.countTokens('A folder with a heart, naïve 猫'));
    }
    return opened;
  },
};

const classifierFolder: Reader = {
  name: 'classifier folder',
  async prepare(folder) {
    const model = new ImageClassifier({
      sampleSize: 8,
      inChannels: 3,
      blockOutChannels: [8],
      layersPerBlock: 1,
      classNames: ['apples', 'pears'],
    });
    await writeClassifierFolder(folder, { model, weights: initialValues(model, 0) });
  },
  read: readClassifierFolder,
};

const inception: Reader = {
  name: 'Inception',
  refusesAll: true,
  prepare: files(async () => ({
    'inception.safetensors': await readFile(new URL('../test/golden/inception.safetensors', import.meta.url)),
  })),
  read: (folder) => readInception(join(folder, 'inception.safetensors')),
};

const onnx: Reader = {
  name: 'ONNX',
  prepare: files(async () => ({
    'model.onnx': await readFile(new URL('../test/golden/onnx-model.onnx', import.meta.url)),
  })),
  read: each(['model.onnx'], decodeModel),
};

const encodedBy = { fingerprint: 'ab'.repeat(32), width: 3, pooledWidth: 2 };

const caches: Reader = {
  name: 'caches',
  async prepare(folder) {
    await writeImageFolder(join(folder, '..', 'cached-images'), 3);
    await openDataset(join(folder, '..', 'cached-images'), { size: 8, cacheDir: folder });
    const vectors = await openEmbeddingCache(folder, 'a network', 4);
    await vectors.add([
      ['ab'.repeat(32), noise(4)],
      ['cd'.repeat(32), noise(4)],
    ]);
    const texts = await openTextCache(folder, encodedBy);
    await texts.add([['a bell', { hidden: Uint16Array.of(1, 2, 3, 4, 5, 6), pooled: Uint16Array.of(7, 8) }]]);
    await texts.add([['a folder', { hidden: Uint16Array.of(9, 10, 11), pooled: Uint16Array.of(12, 13) }]]);
    await texts.close();
  },
  async read(folder) {
    const opened = await openDataset(join(folder, '..', 'cached-images'), { size: 8, cacheDir: folder });
    const texts = await openTextCache(folder, encodedBy);
    const records = await texts.read(['a bell', 'a folder']);
    await texts.close();
    return [opened, await openEmbeddingCache(folder, 'a network', 4), records];
  },
};

/** Every reader of files. */
export const readers: readonly Reader[] = [
  safetensors,
  npy,
  idxArrays,
  idxSets,
  cifar,
  ...images,
  folders,
  tokenizer,
  configurations,
  networks,
  modelFolder,
  runFolder,
  clipFolder,
  textEncoders,
  classifierFolder,
  inception,
  onnx,
  caches,
];
