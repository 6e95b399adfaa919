/** Where the pixels of a data set are: in memory, or in a file that they are read from when they are asked for. */
export interface ImageStore {
  /**
   * The pixels of an image: [H · W · C] in 0 … 255, row by row, sRGB (C = 3) or gray (C = 1). They stay what they are, and are not to be
   * written to: they may be the store's own.
   *
   * @throws if the store is a file and was damaged
   */
  at(index: number): Uint8Array;
  /** The file, if it is one. */
  readonly file?: string;
}

/**
 * Images in memory.
 *
 * @param bytes          [N, H, W, C]
 * @param bytesPerImage  H · W · C
 */
export function imagesInMemory(bytes: Uint8Array, bytesPerImage: number): ImageStore {
  return { at: (index) => bytes.subarray(index * bytesPerImage, (index + 1) * bytesPerImage) };
}

/** The images at some places of a store, in that order; no pixel is copied. */
export function imagesAtPlaces(store: ImageStore, places: ArrayLike<number>): ImageStore {
  return { at: (index) => store.at(places[index]!), ...(store.file !== undefined && { file: store.file }) };
}

/** All pixels of a data set in one array: [N, H, W, C] in 0 … 255. */
export function allPixels({
  images,
  count,
  height,
  width,
  channels,
}: {
  readonly images: ImageStore;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}): Uint8Array {
  const size = height * width * channels;
  const all = new Uint8Array(count * size);
  for (let index = 0; index < count; index++) all.set(images.at(index), index * size);
  return all;
}

/** Puts the decoded pixels of an image, [H · W · C], in its place of a store that is being filled; in any order. */
export type PutImage = (index: number, pixels: Uint8Array) => void;
