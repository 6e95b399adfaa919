import { createHash } from 'node:crypto';
// From their own files: an answer about one picture waits for nothing else to be loaded.
import { readClipFolder, readImageTower, type LoadedClip } from '../../checkpoint/clip-folder.ts';
import { resolveModel } from '../../checkpoint/resolve.ts';
import type { Executor } from '../../core/index.ts';
import { defaultCacheDir } from '../../data/sets/cache.ts';
import { embedPictures, type EmbeddedPictures } from '../../data/embeddings/embed-images.ts';
import { openEmbeddingCache } from '../../data/embeddings/embedding-cache.ts';
import { imageFiles, type ImageFiles } from '../../data/sets/folder.ts';
import { readTokenizer } from '../../data/texts/tokenizer.ts';
import { imageTowerConfig, type CLIPImageTower } from '../../models/clip.ts';
import { openClipEncoder, type ClipEncoder } from '../../pipelines/clip-encoder.ts';
import { sevenViews } from '../../pipelines/clip-views.ts';
import { openClipImageEncoder, type ClipImageEncoder } from '../../pipelines/clip-image-encoder.ts';
import { describeSkipped } from '../describe-skipped.ts';
import type { DeviceOptions } from '../device-options.ts';
import { interruptSignal } from '../interrupt.ts';
import type { Progress } from '../progress.ts';
import type { Engine } from '../with-engine.ts';

/** What the commands that use a CLIP have in common. */
export interface ClipOptions extends DeviceOptions {
  readonly images: string;
  readonly skipBad: boolean;
  readonly views: boolean;
}

/** A CLIP, or its image tower, and the pictures that it is to look at. */
export interface OpenedClip<Encoder extends ClipImageEncoder = ClipEncoder> {
  readonly encoder: Encoder;
  /** Embeds them; what is left out is said. */
  readonly embed: () => Promise<EmbeddedPictures>;
}

/** Pictures computed together; a single one is not padded to as many. */
export const mostTogether = 32;

/** What a folder holds, read and checked, before anything is compiled. */
interface ReadEncoder<Encoder extends ClipImageEncoder> {
  /** Changes when the vectors of pictures would. */
  readonly identity: () => string;
  /** Opens an encoder for the work, and closes it, whatever comes of the work. */
  readonly open: <T>(executor: Executor, batchSize: number, work: (encoder: Encoder) => Promise<T>) => Promise<T>;
}

/** A CLIP's folder, read and checked. */
export type ReadClip = LoadedClip & ReadEncoder<ClipEncoder>;

function readEncoder<Encoder extends ClipImageEncoder>(
  { model, weights, preprocessing }: LoadedClip<CLIPImageTower>,
  views: boolean,
  encoderOf: (executor: Executor, batchSize: number) => Encoder,
): ReadEncoder<Encoder> {
  return {
    identity() {
      const hash = createHash('sha256').update(
        JSON.stringify([imageTowerConfig(model), preprocessing, ...(views ? sevenViews : [])]),
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

function viewsFor(wanted: boolean): typeof sevenViews | undefined {
  return wanted ? sevenViews : undefined;
}

/**
 * Reads a model and its tokenizer.
 *
 * @param views  whether pictures are looked at in seven ways
 * @throws one line if the model is no CLIP, or has no tokenizer or another's
 */
export async function openClip(source: string, views: boolean): Promise<ReadClip> {
  const dir = await resolveModel(source, { kind: 'clip' });
  const clip = await readClipFolder(dir);
  if (clip.tokenizer === null)
    throw new Error(`${dir}: has no tokenizer.json; put the one that the model was trained with beside its weights`);
  const tokenizer = readTokenizer(clip.tokenizer, `${dir}/tokenizer.json`);
  return {
    ...clip,
    ...readEncoder(clip, views, (executor, batchSize) =>
      openClipEncoder(executor, { ...clip, tokenizer, batchSize, views: viewsFor(views) }),
    ),
  };
}

/** A CLIP's image tower, read and checked. */
export type ReadImageTower = LoadedClip<CLIPImageTower> & ReadEncoder<ClipImageEncoder>;

/**
 * Reads what embeds pictures: a whole model, or an image tower with no other beside it.
 *
 * @throws one line if the model has no image tower with a projection
 */
export async function openImageTower(source: string, views: boolean): Promise<ReadImageTower> {
  const tower = await readImageTower(await resolveModel(source, { kind: 'clip' }));
  return {
    ...tower,
    ...readEncoder(tower, views, (executor, batchSize) =>
      openClipImageEncoder(executor, { ...tower, batchSize, views: viewsFor(views) }),
    ),
  };
}

/**
 * Opens a model and finds the pictures, does the work, and closes everything.
 *
 * @throws as `openClip`, or if there are no pictures
 */
export function withClip<T>(
  source: string,
  options: ClipOptions,
  engine: Engine,
  work: (opened: OpenedClip) => Promise<T>,
): Promise<T> {
  return withPictures(() => openClip(source, options.views), options, engine, work);
}

/**
 * As `withClip`, of the image tower alone, which may have no other beside it.
 *
 * @throws one line if the model has no image tower with a projection, or if there are no pictures
 */
export function withImageTower<T>(
  source: string,
  options: ClipOptions,
  engine: Engine,
  work: (opened: OpenedClip<ClipImageEncoder>) => Promise<T>,
): Promise<T> {
  return withPictures(() => openImageTower(source, options.views), options, engine, work);
}

async function withPictures<Encoder extends ClipImageEncoder, T>(
  read: () => Promise<ReadEncoder<Encoder>>,
  { images, skipBad }: ClipOptions,
  engine: Engine,
  work: (opened: OpenedClip<Encoder>) => Promise<T>,
): Promise<T> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const interrupt = interruptSignal(() => say('stopping; embeddings of the pictures so far are kept'));
  let progress: Progress | undefined;
  const embedAll = async (
    encoder: ClipImageEncoder,
    identity: string,
    { files, skipped }: ImageFiles,
  ): Promise<EmbeddedPictures> => {
    const cache = await openEmbeddingCache(defaultCacheDir(), identity, encoder.dim, (line) => say(`note: ${line}`));
    // A handful is done before a bar is drawn.
    if (files.length > mostTogether)
      progress = (await import('../progress.ts')).createProgress('pictures', files.length);
    const embedded = await embedPictures(encoder, files, {
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
