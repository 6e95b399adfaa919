import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { ImageStore } from '../images/image-store.ts';
import { WriteError } from '../../files/write-file.ts';
import { describeSystemError } from '../../files/system-reason.ts';

/**
 * What a file begins with. The version stands in it: a file of another one is rebuilt.
 *
 *     0    8  magic
 *     8   32  SHA-256 of all that follows but the images
 *    40    4  bytes of the header, little-endian as all numbers
 *    44    4  places for images, S
 *    48    4  bytes of an image, P
 *    52   12  0
 *    64  S·P  images
 *         4S  CRC-32 of each of them
 *             the header, JSON
 *
 * So images are written as they are decoded, before the header is known, and each is read and checked on its own.
 */
const magic = Buffer.from('KUODATA3');
const preludeBytes = 64;
const hashedFrom = magic.length + 32;

/** Open files that nobody has any more are closed. */
const files = new FinalizationRegistry<number>((file) => closeSync(file));

/** Decoded images in a file, read one by one when they are asked for. */
export class StoredImages implements ImageStore {
  readonly file: string;
  readonly places: number;
  readonly imageBytes: number;
  readonly #file: number;
  readonly #checksums: Uint32Array;

  private constructor(path: string, file: number, imageBytes: number, checksums: Uint32Array) {
    this.file = path;
    this.places = checksums.length;
    this.imageBytes = imageBytes;
    this.#file = file;
    this.#checksums = checksums;
    files.register(this, file, this);
  }

  /**
   * A file to be filled, which must not be there yet.
   *
   * @param path  where it is made
   * @param name  where it will be found when it is whole
   * @throws WriteError if it cannot be made
   */
  static create(path: string, name: string, places: number, imageBytes: number): StoredImages {
    return writing(name, () => new StoredImages(name, openSync(path, 'wx+'), imageBytes, new Uint32Array(places)));
  }

  /**
   * The file at `path` and its header.
   *
   * @returns undefined if it is damaged outside of its images, of another version, or cannot be read
   */
  static open(path: string): { readonly images: StoredImages; readonly header: string } | undefined {
    let file: number | undefined;
    try {
      file = openSync(path, 'r');
      const found = readEnds(file);
      if (!found) {
        closeSync(file);
        return undefined;
      }
      return { images: new StoredImages(path, file, found.imageBytes, found.checksums), header: found.header };
    } catch {
      if (file !== undefined) closeSync(file);
      return undefined;
    }
  }

  /** @throws if the image is damaged; the file is removed then, so that the next start rebuilds it */
  at(index: number): Uint8Array {
    const pixels = new Uint8Array(this.imageBytes);
    if (!this.#read(index, pixels)) {
      rmSync(this.file, { force: true });
      throw new Error(
        `data: the decoded images in ${JSON.stringify(this.file)} are damaged at image ${index}; the file is removed, and the next start decodes them again (a training goes on with --resume)`,
      );
    }
    return pixels;
  }

  /** All images at once: [places, imageBytes]; undefined if one of them is damaged. */
  all(): Uint8Array | undefined {
    let all: Uint8Array | undefined;
    try {
      all = readAt(this.#file, this.places * this.imageBytes, preludeBytes);
    } catch {
      return undefined;
    }
    const isWhole = (sum: number, i: number) =>
      crc32(all!.subarray(i * this.imageBytes, (i + 1) * this.imageBytes)) === sum;
    return all && this.#checksums.every(isWhole) ? all : undefined;
  }

  /** @throws WriteError if it cannot be written */
  put(index: number, pixels: Uint8Array): void {
    writing(this.file, () => writeAt(this.#file, pixels, preludeBytes + index * this.imageBytes));
    this.#checksums[index] = crc32(pixels);
  }

  /**
   * Completes the file: what is in it now is found when it is opened. Flushed to the disk.
   *
   * @throws WriteError if it cannot be written
   */
  seal(header: string): void {
    const { prelude, rest } = endsOf(this.imageBytes, this.#checksums, header);
    writing(this.file, () => {
      writeAt(this.#file, rest, preludeBytes + this.places * this.imageBytes);
      writeAt(this.#file, prelude, 0);
      fsyncSync(this.#file);
    });
  }

  /** No image can be read afterwards. */
  close(): void {
    files.unregister(this);
    closeSync(this.#file);
  }

  #read(index: number, pixels: Uint8Array): boolean {
    try {
      const bytes = readSync(this.#file, pixels, 0, pixels.length, preludeBytes + index * this.imageBytes);
      return bytes === pixels.length && crc32(pixels) === this.#checksums[index];
    } catch {
      // A disk that cannot read its sectors.
      return false;
    }
  }
}

/** A file of images that are in memory, to be written part after part: what `put` and `seal` would make. */
export function storedImagesParts(pixels: Uint8Array, imageBytes: number, header: string): readonly Uint8Array[] {
  const checksums = Uint32Array.from({ length: pixels.length / imageBytes }, (_, i) =>
    crc32(pixels.subarray(i * imageBytes, (i + 1) * imageBytes)),
  );
  const { prelude, rest } = endsOf(imageBytes, checksums, header);
  return [prelude, pixels, rest];
}

/** What stands before and behind the images. */
function endsOf(
  imageBytes: number,
  checksums: Uint32Array,
  header: string,
): { readonly prelude: Uint8Array; readonly rest: Uint8Array } {
  const json = Buffer.from(header);
  const numbers = Buffer.alloc(preludeBytes - hashedFrom);
  [json.length, checksums.length, imageBytes].forEach((value, i) => numbers.writeUInt32LE(value, 4 * i));
  const sums = Buffer.alloc(4 * checksums.length);
  checksums.forEach((value, i) => sums.writeUInt32LE(value, 4 * i));
  const rest = Buffer.concat([sums, json]);
  const hash = createHash('sha256').update(numbers).update(rest).digest();
  return { prelude: Buffer.concat([magic, hash, numbers]), rest };
}

/** The reverse of `endsOf`; undefined if they are damaged. */
function readEnds(
  file: number,
): { readonly imageBytes: number; readonly checksums: Uint32Array; readonly header: string } | undefined {
  const { size } = fstatSync(file);
  const prelude = readAt(file, preludeBytes, 0);
  if (!prelude?.subarray(0, magic.length).equals(magic)) return undefined;
  const numbers = prelude.subarray(hashedFrom);
  const [headerBytes, places, imageBytes] = [0, 4, 8].map((at) => numbers.readUInt32LE(at)) as [number, number, number];
  const imagesEnd = preludeBytes + places * imageBytes;
  // Before anything of these sizes is allocated.
  if (size !== imagesEnd + 4 * places + headerBytes) return undefined;
  const rest = readAt(file, 4 * places + headerBytes, imagesEnd);
  if (!rest) return undefined;
  const hash = createHash('sha256').update(numbers).update(rest).digest();
  if (!hash.equals(prelude.subarray(magic.length, hashedFrom))) return undefined;
  return {
    imageBytes,
    checksums: Uint32Array.from({ length: places }, (_, i) => rest.readUInt32LE(4 * i)),
    header: rest.toString('utf8', 4 * places),
  };
}

/** Bytes of a file; undefined where it ends before. */
function readAt(file: number, length: number, position: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length;) {
    const read = readSync(file, bytes, done, Math.min(chunkBytes, length - done), position + done);
    if (read === 0) return undefined;
    done += read;
  }
  return bytes;
}

/** One call moves at most 2 GiB. */
const chunkBytes = 2 ** 28;

/** Writes all bytes: a single call may take less than it was given. */
function writeAt(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(file, bytes, done, Math.min(chunkBytes, bytes.length - done), position + done);
}

function writing<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw new WriteError(path, describeSystemError(error));
  }
}
