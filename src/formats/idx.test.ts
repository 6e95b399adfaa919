import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readIdx } from './idx.ts';

/** A file from its parts: type, extents, the bytes of the values. */
const idx = (type: number, shape: readonly number[], values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  bytes.set([0, 0, type, shape.length]);
  shape.forEach((extent, axis) => {
    new DataView(bytes.buffer).setUint32(4 + 4 * axis, extent);
  });
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
};

describe('readIdx', () => {
  it('reads every type of the format, most significant byte first', () => {
    expect(readIdx(idx(0x08, [2, 3], [0, 1, 2, 3, 254, 255]))).toEqual({
      dtype: 'u8',
      shape: [2, 3],
      data: Uint8Array.of(0, 1, 2, 3, 254, 255),
    });
    expect(readIdx(idx(0x09, [2], [1, 255]))).toEqual({ dtype: 'i8', shape: [2], data: Int8Array.of(1, -1) });
    expect(readIdx(idx(0x0b, [2], [1, 2, 255, 254]))).toEqual({
      dtype: 'i16',
      shape: [2],
      data: Int16Array.of(258, -2),
    });
    expect(readIdx(idx(0x0c, [1], [0, 1, 0, 2]))).toEqual({ dtype: 'i32', shape: [1], data: Int32Array.of(65538) });
    // The bits of 1.5 in both precisions.
    expect(readIdx(idx(0x0d, [1], [0x3f, 0xc0, 0, 0]))).toEqual({
      dtype: 'f32',
      shape: [1],
      data: Float32Array.of(1.5),
    });
    expect(readIdx(idx(0x0e, [1], [0x3f, 0xf8, 0, 0, 0, 0, 0, 0]))).toEqual({
      dtype: 'f64',
      shape: [1],
      data: Float64Array.of(1.5),
    });
  });

  it('reads a scalar, an empty array and a file inside a larger buffer', () => {
    expect(readIdx(idx(0x08, [], [7]))).toEqual({ dtype: 'u8', shape: [], data: Uint8Array.of(7) });
    expect(readIdx(idx(0x0d, [0, 28, 28], [])).data).toHaveLength(0);
    const around = Uint8Array.from([9, 9, 9, ...idx(0x0b, [2], [1, 2, 3, 4]), 9]);
    expect(readIdx(around.subarray(3, -1)).data).toEqual(Int16Array.of(258, 772));
  });

  it.each([
    ['', [], 'readIdx: the file has 0 bytes, its first 4 must hold the type and the number of axes'],
    [
      'a gzip file',
      [0x1f, 0x8b, 8, 0],
      'readIdx: the file begins with the bytes 31, 139, expected 0, 0 (this is gzip: unpack it first)',
    ],
    [
      'another file',
      [...'PK??'].map((c) => c.charCodeAt(0)),
      'readIdx: the file begins with the bytes 80, 75, expected 0, 0',
    ],
    [
      'an unknown type',
      [...idx(0x0a, [1], [1])],
      'readIdx: unknown type 0x0a; one of 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e',
    ],
    [
      'missing extents',
      [0, 0, 8, 3, 0, 0, 0, 1],
      'readIdx: the file has 8 bytes, its 3 extents end at byte 16 (cut short?)',
    ],
    ['missing values', [...idx(0x08, [2, 2], [1, 2, 3])], 'readIdx: u8[2, 2] takes 4 bytes, the file holds 3'],
    ['too many values', [...idx(0x0d, [], [1, 2, 3, 4, 5])], 'readIdx: f32[] takes 4 bytes, the file holds 5'],
    [
      'a bomb',
      [...idx(0x0e, [0xffffffff, 0xffffffff, 0xffffffff], [])],
      /^readIdx: f64\[4294967295, 4294967295, 4294967295\] takes .* bytes, the file holds 0$/,
    ],
  ])('refuses %s', (_name, bytes, message) => {
    expect(() => readIdx(Uint8Array.from(bytes))).toThrow(message);
  });

  it('answers any bytes with an array of exactly their size, or an error of one line', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(8, 9, 11, 12, 13, 14, 10),
        fc.array(fc.nat(9), { maxLength: 4 }),
        fc.uint8Array({ maxLength: 64 }),
        fc.nat(80),
        (type, shape, values, cut) => {
          const bytes = idx(type, shape, [...values]).subarray(0, cut);
          try {
            const array = readIdx(bytes);
            expect(array.data.length).toBe(array.shape.reduce((a, b) => a * b, 1));
            expect(array.data.byteLength).toBe(bytes.length - 4 - 4 * array.shape.length);
          } catch (error) {
            if (!/^readIdx: [^\n]+$/.test((error as Error).message)) throw error;
          }
        },
      ),
    );
  });
});
