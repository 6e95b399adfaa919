import { createHash } from 'node:crypto';

/** A file that was left out, and why. */
export interface SkippedImage {
  readonly id: string;
  readonly reason: string;
}

/** What a source decodes to and the cache keeps; N images of one size. */
export interface DatasetContent {
  /** [N, H, W, C] in 0 … 255, sRGB (C = 3) or gray (C = 1). */
  readonly images: Uint8Array;
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

/** Images in memory, ready to draw batches from. */
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
  return updateHash(hash, content.images).digest('hex');
}

/** `hash.update` for any length; the method itself takes less than 2 GiB at once. */
export function updateHash<Hash extends { update(bytes: Uint8Array): unknown }>(hash: Hash, bytes: Uint8Array): Hash {
  const piece = 2 ** 28;
  for (let start = 0; start < bytes.length; start += piece) hash.update(bytes.subarray(start, start + piece));
  return hash;
}

/**
 * The content with only the images at the given places, in that order.
 *
 * @param labels      [kept] their classes; none when left out
 * @param classNames  what the classes are called
 */
export function selectImages(
  content: DatasetContent,
  places: readonly number[],
  classes?: { readonly labels: Int32Array; readonly classNames: readonly string[] },
): DatasetContent {
  const size = content.height * content.width * content.channels;
  const images = new Uint8Array(places.length * size);
  for (const [to, from] of places.entries())
    images.set(content.images.subarray(from * size, (from + 1) * size), to * size);
  return {
    images,
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
