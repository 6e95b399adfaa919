/** A frozen CLIP in a run: what it makes of captions and images, computed once and cached. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  filesRead,
  includeFiles,
  readImageEncoder,
  readTextEncoder,
  resolveModel,
  frozenClipFolder,
  type LoadedImageEncoder,
  type LoadedTextEncoder,
  type Part,
} from '../checkpoint/index.ts';
import { float32, type Executor, type FloatArray } from '../core/index.ts';
import {
  contentKey,
  defaultCacheDir,
  fromBitmaps,
  imagesAt,
  openDataset,
  openEmbeddingCache,
  openTextCache,
  takeListed,
  type Dataset,
  type OpenOptions,
} from '../data/index.ts';
import { imageTowerConfig } from '../models/index.ts';
import {
  cachedTextEncoder,
  openClipImageEncoder,
  openTextEncoder,
  truncationNote,
  type CachedTextEncoder,
} from '../pipelines/index.ts';
import type { PrepareOptions } from '../train/run.ts';

/** A CLIP that was read. */
export interface FrozenClip {
  readonly text: LoadedTextEncoder;
  readonly image: LoadedImageEncoder;
  /** D: the width of embeddings, and of the text's hidden states. */
  readonly width: number;
  /** L: the most tokens of a text, and the positions of what is trained under it. */
  readonly tokens: number;
  readonly imageSize: number;
  readonly channels: 1 | 3;
  /** Includes its files in a model's folder. */
  include(dir: string): Promise<void>;
  /** As the index of a model's folder lists it. */
  readonly part: Part;
}

/**
 * Reads the CLIP of a run.
 *
 * @param source  a name, a run or a folder
 * @throws one line if it is none, or its hidden states are wider or narrower than its embeddings, which diffusers' networks do not take
 */
export async function readFrozenClip(source: string): Promise<FrozenClip> {
  const setting = 'config.clip.model';
  const dir = await resolveModel(source, { kind: 'clip' }).catch((error: Error) => {
    throw new Error(`${setting}: ${error.message}`, { cause: error });
  });
  const { files, read } = filesRead(dir);
  const [text, image] = await Promise.all([readTextEncoder(files), readImageEncoder(files, '')]).catch(
    (error: Error) => {
      throw new Error(`${setting}: ${error.message}`, { cause: error });
    },
  );
  const { projectionDim, imageSize, numChannels } = imageTowerConfig(image.model);
  if (text.network.className !== 'CLIPTextModelWithProjection' || text.network.width !== projectionDim)
    throw new Error(
      `${setting}: the text tower's hidden states have ${text.network.width} values and the embeddings ${projectionDim}; DALL·E 2's networks in diffusers take one width for both: train a CLIP with model.projectionDim equal to model.textConfig.hiddenSize`,
    );
  return {
    text,
    image,
    width: projectionDim,
    tokens: text.maxLength,
    imageSize,
    channels: numChannels as 1 | 3,
    include: (to) => includeFiles(dir, read, join(to, frozenClipFolder)),
    part: { className: 'CLIPModel', library: 'transformers', file: 'config.json', files: () => [] },
  };
}

/** What a run has of a data set through a CLIP. */
export interface EncodedPairs {
  readonly text: CachedTextEncoder;
  /** [N, D] of the images, before they are made unit vectors. */
  readonly embeddings: FloatArray;
  /** What to know, one sentence each. */
  readonly notes: readonly string[];
  dispose(): Promise<void>;
}

/**
 * Opens the data set with its images as the CLIP takes them.
 *
 * @param files  a list of the images to take; null takes all
 */
export async function openForClip(
  { image, imageSize, channels }: FrozenClip,
  {
    source,
    files,
    crop,
  }: { readonly source: string; readonly files: string | null; readonly crop: OpenOptions['crop'] },
  options: Partial<Pick<OpenOptions, 'skipBad' | 'signal' | 'onProgress'>>,
): Promise<Dataset> {
  const whole = await openDataset(source, {
    size: imageSize,
    channels,
    crop,
    resample: image.preprocessing.resample,
    ...options,
  });
  return files === null ? whole : takeListed(whole, files);
}

/** Encodes captions and images that are not in the caches. */
export async function encodePairs(
  executor: Executor,
  clip: FrozenClip,
  { images, captions }: { readonly images: Dataset; readonly captions: readonly string[] },
  { signal, onProgress }: PrepareOptions,
): Promise<EncodedPairs> {
  const encoder = await openTextEncoder(executor, clip.text, { maxLength: clip.tokens });
  const cache = await openTextCache(defaultCacheDir(), {
    fingerprint: await encoder.fingerprint(),
    width: encoder.width,
    pooledWidth: encoder.pooledWidth,
  });
  const dispose = async () => {
    await cache.close();
    await encoder.dispose();
  };
  try {
    const text = cachedTextEncoder(encoder, cache);
    // Guidance asks what is said where nothing is.
    await text.encodeAhead(['', ...captions], {
      ...(signal && { signal }),
      onProgress: (done, total) => onProgress?.('encoding captions', done, total),
    });
    const { embeddings, notes } = await embedDataset(executor, clip, images, { signal, onProgress });
    const truncation = truncationNote(encoder, captions, 'caption');
    return { text, embeddings, notes: [...(truncation === undefined ? [] : [truncation]), ...notes], dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Images embedded between two looks at the clock. */
const embeddedTogether = 64;

async function embedDataset(
  executor: Executor,
  { image, width, imageSize, channels }: FrozenClip,
  images: Dataset,
  { signal, onProgress }: PrepareOptions,
): Promise<{ readonly embeddings: FloatArray; readonly notes: readonly string[] }> {
  const notes: string[] = [];
  const cache = await openEmbeddingCache(defaultCacheDir(), identityOf(image), width, (line) => notes.push(line));
  const keyOf = (index: number) => contentKey(images.images.at(index));
  const keys = Array.from({ length: images.count }, (_, index) => keyOf(index));
  const missing = [...new Map(keys.map((key, index) => [key, index])).values()].filter(
    (index) => cache.get(keys[index]!) === undefined,
  );
  if (missing.length > 0) {
    const encoder = openClipImageEncoder(executor, { ...image, batchSize: embeddedTogether, normalize: false });
    try {
      for (let first = 0; first < missing.length; first += embeddedTogether) {
        signal?.throwIfAborted();
        const places = missing.slice(first, first + embeddedTogether);
        const { data } = await encoder.embedImages(fromBitmaps(imagesAt(images, places)));
        await cache.add(
          places.map((index, i) => [keys[index]!, data.slice(i * width, (i + 1) * width) as Float32Array] as const),
        );
        onProgress?.('embedding images', Math.min(missing.length, first + embeddedTogether), missing.length);
      }
    } finally {
      await encoder.dispose();
    }
  }
  if (images.channels !== channels || images.width !== imageSize)
    throw new Error('internal: the images are not as the CLIP takes them');
  const rows = new Float32Array(images.count * width);
  keys.forEach((key, index) => rows.set(cache.get(key)!, index * width));
  return { embeddings: float32([images.count, width], rows), notes };
}

/** Changes when the embeddings would. */
function identityOf({ model, weights, preprocessing }: LoadedImageEncoder): string {
  const hash = createHash('sha256').update(
    JSON.stringify(['projected embeddings of pixels', imageTowerConfig(model), preprocessing]),
  );
  for (const name of [...weights.keys()].sort()) {
    const { data, shape } = weights.get(name)!;
    hash.update(JSON.stringify([name, shape])).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
