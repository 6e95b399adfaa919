/** Embeds image files, in memory that grows only with the embeddings. */
import { readFile } from 'node:fs/promises';
import { float32, type FloatArray } from '../../core/dtype.ts';
import type { SkippedImage } from '../sets/dataset.ts';
import { contentKey, type EmbeddingCache } from './embedding-cache.ts';
import { decodedTogether, decodeImage, ImageError } from '../images/image.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { fromBitmaps } from '../images/bitmap.ts';
import type { Resample } from '../images/resample.ts';
import { describeSystemError } from '../../files/system-reason.ts';

/** An encoder of images. */
export interface ImageEncoder {
  /** D. */
  readonly dim: number;
  readonly imageSize: number;
  /** The kernel by which images come to that size; see `DecodeOptions`. */
  readonly resample?: Resample | undefined;
  /**
   * @param images  [N, 3, imageSize, imageSize] in [−1, 1]
   * @returns       [N, D]
   */
  embedImages(images: FloatArray): Promise<FloatArray>;
}

/** Options of `embedImages`. */
export interface EmbedOptions {
  /** A cache of the embeddings of images that were embedded before. */
  readonly cache?: EmbeddingCache;
  /** Images read and computed together; default 32. */
  readonly batchSize?: number;
  /** Leave out files that cannot be decoded, instead of failing. */
  readonly skipBad?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Image embeddings. */
export interface EmbeddedImages {
  /** Paths of those that were embedded, in the order given. */
  readonly files: readonly string[];
  /** [files, D] */
  readonly embeddings: FloatArray;
  readonly skipped: readonly SkippedImage[];
  /** How many came from the cache. */
  readonly fromCache: number;
}

/**
 * Embeds images, each resized to the encoder's size by its shorter side and center-cropped.
 *
 * @throws one line for a file that cannot be read or is no image, unless `skipBad`; or if none is left
 * @example
 * import { readImageTower, resolveModel } from 'kuosan/checkpoint';
 * import { embedImages, imagesAt, openDataset, writePng } from 'kuosan/data';
 * import { openClipImageEncoder } from 'kuosan/pipelines';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * await writePng('smiley.png', imagesAt(await openDataset('noto-emoji/smileys'), [0])[0]!);
 * const executor = createNodeExecutor();
 * const tower = await readImageTower(await resolveModel('emoji-clip', { kind: 'clip' }));
 * const encoder = openClipImageEncoder(executor, { ...tower, batchSize: 1 });
 * const { embeddings } = await embedImages(encoder, ['smiley.png']);
 * console.log(embeddings.shape); // [ 1, 128 ]
 * await executor.dispose();
 */
export async function embedImages(
  encoder: ImageEncoder,
  files: readonly string[],
  { cache, batchSize = 32, skipBad = false, signal, onProgress }: EmbedOptions = {},
): Promise<EmbeddedImages> {
  const { dim, imageSize, resample } = encoder;
  const rows = new Float32Array(files.length * dim);
  const kept: string[] = [];
  const skipped: SkippedImage[] = [];
  let fromCache = 0;
  for (let first = 0; first < files.length; first += batchSize) {
    signal?.throwIfAborted();
    const batch = files.slice(first, first + batchSize);
    const seen = await inParallel(batch.length, decodedTogether(resample), async (i) => {
      try {
        const bytes = await readFile(batch[i]!);
        const key = contentKey(bytes);
        const vector = cache?.get(key);
        return { key, vector, image: vector ? undefined : await decodeImage(bytes, { size: imageSize, resample }) };
      } catch (error) {
        const reason = error instanceof ImageError ? error.reason : describeSystemError(error);
        if (!skipBad)
          throw new Error(
            `cannot read ${JSON.stringify(batch[i])}: ${reason}; remove the file, or leave such files out with --skip-bad`,
            { cause: error },
          );
        return { reason };
      }
    });
    const fresh = seen.flatMap((each) => (each.image ? [{ key: each.key, image: each.image }] : []));
    const computed =
      fresh.length === 0 ? undefined : await encoder.embedImages(fromBitmaps(fresh.map(({ image }) => image)));
    const found = fresh.map(
      ({ key }, i) => [key, computed!.data.slice(i * dim, (i + 1) * dim) as Float32Array] as const,
    );
    await cache?.add(found);
    let next = 0;
    for (const [i, { reason, vector }] of seen.entries()) {
      if (reason !== undefined) skipped.push({ id: batch[i]!, reason });
      else {
        rows.set(vector ?? found[next++]![1], kept.length * dim);
        if (vector) fromCache++;
        kept.push(batch[i]!);
      }
    }
    onProgress?.(Math.min(files.length, first + batchSize), files.length);
  }
  if (kept.length === 0)
    throw new Error(
      files.length === 0
        ? 'no images'
        : `none of ${files.length} files can be read as an image; the first, ${JSON.stringify(skipped[0]!.id)}: ${skipped[0]!.reason}`,
    );
  return {
    files: kept,
    embeddings: float32([kept.length, dim], rows.subarray(0, kept.length * dim)),
    skipped,
    fromCache,
  };
}
