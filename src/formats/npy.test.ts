import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floatsToHalf } from './half.ts';
import { readNpy, writeNpy, type NpyArray } from './npy.ts';

interface Golden {
  readonly name: string;
  readonly file: string;
  readonly shape: number[];
  readonly values: string[] | null;
  readonly written: boolean;
}
const golden = JSON.parse(readFileSync(new URL('../../test/golden/npy.json', import.meta.url), 'utf8')) as Golden[];
const bytesOf = ({ file }: Golden): Uint8Array => new Uint8Array(Buffer.from(file, 'base64'));

/** What the texts of Python's values are in an array of ours. */
function expected(dtype: NpyArray['dtype'], values: readonly string[]): NpyArray['data'] {
  switch (dtype) {
    case 'f32':
      return Float32Array.from(values, Number);
    case 'f16':
      return floatsToHalf(Float32Array.from(values, Number));
    case 'i32':
      return Int32Array.from(values, Number);
    case 'i64':
      return BigInt64Array.from(values, BigInt);
    case 'bool':
      return Uint8Array.from(values, (value) => (value === 'True' ? 1 : 0));
  }
}

const dtypes: Readonly<Record<string, NpyArray['dtype']>> = {
  f64: 'f32',
  'big-endian f32': 'f32',
  'big-endian i64': 'i64',
  'big-endian f16': 'f16',
  fortran: 'f32',
  'fortran big-endian i32': 'i32',
  scalar: 'f32',
  empty: 'f32',
  i8: 'i32',
  u8: 'i32',
  i16: 'i32',
  u16: 'i32',
  u32: 'i64',
  'version 2': 'f32',
  'version 3': 'f32',
};

describe('against NumPy', () => {
  it.each(golden.filter(({ values }) => values !== null))('the array "$name" is read', (entry) => {
    const array = readNpy(bytesOf(entry));
    expect(array.dtype).toBe(dtypes[entry.name] ?? entry.name);
    expect(array.shape).toEqual(entry.shape);
    expect(array.data).toEqual(expected(array.dtype, entry.values!));
  });

  it.each(golden.filter(({ written }) => written))('the array "$name" is written as the same bytes', (entry) => {
    expect(writeNpy(readNpy(bytesOf(entry)))).toEqual(bytesOf(entry));
  });

  it.each(golden.filter(({ values }) => values === null))('the type of "$name" by name', (entry) => {
    // A record's type is a list, which no type of ours is.
    expect(() => readNpy(bytesOf(entry))).toThrow(
      /^readNpy: (unsupported type "[^\n]+"; one of f4, f8, f2, .* \(convert it with astype\)|expected a header with descr \(one type\), [^\n]+)$/,
    );
  });
});

/** A file of version 1 with any header. */
function fileOf(header: string, data: readonly number[] = []): Uint8Array {
  return Uint8Array.from([
    0x93,
    ...[...'NUMPY'].map((c) => c.charCodeAt(0)),
    1,
    0,
    header.length & 255,
    header.length >> 8,
    ...new TextEncoder().encode(header),
    ...data,
  ]);
}
const header = (shape: string, descr = '<f4'): string =>
  `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }\n`;

describe('readNpy refuses', () => {
  it.each([
    [
      'another file',
      Uint8Array.from(Buffer.from('PK\x03\x04 and so on')),
      /^readNpy: the file \(14 bytes\) does not begin as an npy file does \(an npz is a zip of them: unpack it first\)$/,
    ],
    ['an unknown version', fileOf(header('()')).with(6, 4), 'readNpy: version 4.0, expected 1.0, 2.0 or 3.0'],
    [
      'a header that leaves the file',
      fileOf(header('(2,)')).with(8, 255),
      /^readNpy: the header ends at byte 265, the file at byte \d+ \(cut short\?\)$/,
    ],
    ['a header without end', fileOf('{').with(6, 2), /^readNpy: the (header's length is|file has)/],
    ['a shape that is none', fileOf(header('(2')), /^readNpy: expected a header with descr/],
    [
      'a number in brackets, which is no tuple',
      fileOf(header('(2)'), [0, 0, 0, 0, 0, 0, 0, 0]),
      /^readNpy: expected a header with descr/,
    ],
    ['a negative extent', fileOf(header('(-1,)')), /^readNpy: expected a header/],
    [
      'a key given twice',
      fileOf(`{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (), }\n`),
      /^readNpy: expected a header/,
    ],
    [
      'code',
      fileOf(`{'descr': __import__('os'), 'fortran_order': False, 'shape': (), }\n`),
      /^readNpy: expected a header/,
    ],
    [
      'missing values',
      fileOf(header('(2, 1)'), [0, 0, 0, 0]),
      'readNpy: <f4[2, 1] takes 8 bytes, the file holds 4 after its header',
    ],
    [
      'a bomb',
      fileOf(header('(4294967296, 4294967296, 4294967296)')),
      /^readNpy: <f4\[4294967296, 4294967296, 4294967296\] takes .* bytes, the file holds 0 after its header$/,
    ],
    ['too many axes', fileOf(header(`(${'0, '.repeat(65)})`)), 'readNpy: 65 axes, at most 64 are read'],
    ['a bool of 2', fileOf(header('()', '|b1'), [2]), 'readNpy: a bool is 2, expected 0 or 1'],
  ])('%s', (_name, bytes, message) => {
    expect(() => readNpy(bytes)).toThrow(message);
  });

  it('an empty axis next to huge ones takes no memory', () => {
    expect(readNpy(fileOf(header('(9007199254740991, 0)'))).data).toHaveLength(0);
  });
});

it('writeNpy refuses data that is not of its type and shape', () => {
  expect(() => writeNpy({ dtype: 'f32', shape: [2], data: new Float32Array(3) })).toThrow(
    'writeNpy: f32[2] does not hold 3 values',
  );
  expect(() => writeNpy({ dtype: 'i64', shape: [1], data: new Float32Array(1) })).toThrow(
    'writeNpy: i64[1] must be held in a BigInt64Array',
  );
  expect(() => writeNpy({ dtype: 'f32', shape: [-1], data: new Float32Array(1) })).toThrow(
    'writeNpy: f32[-1]: expected at most 64 whole numbers from 0',
  );
});

describe('whatever the bytes', () => {
  const files = golden.map(bytesOf);

  it('a file changed or cut anywhere gives an array of its own size, or an error of one line', () => {
    const change = fc.record({ at: fc.nat(300), byte: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.constantFrom(...files),
        fc.array(change, { maxLength: 3 }),
        fc.option(fc.nat(300)),
        (file, changes, cut) => {
          const bytes = file.slice(0, cut ?? undefined);
          for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte;
          try {
            const array = readNpy(bytes);
            // float16 to float64 at least one byte each: never more than 8 bytes for one of the file.
            expect(array.data.byteLength).toBeLessThanOrEqual(8 * bytes.length);
          } catch (error) {
            if (!/^readNpy: [^\n]+$/.test((error as Error).message)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('what is written is read again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 4 }), (shape) => {
        const array: NpyArray = {
          dtype: 'f32',
          shape,
          data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i / 3),
        };
        expect(readNpy(writeNpy(array))).toEqual(array);
      }),
    );
  });
});
