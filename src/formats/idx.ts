/**
 * The idx format of MNIST and the data sets made in its image.
 *
 *     2 bytes  zero
 *     1 byte   the type of the values
 *     1 byte   the number of axes
 *     4 bytes  for each axis its extent, big-endian
 *     the rest the values, big-endian and row-major
 *
 * @see LeCun, Cortes & Burges — https://yann.lecun.com/exdb/mnist/
 */

/** The typed arrays that hold the values of an idx file. */
export type IdxData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** What an idx file holds: row-major values. */
export interface IdxArray {
  readonly dtype: 'u8' | 'i8' | 'i16' | 'i32' | 'f32' | 'f64';
  readonly shape: readonly number[];
  readonly data: IdxData;
}

interface StoredType {
  readonly dtype: IdxArray['dtype'];
  readonly bytes: number;
  readonly read: (view: DataView, count: number) => IdxData;
}

/** The values of a view, one after the other; the machine's byte order is not the file's. */
const storedTypes: Readonly<Record<number, StoredType>> = {
  0x08: { dtype: 'u8', bytes: 1, read: (view, count) => new Uint8Array(view.buffer, view.byteOffset, count) },
  0x09: { dtype: 'i8', bytes: 1, read: (view, count) => new Int8Array(view.buffer, view.byteOffset, count) },
  0x0b: {
    dtype: 'i16',
    bytes: 2,
    read: (view, count) => Int16Array.from({ length: count }, (_, i) => view.getInt16(2 * i)),
  },
  0x0c: {
    dtype: 'i32',
    bytes: 4,
    read: (view, count) => Int32Array.from({ length: count }, (_, i) => view.getInt32(4 * i)),
  },
  0x0d: {
    dtype: 'f32',
    bytes: 4,
    read: (view, count) => Float32Array.from({ length: count }, (_, i) => view.getFloat32(4 * i)),
  },
  0x0e: {
    dtype: 'f64',
    bytes: 8,
    read: (view, count) => Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i)),
  },
};

/**
 * Reads an idx file, already unpacked (`.gz` is the caller's to undo). Bytes are a view of the file, wider values a copy.
 *
 * @throws if the file does not begin as the format does, has an unknown type, or has not exactly the bytes that its shape asks for;
 *   nothing is allocated before that is known
 */
export function readIdx(bytes: Uint8Array): IdxArray {
  const fail = (problem: string) => new Error(`readIdx: ${problem}`);
  if (bytes.length < 4)
    throw fail(`the file has ${bytes.length} bytes, its first 4 must hold the type and the number of axes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0) !== 0) {
    const gzip = view.getUint16(0) === 0x1f8b ? ' (this is gzip: unpack it first)' : '';
    throw fail(`the file begins with the bytes ${view.getUint8(0)}, ${view.getUint8(1)}, expected 0, 0${gzip}`);
  }
  const type = storedTypes[view.getUint8(2)];
  if (type === undefined)
    throw fail(
      `unknown type 0x${view.getUint8(2).toString(16).padStart(2, '0')}; one of 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e`,
    );
  const axes = view.getUint8(3);
  const start = 4 + 4 * axes;
  if (bytes.length < start)
    throw fail(`the file has ${bytes.length} bytes, its ${axes} extents end at byte ${start} (cut short?)`);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  // Past 2⁵³ a product is rounded, and still far more than any file.
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (bytes.length - start !== count * type.bytes) {
    throw fail(
      `${type.dtype}[${shape.slice(0, 8).join(', ')}${axes > 8 ? ', …' : ''}] takes ${count * type.bytes} bytes, the file holds ${bytes.length - start}`,
    );
  }
  return {
    dtype: type.dtype,
    shape,
    data: type.read(new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start), count),
  };
}
