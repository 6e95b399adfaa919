import { createHash, type Hash } from 'node:crypto';
import { imagesAtPlaces, type ImageStore } from '../images/image-store.ts';

/** A file that was left out, and why. */
export interface SkippedImage {
  readonly id: string;
  readonly reason: string;
}

/** What a source decodes to and the cache keeps; N images of one size. */
export interface DatasetContent {
  /** Their pixels: [H, W, C] each in 0 … 255, sRGB (C = 3) or gray (C = 1). */
  readonly images: ImageStore;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** One name for each image: its path inside the folder with `/`, or its code points. */
  readonly ids: readonly string[];
  /** [N] the class of each image, an index into `classNames`. */
  readonly labels?: Int32Array;
  readonly classNames?: readonly string[];
  /** One sentence or label for each image. */
  readonly captions?: readonly string[];
  /** Tags of each image, the most informative first. */
  readonly tags?: readonly (readonly string[])[];
  readonly skipped: readonly SkippedImage[];
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/** Images, ready to make batches of. */
export interface Dataset extends DatasetContent {
  /** As it was asked for: `noto-emoji/faces`, `./photos`. */
  readonly name: string;
  /** SHA-256 (hexadecimal) of what training sees; two data sets train alike exactly when it is equal. */
  readonly fingerprint: string;
  readonly fromCache: boolean;
}

/**
 * SHA-256 of the pixels, their shape, the classes and the captions, in hexadecimal.
 *
 * Paths and file names do not enter: moving a folder does not make it another data set.
 */
export function fingerprintOf(content: DatasetContent): string {
  const { count, height, width, channels, labels, classNames, captions, tags } = content;
  const shape = { count, height, width, channels, labels: labels && [...labels], classNames, captions, tags };
  const hash = createHash('sha256').update(JSON.stringify(shape)).update('\n');
  return updatePixels(hash, content).digest('hex');
}

/** Many images are hashed at once: a call for each small one would take longer than its pixels do. */
const hashedTogether = 2 ** 20;

function updatePixels(hash: Hash, { images, count, height, width, channels }: DatasetContent): Hash {
  const size = height * width * channels;
  const most = Math.max(1, Math.floor(hashedTogether / size));
  const piece = new Uint8Array(most * size);
  for (let first = 0; first < count; first += most) {
    const end = Math.min(count, first + most);
    for (let index = first; index < end; index++) piece.set(images.at(index), (index - first) * size);
    hash.update(piece.subarray(0, (end - first) * size));
  }
  return hash;
}

/**
 * The content with only the images at the given places, in that order. Pixels stay where they are.
 *
 * @param labels      [kept] their classes; none when left out
 * @param classNames  what the classes are called
 */
export function selectImages(
  content: DatasetContent,
  places: readonly number[],
  classes?: { readonly labels: Int32Array; readonly classNames: readonly string[] },
): DatasetContent {
  return {
    images: imagesAtPlaces(content.images, Uint32Array.from(places)),
    count: places.length,
    height: content.height,
    width: content.width,
    channels: content.channels,
    ids: places.map((place) => content.ids[place]!),
    ...classes,
    ...(content.captions && { captions: places.map((place) => content.captions![place]!) }),
    ...(content.tags && { tags: places.map((place) => content.tags![place]!) }),
    skipped: content.skipped,
    notes: content.notes,
  };
}
