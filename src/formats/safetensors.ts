/**
 * Named tensors in one file, the format Hugging Face's libraries share.
 *
 *     8 bytes   N, the header's length, little-endian
 *     N bytes   JSON { "__metadata__": {text: text}, name: { "dtype", "shape", "data_offsets": [begin, end] }, … }, padded with spaces
 *     the rest  the values, little-endian and row-major, without gaps; offsets count from here
 *
 * Typed arrays have the machine's byte order, which is little-endian wherever JavaScript runs today, so nothing is swapped.
 *
 * @see https://github.com/huggingface/safetensors#format
 */

import type { Bytes } from './bytes.ts';
import { clipped, quoteJson } from './quote.ts';
import { parseStrictJson } from './strict-json.ts';

/** `f16` and `bf16` are held as their 16 bits (see `half.ts`), `bool` as bytes 0 and 1. */
export type SafetensorsDType = 'f32' | 'f16' | 'bf16' | 'i32' | 'i64' | 'bool';

/** The typed arrays that hold the values of a tensor. */
export type SafetensorsData = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/** One tensor: row-major values; the shape of a scalar is `[]`. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly data: SafetensorsData;
}

/** A tensor of small whole numbers, in which nothing here computes: only who knows their scale has a use for them. */
export interface Int8Tensor {
  readonly dtype: 'i8';
  readonly shape: readonly number[];
  readonly data: Int8Array;
}

/** Every tensor that a file may hold. */
export type FileTensor = SafetensorsTensor | Int8Tensor;

/** What a file says of a tensor before its values. */
export type SafetensorsType = Pick<FileTensor, 'dtype' | 'shape'>;

/** Tensors that are had one at a time. */
export interface TensorSource {
  readonly types: ReadonlyMap<string, SafetensorsType>;
  readonly read: (name: string) => Promise<FileTensor>;
}

/** The content of a safetensors file. */
export interface Safetensors<Tensor = SafetensorsTensor> {
  /** In the order of the file's data. */
  readonly tensors: Map<string, Tensor>;
  /** The byte of the file at which each tensor's values begin. */
  readonly offsets: ReadonlyMap<string, number>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** How a type of the file is read: as which of our types, and its values at a byte offset that is a multiple of `bytes`. */
interface StoredType {
  readonly dtype: FileTensor['dtype'];
  readonly bytes: number;
  readonly read: (buffer: ArrayBufferLike, offset: number, count: number) => FileTensor['data'];
}

const storedTypes: Readonly<Record<string, StoredType>> = {
  F32: { dtype: 'f32', bytes: 4, read: (buffer, offset, count) => new Float32Array(buffer, offset, count) },
  F16: { dtype: 'f16', bytes: 2, read: (buffer, offset, count) => new Uint16Array(buffer, offset, count) },
  BF16: { dtype: 'bf16', bytes: 2, read: (buffer, offset, count) => new Uint16Array(buffer, offset, count) },
  I32: { dtype: 'i32', bytes: 4, read: (buffer, offset, count) => new Int32Array(buffer, offset, count) },
  I64: { dtype: 'i64', bytes: 8, read: (buffer, offset, count) => new BigInt64Array(buffer, offset, count) },
  BOOL: { dtype: 'bool', bytes: 1, read: (buffer, offset, count) => new Uint8Array(buffer, offset, count) },
  I8: { dtype: 'i8', bytes: 1, read: (buffer, offset, count) => new Int8Array(buffer, offset, count) },
  U8: {
    dtype: 'i32',
    bytes: 1,
    read: (buffer, offset, count) => new Int32Array(new Uint8Array(buffer, offset, count)),
  },
  F64: {
    dtype: 'f32',
    bytes: 8,
    read: (buffer, offset, count) => new Float32Array(new Float64Array(buffer, offset, count)),
  },
};

/**
 * How our types are written. The order is the Python library's: wider types first, which leaves every tensor aligned without padding.
 */
const writtenTypes = {
  i64: { name: 'I64', order: 0, array: BigInt64Array },
  f32: { name: 'F32', order: 1, array: Float32Array },
  i32: { name: 'I32', order: 2, array: Int32Array },
  bf16: { name: 'BF16', order: 3, array: Uint16Array },
  f16: { name: 'F16', order: 4, array: Uint16Array },
  i8: { name: 'I8', order: 5, array: Int8Array },
  bool: { name: 'BOOL', order: 6, array: Uint8Array },
} as const satisfies Record<FileTensor['dtype'], unknown>;

const metadataKey = '__metadata__';
/** The Python library's limit. */
const largestHeader = 100_000_000;
/** A file, its entries, their lists. */
const headerDepth = 3;

/**
 * Reads a safetensors file.
 *
 * A tensor's `data` is a view of `bytes` where its place is aligned to its element, else a copy. U8 is widened to `i32` and F64 rounded to
 * `f32`: we have no such types, and everything here computes in 32 bits.
 *
 * @param options.int8  whether I8 is read; default false
 * @throws if the file breaks any rule of the format, with the tensor, its shape and the byte offset in the file: a header that is too long
 *   or no JSON, a name given twice, an unknown type, a size other than the shape's, data that overlaps, leaves holes or leaves the file
 * @example
 * import { float32 } from 'kuosan/core';
 * import { readSafetensors, writeSafetensors } from 'kuosan/formats';
 *
 * const bytes = writeSafetensors(new Map([['w', float32([2], [1, 2])]]));
 * console.log(readSafetensors(bytes).tensors.get('w')!.shape); // [ 2 ]
 */
export function readSafetensors(bytes: Uint8Array, options?: { readonly int8?: false }): Safetensors;
export function readSafetensors(bytes: Uint8Array, options: { readonly int8: true }): Safetensors<FileTensor>;
export function readSafetensors(
  bytes: Uint8Array,
  { int8 = false }: { readonly int8?: boolean } = {},
): Safetensors<FileTensor> {
  const { header, dataStart } = readHeader(bytes);
  const { [metadataKey]: metadata, ...named } = header;
  const entries = Object.entries(named).map(([name, value]) => readEntry(name, value, dataStart, bytes.length, int8));
  // Empty tensors share their place with the tensor after them.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkContiguous(entries, dataStart, bytes.length);
  const tensors = new Map<string, FileTensor>();
  for (const entry of entries) tensors.set(entry.name, readTensor(entry, bytes, dataStart));
  return {
    tensors,
    offsets: new Map(entries.map(({ name, begin }) => [name, dataStart + begin])),
    metadata: readMetadata(metadata),
  };
}

/**
 * Writes a safetensors file; equal tensors and metadata give equal bytes, the Python library's own wherever it is deterministic (at most
 * one metadata key): wider types first, then by name, the header padded to 8 bytes.
 *
 * @throws if a name is reserved or no valid text, or a tensor's data is not of its type and shape
 * @example
 * import { writeFile } from 'node:fs/promises';
 * import { float32 } from 'kuosan/core';
 * import { writeSafetensors } from 'kuosan/formats';
 *
 * await writeFile('weights.safetensors', writeSafetensors(new Map([['w', float32([2], [1, 2])]]), { format: 'pt' }));
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, FileTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Bytes {
  const { header, names } = layOut(tensors, metadata);
  const parts = [header, ...names.map((name) => bytesOf(name, tensors.get(name)!))];
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    file.set(part, offset);
    offset += part.length;
  }
  return file;
}

/**
 * The same file in parts, the header and then each tensor's bytes, which are asked for when their place comes: of a large file
 * no more is held than one tensor.
 *
 * @throws as `writeSafetensors`, or if a tensor that comes is not of the type that was said
 */
export async function* safetensorsParts(
  { types, read }: TensorSource,
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { header, names } = layOut(types, metadata);
  yield header;
  for (const name of names) yield bytesOf(name, { ...(await read(name)), ...types.get(name)! } as FileTensor);
}

/** Everything before the values, and the order in which those follow. */
function layOut(
  types: ReadonlyMap<string, SafetensorsType>,
  metadata: Readonly<Record<string, string>>,
): { readonly header: Uint8Array; readonly names: readonly string[] } {
  const utf8 = new TextEncoder();
  const sorted = [...types]
    .map(([name, { dtype, shape }]) => ({
      name,
      shape,
      key: utf8.encode(name),
      type: checkType(name, { dtype, shape }),
    }))
    .sort((a, b) => a.type.order - b.type.order || compareBytes(a.key, b.key));

  const fields: string[] = [];
  const metadataText = writeMetadata(metadata);
  if (metadataText !== undefined) fields.push(`"${metadataKey}":${metadataText}`);
  let end = 0;
  for (const { name, shape, type } of sorted) {
    const begin = end;
    end += product(shape)! * type.array.BYTES_PER_ELEMENT;
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${type.name}","shape":[${shape.join(',')}],"data_offsets":[${begin},${end}]}`,
    );
  }
  const text = utf8.encode(`{${fields.join(',')}}`);
  const textLength = Math.ceil(text.length / 8) * 8;
  if (textLength > largestHeader)
    throw new Error(`writeSafetensors: the header has ${textLength} bytes, the format allows ${largestHeader}`);

  const header = new Uint8Array(8 + textLength).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(textLength), true);
  header.set(text, 8);
  return { header, names: sorted.map(({ name }) => name) };
}

/** One tensor of the header; `begin` and `end` count from the data section. */
interface Entry {
  readonly name: string;
  readonly typeName: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly count: number;
  readonly begin: number;
  readonly end: number;
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  const fail = (problem: string) => new Error(`readSafetensors: ${problem}`);
  if (bytes.length < 8) throw fail(`the file has ${bytes.length} bytes, its first 8 must be the header's length`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(largestHeader))
    throw fail(
      `the header's length is ${length} bytes, the format allows ${largestHeader} (is this a safetensors file?)`,
    );
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length)
    throw fail(`the header ends at byte ${dataStart}, the file at byte ${bytes.length} (cut short?)`);

  let header: unknown;
  try {
    // A byte-order mark is kept, for JSON to refuse.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, dataStart));
    header = parseStrictJson(text, headerDepth);
  } catch (error) {
    throw fail(`the header (bytes 8 to ${dataStart}) is not valid: ${(error as Error).message}`);
  }
  if (!isRecord(header)) throw fail(`the header (bytes 8 to ${dataStart}) must be an object, got ${quoteJson(header)}`);
  return { header, dataStart };
}

function readEntry(name: string, value: unknown, dataStart: number, fileEnd: number, int8: boolean): Entry {
  const fail = (problem: string) => new Error(`readSafetensors: tensor ${quoteJson(name)}: ${problem}`);
  const nameProblem = problemOfName(name);
  if (nameProblem) throw fail(nameProblem);
  if (!isRecord(value)) throw fail(`expected {dtype, shape, data_offsets}, got ${quoteJson(value)}`);
  const { dtype: typeName, shape, data_offsets: offsets } = value;
  if (!isCounts(shape)) throw fail(`shape must be whole numbers from 0, got ${quoteJson(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2)
    throw fail(`data_offsets must be two whole numbers from 0, got ${quoteJson(offsets)}`);

  const [begin, end] = offsets as [number, number];
  const place = `[${clipped(shape.join(', '))}] at byte ${dataStart + begin}`;
  const known = Object.keys(storedTypes).filter((each) => int8 || each !== 'I8');
  if (typeof typeName !== 'string' || !known.includes(typeName))
    throw fail(`unsupported dtype ${quoteJson(typeName)} (${place}); one of ${known.join(', ')}`);
  const type = storedTypes[typeName]!;
  const described = typeName + place;
  const count = product(shape);
  if (count === undefined || !Number.isSafeInteger(count * type.bytes))
    throw fail(`${described} has too many elements`);
  if (begin > end) throw fail(`${described} would end before it begins, its data_offsets are [${begin}, ${end}]`);
  if (dataStart + end > fileEnd)
    throw fail(`${described} would end at byte ${dataStart + end}, the file ends at byte ${fileEnd} (cut short?)`);
  if (end - begin !== count * type.bytes)
    throw fail(
      `${described} takes ${count * type.bytes} bytes, its data_offsets [${begin}, ${end}] hold ${end - begin}`,
    );
  return { name, typeName, type, shape, count, begin, end };
}

/** Entries sorted by place must follow each other from the first byte of the data to the last. */
function checkContiguous(entries: readonly Entry[], dataStart: number, fileEnd: number): void {
  let end = 0;
  let previous = 'the header';
  for (const entry of entries) {
    if (entry.begin !== end) {
      const described = `tensor ${quoteJson(entry.name)}: ${entry.typeName}[${clipped(entry.shape.join(', '))}]`;
      const relation = entry.begin < end ? 'overlaps' : 'leaves a hole after';
      throw new Error(
        `readSafetensors: ${described} at byte ${dataStart + entry.begin} ${relation} ${previous}, which ends at byte ${dataStart + end}`,
      );
    }
    end = entry.end;
    previous = `tensor ${quoteJson(entry.name)}`;
  }
  if (dataStart + end !== fileEnd)
    throw new Error(`readSafetensors: ${previous} ends at byte ${dataStart + end}, the file at byte ${fileEnd}`);
}

function readTensor(entry: Entry, bytes: Uint8Array, dataStart: number): FileTensor {
  const { type, shape, count } = entry;
  const start = bytes.byteOffset + dataStart + entry.begin;
  const data =
    start % type.bytes === 0
      ? type.read(bytes.buffer, start, count)
      : type.read(bytes.buffer.slice(start, start + count * type.bytes), 0, count);
  if (type.dtype === 'bool') {
    const wrong = (data as Uint8Array).findIndex((byte) => byte > 1);
    if (wrong >= 0) {
      const place = `at byte ${dataStart + entry.begin + wrong}`;
      throw new Error(
        `readSafetensors: tensor ${quoteJson(entry.name)}: BOOL[${clipped(shape.join(', '))}] holds ${data[wrong]} ${place}, expected 0 or 1`,
      );
    }
  }
  return { dtype: type.dtype, shape, data } as FileTensor;
}

function readMetadata(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) throw new Error(`readSafetensors: ${metadataKey} must be an object, got ${quoteJson(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (key === '__proto__') throw new Error(`readSafetensors: ${metadataKey}: the key "__proto__" is refused`);
    if (typeof text !== 'string')
      throw new Error(`readSafetensors: ${metadataKey}: ${quoteJson(key)} must be text, got ${quoteJson(text)}`);
  }
  return value as Record<string, string>;
}

function writeMetadata(metadata: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return undefined;
  const fields = entries.map(([key, text]) => {
    if (key === '__proto__') throw new Error(`writeSafetensors: metadata: the key "__proto__" is refused`);
    if (typeof text !== 'string')
      throw new Error(`writeSafetensors: metadata: ${quoteJson(key)} must be text, got ${quoteJson(text)}`);
    if (loneSurrogate.test(key + text))
      throw new Error(`writeSafetensors: metadata: ${quoteJson(key)} is not valid Unicode (a lone surrogate)`);
    return `${JSON.stringify(key)}:${JSON.stringify(text)}`;
  });
  return `{${fields.join(',')}}`;
}

function checkType(name: string, { dtype, shape }: SafetensorsType): (typeof writtenTypes)[FileTensor['dtype']] {
  const fail = (problem: string) => new Error(`writeSafetensors: tensor ${quoteJson(name)}: ${problem}`);
  const nameProblem = problemOfName(name) ?? (name === metadataKey ? 'the name is reserved by the format' : undefined);
  if (nameProblem) throw fail(nameProblem);
  if (!Object.hasOwn(writtenTypes, dtype))
    throw fail(`unsupported dtype "${dtype}"; one of ${Object.keys(writtenTypes).join(', ')}`);
  if (!isCounts(shape) || product(shape) === undefined)
    throw fail(`${dtype}[${shape.join(', ')}]: the shape must be whole numbers from 0`);
  return writtenTypes[dtype];
}

/** The values as they are in the file. */
function bytesOf(name: string, { dtype, shape, data }: FileTensor): Uint8Array {
  const fail = (problem: string) =>
    new Error(`writeSafetensors: tensor ${quoteJson(name)}: ${dtype}[${shape.join(', ')}] ${problem}`);
  const { array } = writtenTypes[dtype];
  if (!(data instanceof array)) throw fail(`must be held in a ${array.name}`);
  if (product(shape) !== data.length) throw fail(`does not hold ${data.length} values`);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

const loneSurrogate = /\p{Surrogate}/u;

function problemOfName(name: string): string | undefined {
  // An object that some caller keeps by name would lose its prototype.
  if (name === '__proto__') return 'the name is refused';
  return loneSurrogate.test(name) ? 'the name is not valid Unicode (a lone surrogate)' : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0 && !Object.is(count, -0))
  );
}

/** The number of elements, or nothing where it leaves the exact integers. */
function product(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const extent of shape) {
    count *= extent;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
