/**
 * NumPy's npy format: one array in a file.
 *
 *     6 bytes  \x93NUMPY
 *     2 bytes  version: 1.0, 2.0 or 3.0
 *     2 bytes  (from version 2 on 4) length of the header, little-endian
 *     n bytes  the header: a Python dictionary with 'descr', 'fortran_order' and 'shape', padded with spaces, "\n" at its end
 *     the rest the values
 *
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

import type { Bytes } from './bytes.ts';
import { quoteJson } from './quote.ts';

/** `f16` is held as its 16 bits (see `half.ts`), `bool` as bytes 0 and 1. */
export type NpyDType = 'f32' | 'f16' | 'i32' | 'i64' | 'bool';

/** The typed arrays that hold the values of an array. */
export type NpyData = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/** One array: row-major values; the shape of a scalar is `[]`. */
export interface NpyArray {
  readonly dtype: NpyDType;
  readonly shape: readonly number[];
  readonly data: NpyData;
}

interface StoredType {
  readonly dtype: NpyDType;
  readonly bytes: number;
  readonly allocate: (count: number) => NpyData;
  readonly get: (view: DataView, offset: number, littleEndian: boolean) => number | bigint;
}

/** How a type of the file is read: narrower integers are widened and float64 is rounded, since everything here computes in 32 bits. */
const storedTypes: Readonly<Record<string, StoredType>> = {
  f4: {
    dtype: 'f32',
    bytes: 4,
    allocate: (count) => new Float32Array(count),
    get: (view, at, little) => view.getFloat32(at, little),
  },
  f8: {
    dtype: 'f32',
    bytes: 8,
    allocate: (count) => new Float32Array(count),
    get: (view, at, little) => view.getFloat64(at, little),
  },
  f2: {
    dtype: 'f16',
    bytes: 2,
    allocate: (count) => new Uint16Array(count),
    get: (view, at, little) => view.getUint16(at, little),
  },
  i1: { dtype: 'i32', bytes: 1, allocate: (count) => new Int32Array(count), get: (view, at) => view.getInt8(at) },
  u1: { dtype: 'i32', bytes: 1, allocate: (count) => new Int32Array(count), get: (view, at) => view.getUint8(at) },
  i2: {
    dtype: 'i32',
    bytes: 2,
    allocate: (count) => new Int32Array(count),
    get: (view, at, little) => view.getInt16(at, little),
  },
  u2: {
    dtype: 'i32',
    bytes: 2,
    allocate: (count) => new Int32Array(count),
    get: (view, at, little) => view.getUint16(at, little),
  },
  i4: {
    dtype: 'i32',
    bytes: 4,
    allocate: (count) => new Int32Array(count),
    get: (view, at, little) => view.getInt32(at, little),
  },
  u4: {
    dtype: 'i64',
    bytes: 4,
    allocate: (count) => new BigInt64Array(count),
    get: (view, at, little) => BigInt(view.getUint32(at, little)),
  },
  i8: {
    dtype: 'i64',
    bytes: 8,
    allocate: (count) => new BigInt64Array(count),
    get: (view, at, little) => view.getBigInt64(at, little),
  },
  b1: { dtype: 'bool', bytes: 1, allocate: (count) => new Uint8Array(count), get: (view, at) => view.getUint8(at) },
};

const writtenTypes = {
  f32: { descr: '<f4', array: Float32Array },
  f16: { descr: '<f2', array: Uint16Array },
  i32: { descr: '<i4', array: Int32Array },
  i64: { descr: '<i8', array: BigInt64Array },
  bool: { descr: '|b1', array: Uint8Array },
} as const satisfies Record<NpyDType, unknown>;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** NumPy's own limit for untrusted files. */
const largestHeader = 10_000;

/** NumPy's own limit too (64 from NumPy 2 on, 32 before). */
const mostAxes = 64;

/**
 * Reads an npy file of version 1, 2 or 3, in C or Fortran order, little- or big-endian. The values are a copy.
 *
 * int8, uint8, int16 and uint16 become `i32`, uint32 becomes `i64`, and float64 is rounded to `f32`.
 *
 * @throws if the file is no npy file, its header says something else than NumPy writes, its type is one we have not (objects, text, complex
 *   numbers, dates, records, uint64, float128), or it has not exactly the bytes that its shape asks for; nothing is allocated before that is known
 */
export function readNpy(bytes: Uint8Array): NpyArray {
  const { descr, fortranOrder, shape, dataStart } = readHeader(bytes);
  const fail = (problem: string) => new Error(`readNpy: ${problem}`);
  const [, order, code] = /^([<>|=])?([a-zA-Z]\d+)$/.exec(descr) ?? [];
  const type = code !== undefined && Object.hasOwn(storedTypes, code) ? storedTypes[code] : undefined;
  if (type === undefined)
    throw fail(
      `unsupported type ${quoteJson(descr)}; one of ${Object.keys(storedTypes).join(', ')} (convert it with astype)`,
    );
  if (order === '|' && type.bytes > 1) throw fail(`the type ${quoteJson(descr)} has no byte order`);
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (count * type.bytes !== bytes.length - dataStart) {
    throw fail(
      `${descr}[${shape.join(', ')}] takes ${count * type.bytes} bytes, the file holds ${bytes.length - dataStart} after its header`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + dataStart, bytes.length - dataStart);
  const littleEndian = order !== '>';
  const data = type.allocate(count);
  const place = fortranOrder ? fortranPlaces(shape) : (index: number) => index;
  for (let i = 0; i < count; i++) data[i] = type.get(view, place(i) * type.bytes, littleEndian);
  if (type.dtype === 'bool') {
    const wrong = (data as Uint8Array).findIndex((byte) => byte > 1);
    if (wrong >= 0) throw fail(`a bool is ${data[wrong]}, expected 0 or 1`);
  }
  return { dtype: type.dtype, shape, data };
}

/** Where element i of the row-major order lies in a file whose first axis runs fastest. */
function fortranPlaces(shape: readonly number[]): (index: number) => number {
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, extent) => product * extent, 1));
  return (index) => {
    let rest = index;
    let place = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis]!;
      place += (rest % extent) * strides[axis]!;
      rest = Math.floor(rest / extent);
    }
    return place;
  };
}

/**
 * Writes an npy file, byte for byte as `numpy.save` does: version 1.0, little-endian, C order.
 *
 * @throws if the data is not of its type and shape
 * @example
 * import { writeFile } from 'node:fs/promises';
 * import { float32 } from 'kuosan/core';
 * import { writeNpy } from 'kuosan/formats';
 *
 * await writeFile('images.npy', writeNpy(float32([2, 3, 8, 8]))); // numpy.load('images.npy')
 */
export function writeNpy({ dtype, shape, data }: NpyArray): Bytes {
  const fail = (problem: string) => new Error(`writeNpy: ${problem}`);
  if (!Object.hasOwn(writtenTypes, dtype))
    throw fail(`unsupported dtype ${quoteJson(dtype)}; one of ${Object.keys(writtenTypes).join(', ')}`);
  const { descr, array } = writtenTypes[dtype];
  const described = `${dtype}[${shape.join(', ')}]`;
  if (shape.length > mostAxes || !shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0))
    throw fail(`${described}: expected at most ${mostAxes} whole numbers from 0`);
  if (!(data instanceof array)) throw fail(`${described} must be held in a ${array.name}`);
  if (data.length !== shape.reduce((product, extent) => product * extent, 1))
    throw fail(`${described} does not hold ${data.length} values`);

  // Python writes a tuple of one with a comma after it.
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  // NumPy leaves room for the first extent to grow to 21 digits in place.
  const room = shape.length === 0 ? '' : ' '.repeat(Math.max(0, 21 - String(shape[0]).length));
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }${room}`;
  const prelude = magic.length + 4;
  // The values begin at a multiple of 64, the last byte before them is the line's end.
  const headerLength = Math.ceil((prelude + text.length + 1) / 64) * 64 - prelude;
  const file = new Uint8Array(prelude + headerLength + data.byteLength);
  file.set([...magic, 1, 0, headerLength & 255, headerLength >> 8]);
  file.set(new TextEncoder().encode(`${text.padEnd(headerLength - 1)}\n`), prelude);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), prelude + headerLength);
  return file;
}

interface Header {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  readonly dataStart: number;
}

function readHeader(bytes: Uint8Array): Header {
  const fail = (problem: string) => new Error(`readNpy: ${problem}`);
  if (bytes.length < 10 || !magic.every((byte, i) => bytes[i] === byte))
    throw fail(
      `the file (${bytes.length} bytes) does not begin as an npy file does (an npz is a zip of them: unpack it first)`,
    );
  const version = bytes[6]!;
  if (version < 1 || version > 3 || bytes[7] !== 0)
    throw fail(`version ${version}.${bytes[7]}, expected 1.0, 2.0 or 3.0`);
  const lengthBytes = version === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  if (bytes.length < start)
    throw fail(`the file has ${bytes.length} bytes, the length of its header ends at byte ${start} (cut short?)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > largestHeader) throw fail(`the header's length is ${length} bytes, at most ${largestHeader} are read`);
  const dataStart = start + length;
  if (dataStart > bytes.length)
    throw fail(`the header ends at byte ${dataStart}, the file at byte ${bytes.length} (cut short?)`);
  const text = new TextDecoder('latin1').decode(bytes.subarray(start, dataStart)).trim();
  const fields = readDictionary(text);
  const { descr, fortran_order: fortranOrder, shape } = fields ?? {};
  if (typeof descr !== 'string' || typeof fortranOrder !== 'boolean' || !Array.isArray(shape)) {
    throw fail(`expected a header with descr (one type), fortran_order and shape, got ${quoteJson(text)}`);
  }
  if (shape.length > mostAxes) throw fail(`${shape.length} axes, at most ${mostAxes} are read`);
  return { descr, fortranOrder, shape, dataStart };
}

type Value = string | boolean | readonly number[];

/** A Python dictionary of text, truth values and tuples of whole numbers; undefined for anything else. */
function readDictionary(text: string): Readonly<Record<string, Value>> | undefined {
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined;
  let rest = text.slice(1, -1).trim();
  const found = new Map<string, Value>();
  while (rest !== '') {
    const [entry, , key, value] =
      /^(['"])(\w+)\1 *: *('[^'\\]*'|"[^"\\]*"|True|False|\([\dL, ]*\)) *(?:, *|$)/.exec(rest) ?? [];
    if (entry === undefined || key === undefined || value === undefined || found.has(key)) return undefined;
    const read = readValue(value);
    if (read === undefined) return undefined;
    found.set(key, read);
    rest = rest.slice(entry.length);
  }
  return Object.fromEntries(found);
}

function readValue(text: string): Value | undefined {
  if (text === 'True' || text === 'False') return text === 'True';
  if (!text.startsWith('(')) return text.slice(1, -1);
  const inside = text.slice(1, -1).trim();
  if (inside === '') return [];
  const parts = inside.split(',').map((part) => part.trim());
  // The comma after the last is what makes a tuple of one.
  if (parts.at(-1) === '') parts.pop();
  else if (parts.length === 1) return undefined;
  // Python 2 wrote an L after long numbers.
  const numbers = parts.map((part) => (/^\d{1,16}L?$/.test(part) ? Number.parseInt(part, 10) : Number.NaN));
  return numbers.every(Number.isSafeInteger) ? numbers : undefined;
}
