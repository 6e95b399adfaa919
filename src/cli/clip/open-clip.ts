import { createHash } from 'node:crypto';
// From their own files: an answer about one image waits for nothing else to be loaded.
import { readClipFolder, readImageTower, type LoadedClip } from '../../checkpoint/clip-folder.ts';
import { resolveModel } from '../../checkpoint/resolve.ts';
import type { Executor } from '../../core/index.ts';
import { defaultCacheDir } from '../../files/default-cache-dir.ts';
import { embedImages, type EmbeddedImages } from '../../data/embeddings/embed-images.ts';
import { openEmbeddingCache } from '../../data/embeddings/embedding-cache.ts';
import { imageFiles, type ImageFiles } from '../../data/sets/folder.ts';
import { readTokenizer } from '../../data/texts/tokenizer.ts';
import { imageTowerConfig, type CLIPImageTower } from '../../models/clip.ts';
import { openClipEncoder, type ClipEncoder } from '../../pipelines/clip-encoder.ts';
import { ttaTransforms } from '../../pipelines/test-time-augmentation.ts';
import { openClipImageEncoder, type ClipImageEncoder } from '../../pipelines/clip-image-encoder.ts';
import { describeSkipped } from '../describe-skipped.ts';
import type { DeviceOptions } from '../device-options.ts';
import { interruptSignal } from '../interrupt.ts';
import type { Progress } from '../progress.ts';
import type { StartedEngine } from '../with-engine.ts';

/** What the commands that use a CLIP have in common. */
export interface ClipOptions extends DeviceOptions {
  readonly images: string;
  readonly skipBad: boolean;
  readonly tta: boolean;
}

/** A CLIP, or its image tower, and the images that it is to look at. */
export interface OpenedClip<Encoder extends ClipImageEncoder = ClipEncoder> {
  readonly encoder: Encoder;
  /** Embeds them; what is left out is said. */
  readonly embed: () => Promise<EmbeddedImages>;
}

/** Images computed together; a single one is not padded to as many. */
export const mostTogether = 32;

/** What a folder holds, read and checked, before anything is compiled. */
interface ReadEncoder<Encoder extends ClipImageEncoder> {
  /** Changes when the image embeddings would. */
  readonly identity: () => string;
  /** Opens an encoder for the work, and closes it, whatever comes of the work. */
  readonly open: <T>(executor: Executor, batchSize: number, work: (encoder: Encoder) => Promise<T>) => Promise<T>;
}

/** A CLIP's folder, read and checked. */
export type ReadClip = LoadedClip & ReadEncoder<ClipEncoder>;

function readEncoder<Encoder extends ClipImageEncoder>(
  { model, weights, preprocessing }: LoadedClip<CLIPImageTower>,
  tta: boolean,
  encoderOf: (executor: Executor, batchSize: number) => Encoder,
): ReadEncoder<Encoder> {
  return {
    identity() {
      const hash = createHash('sha256').update(
        JSON.stringify([imageTowerConfig(model), preprocessing, ...(tta ? ttaTransforms : [])]),
      );
      for (const [name, { data }] of weights)
        if (name.startsWith('vis'))
          hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return hash.digest('hex');
    },
    async open(executor, batchSize, work) {
      const encoder = encoderOf(executor, batchSize);
      try {
        return await work(encoder);
      } finally {
        await encoder.dispose();
      }
    },
  };
}

function transformsFor(wanted: boolean): typeof ttaTransforms | undefined {
  return wanted ? ttaTransforms : undefined;
}

/**
 * Reads a model and its tokenizer.
 *
 * @param tta  whether images are looked at in seven ways
 * @throws one line if the model is no CLIP, or has no tokenizer or another's
 */
export async function readClip(source: string, tta: boolean): Promise<ReadClip> {
  const dir = await resolveModel(source, { kind: 'clip' });
  const clip = await readClipFolder(dir);
  if (clip.tokenizer === null)
    throw new Error(`${dir}: has no tokenizer.json; put that of the model next to its weights`);
  const tokenizer = readTokenizer(clip.tokenizer, `${dir}/tokenizer.json`);
  return {
    ...clip,
    ...readEncoder(clip, tta, (executor, batchSize) =>
      openClipEncoder(executor, { ...clip, tokenizer, batchSize, transforms: transformsFor(tta) }),
    ),
  };
}

/** A CLIP's image tower, read and checked. */
export type ReadImageTower = LoadedClip<CLIPImageTower> & ReadEncoder<ClipImageEncoder>;

/**
 * Reads an image encoder: a whole CLIP, or an image tower alone.
 *
 * @throws one line if the model has no image tower with a projection
 */
export async function openImageTower(source: string, tta: boolean): Promise<ReadImageTower> {
  const tower = await readImageTower(await resolveModel(source, { kind: 'clip' }));
  return {
    ...tower,
    ...readEncoder(tower, tta, (executor, batchSize) =>
      openClipImageEncoder(executor, { ...tower, batchSize, transforms: transformsFor(tta) }),
    ),
  };
}

/**
 * Opens a model and finds the images, does the work, and closes everything.
 *
 * @throws as `readClip`, or if there are no images
 */
export function withClip<T>(
  source: string,
  options: ClipOptions,
  engine: StartedEngine,
  work: (opened: OpenedClip) => Promise<T>,
): Promise<T> {
  return withImages(() => readClip(source, options.tta), options, engine, work);
}

/**
 * As `withClip`, with the image tower alone.
 *
 * @throws one line if the model has no image tower with a projection, or if there are no images
 */
export function withImageTower<T>(
  source: string,
  options: ClipOptions,
  engine: StartedEngine,
  work: (opened: OpenedClip<ClipImageEncoder>) => Promise<T>,
): Promise<T> {
  return withImages(() => openImageTower(source, options.tta), options, engine, work);
}

async function withImages<Encoder extends ClipImageEncoder, T>(
  read: () => Promise<ReadEncoder<Encoder>>,
  { images, skipBad }: ClipOptions,
  engine: StartedEngine,
  work: (opened: OpenedClip<Encoder>) => Promise<T>,
): Promise<T> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const interrupt = interruptSignal(() => say('stopping; the embeddings so far stay in the cache'));
  let progress: Progress | undefined;
  const embedAll = async (
    encoder: ClipImageEncoder,
    identity: string,
    { files, skipped }: ImageFiles,
  ): Promise<EmbeddedImages> => {
    const cache = await openEmbeddingCache(defaultCacheDir(), identity, encoder.dim, (line) => say(`note: ${line}`));
    // A handful is done before a bar is drawn.
    if (files.length > mostTogether) progress = (await import('../progress.ts')).createProgress('images', files.length);
    const embedded = await embedImages(encoder, files, {
      cache,
      skipBad,
      signal: interrupt.signal,
      onProgress: (done) => progress?.update(done, 'embedded'),
    });
    progress?.stop();
    const left = describeSkipped([...skipped, ...embedded.skipped]);
    if (left !== undefined) say(left);
    return embedded;
  };
  try {
    const found = await imageFiles(images, { skipBad });
    for (const note of found.notes) say(`note: ${note}`);
    const { open, identity } = await read();
    return await open(await engine(), Math.min(mostTogether, Math.max(1, found.files.length)), (encoder) =>
      work({ encoder, embed: () => embedAll(encoder, identity(), found) }),
    );
  } finally {
    progress?.stop();
    interrupt.release();
  }
}

/** Says once how many texts were cut. */
export function sayTruncated(truncated: number, contextLength: number): void {
  if (truncated > 0)
    process.stderr.write(
      `note: ${truncated} ${truncated === 1 ? 'text is' : 'texts are'} longer than the ${contextLength} tokens that the model reads, and ${truncated === 1 ? 'loses its' : 'lose their'} end\n`,
    );
}
