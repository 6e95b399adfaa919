/** Opens a CLIP in Node: which words belong to which image. */
import { readFile } from 'node:fs/promises';
import { readClipFolder, resolveModel } from '../checkpoint/index.ts';
import type { FloatArray } from '../core/index.ts';
import { fromBitmaps, type Bitmap } from '../data/images/bitmap.ts';
import { decodeImage, ImageError } from '../data/images/image.ts';
import { readTokenizer } from '../data/texts/tokenizer.ts';
import { describeSystemError } from '../files/system-reason.ts';
import {
  openClipEncoder,
  zeroShotClassifier,
  type ClipEncoder,
  type RankedLabel,
  type ZeroShotClassifier,
} from '../pipelines/index.ts';
import { openDevice, type ComputeOptions } from './open-model.ts';

/** An image to look at: the path of a file, or the bytes of one (PNG, JPEG, WebP, GIF, SVG, AVIF, TIFF). */
export type ImageInput = string | Uint8Array;

/** Options of `openClip`. */
export interface OpenClipOptions extends ComputeOptions {
  /** Images, and texts, computed together; default 8. */
  readonly batchSize?: number | undefined;
}

/** Options of `Clip.classify`. */
export interface ClipClassifyOptions {
  /** Sentences with `{}` in the place of the label, over which is averaged; default the label alone. */
  readonly templates?: readonly string[] | undefined;
  /** The best so many labels of each image; default all. */
  readonly top?: number | undefined;
}

/** A CLIP that is open. */
export interface Clip {
  /** What computes it, for people. */
  readonly device: string;
  /**
   * Which label fits each image: the labels of each, best first, with their probabilities.
   *
   * @throws one line for an image that cannot be read, or labels that are none or equal
   */
  classify(
    images: readonly ImageInput[],
    labels: readonly string[],
    options?: ClipClassifyOptions,
  ): Promise<RankedLabel[][]>;
  /** @returns [N, D], unit vectors: their inner products with those of texts are cosines */
  embedImages(images: readonly ImageInput[]): Promise<FloatArray>;
  /** @returns [N, D], unit vectors */
  embedTexts(texts: readonly string[]): Promise<FloatArray>;
  /** Lets go of the model and of what it runs on. */
  close(): Promise<void>;
}

/**
 * Opens a CLIP.
 *
 * @param source  the name of one that comes with the package (`emoji-clip`), a run, a checkpoint, or a folder in the
 *                layout of transformers
 * @throws one line, if there is no such model, it is no CLIP or has no tokenizer; if the device is not there
 * @example
 * import { openClip } from 'kuosan';
 *
 * const clip = await openClip('emoji-clip');
 * const [labels] = await clip.classify(['image.png'], ['red heart', 'pizza', 'cat face']);
 * console.log(labels![0]!.label, labels![0]!.probability);
 * await clip.close();
 */
export async function openClip(source: string, options: OpenClipOptions = {}): Promise<Clip> {
  const path = await resolveModel(source, { kind: 'clip' });
  const read = await readClipFolder(path);
  if (read.tokenizer === null)
    throw new Error(`${path}: has no tokenizer.json; put the one that the model was trained with next to its weights`);
  const tokenizer = readTokenizer(read.tokenizer, `${path}/tokenizer.json`);
  const executor = await openDevice(options);
  const encoder = openClipEncoder(executor, { ...read, tokenizer, batchSize: options.batchSize ?? 8 });
  const embed = async (images: readonly ImageInput[]) =>
    encoder.embedImages(fromBitmaps(await Promise.all(images.map((image, i) => bitmapOf(image, i, encoder)))));
  // Most programs ask about the same labels again and again.
  let kept: { readonly key: string; readonly classifier: Promise<ZeroShotClassifier> } | undefined;
  return {
    device: executor.device,
    async classify(images, labels, { templates, top } = {}) {
      const key = JSON.stringify([labels, templates]);
      if (kept?.key !== key) kept = { key, classifier: zeroShotClassifier(encoder, labels, templates) };
      const asked = kept;
      try {
        const [classifier, embeddings] = await Promise.all([asked.classifier, embed(images)]);
        return classifier.classify(embeddings, top);
      } catch (error) {
        if (kept === asked) kept = undefined;
        throw error;
      }
    },
    embedImages: embed,
    embedTexts: async (texts) => (await encoder.embedTexts(texts)).embeddings,
    async close() {
      await encoder.dispose();
      await executor.dispose();
    },
  };
}

async function bitmapOf(image: ImageInput, i: number, { imageSize, resample }: ClipEncoder): Promise<Bitmap> {
  const name = typeof image === 'string' ? JSON.stringify(image) : `image ${i}`;
  try {
    const bytes = typeof image === 'string' ? await readFile(image) : image;
    return await decodeImage(bytes, { size: imageSize, resample });
  } catch (error) {
    const reason = error instanceof ImageError ? error.reason : describeSystemError(error);
    throw new Error(`cannot read ${name}: ${reason}`, { cause: error });
  }
}
