import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSafetensors, safetensorsParts, writeSafetensors } from './safetensors.ts';
import type { SafetensorsDType, SafetensorsTensor } from './safetensors.ts';

const tensor = (
  dtype: SafetensorsDType,
  shape: readonly number[],
  data: SafetensorsTensor['data'],
): SafetensorsTensor => ({ dtype, shape, data });

/** The tensors of test/golden/safetensors-file.py. */
const golden = new Map<string, SafetensorsTensor>([
  [
    'conv_in.weight',
    tensor(
      'f32',
      [2, 3, 2, 2],
      Float32Array.from({ length: 24 }, (_, i) => i / 8 - 1),
    ),
  ],
  ['conv_in.bias', tensor('f32', [2], Float32Array.of(Infinity, -0))],
  ['scalar', tensor('f32', [], Float32Array.of(0.1))],
  ['empty', tensor('f32', [0, 4], new Float32Array(0))],
  ['half', tensor('f16', [4], Uint16Array.of(0x3c00, 0xc100, 0x7bff, 0x0001))],
  ['brain', tensor('bf16', [3], Uint16Array.of(0x3f80, 0xc020, 0x7f62))],
  ['steps', tensor('i64', [4], BigInt64Array.of(0n, 1n, -1n, 1n << 62n))],
  ['ids', tensor('i32', [1, 3], Int32Array.of(1, -2, 2 ** 31 - 1))],
  ['mask', tensor('bool', [3], Uint8Array.of(1, 0, 1))],
  ['naïve "name" \n 扩散 𝄞', tensor('f32', [1], Float32Array.of(7))],
  ['～', tensor('f32', [1], Float32Array.of(8))],
]);
const goldenFile = new Uint8Array(
  readFileSync(new URL('../../test/golden/safetensors-file.safetensors', import.meta.url)),
);

/** A file from a header and the number of data bytes. */
function fileOf(header: unknown, data: number | Uint8Array = 0): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const values = typeof data === 'number' ? new Uint8Array(data) : data;
  const file = new Uint8Array(8 + json.length + values.length);
  new DataView(file.buffer).setUint32(0, json.length, true);
  file.set(json, 8);
  file.set(values, 8 + json.length);
  return file;
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

describe('against the Python library', () => {
  test('every tensor of its file is read', () => {
    const { tensors, metadata } = readSafetensors(goldenFile);
    expect(metadata).toEqual({ format: 'pt' });
    expect(new Map([...tensors].sort())).toEqual(new Map([...golden].sort()));
  });

  test('the same tensors are written as the same bytes, in whatever order they are given', () => {
    expect(writeSafetensors(golden, { format: 'pt' })).toEqual(goldenFile);
    expect(writeSafetensors(new Map([...golden].reverse()), { format: 'pt' })).toEqual(goldenFile);
  });

  test('the same bytes come part by part, each tensor when its place has come', async () => {
    const asked: string[] = [];
    let [written, parts] = [new Uint8Array(0), 0];
    for await (const part of safetensorsParts(
      { types: golden, read: async (name) => (asked.push(name), golden.get(name)!) },
      { format: 'pt' },
    )) {
      const next = new Uint8Array(written.length + part.length);
      next.set(written);
      next.set(part, written.length);
      written = next;
      expect(asked).toHaveLength(parts++);
    }
    expect(written).toEqual(goldenFile);
    expect(asked.slice(0, 3)).toEqual(['steps', 'conv_in.bias', 'conv_in.weight']);
  });
});

describe('values', () => {
  test('aligned tensors are views of the file, others are copies', () => {
    const shifted = new Uint8Array(goldenFile.length + 1);
    shifted.set(goldenFile, 1);
    const viewed = readSafetensors(goldenFile).tensors.get('conv_in.bias')!.data;
    const copied = readSafetensors(shifted.subarray(1)).tensors.get('conv_in.bias')!.data;
    expect(viewed.buffer).toBe(goldenFile.buffer);
    expect(copied.buffer).not.toBe(shifted.buffer);
    expect(copied).toEqual(viewed);
  });

  test('bytes become 32-bit integers and 64-bit floats are rounded to 32 bits', () => {
    const data = new Uint8Array(11);
    data.set(new Uint8Array(Float64Array.of(0.1).buffer));
    data.set([0, 200, 255], 8);
    const { tensors } = readSafetensors(
      fileOf(
        { x: { dtype: 'F64', shape: [], data_offsets: [0, 8] }, y: { dtype: 'U8', shape: [3], data_offsets: [8, 11] } },
        data,
      ),
    );
    expect(tensors.get('x')).toEqual(tensor('f32', [], Float32Array.of(0.1)));
    expect(tensors.get('y')).toEqual(tensor('i32', [3], Int32Array.of(0, 200, 255)));
  });

  test('a file without tensors is only its header', () => {
    expect(readSafetensors(writeSafetensors(new Map()))).toEqual({
      tensors: new Map(),
      offsets: new Map(),
      metadata: {},
    });
    expect(readSafetensors(fileOf({ __metadata__: null }))).toEqual({
      tensors: new Map(),
      offsets: new Map(),
      metadata: {},
    });
  });

  test('several empty tensors may lie at one place', () => {
    const { tensors } = readSafetensors(
      fileOf({ a: f32([0], 4, 4), b: f32([2, 0], 0, 0), c: f32([1], 0, 4), d: f32([0], 0, 0) }, 4),
    );
    expect([...tensors.keys()].sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('what is written reads back', () => {
    fc.assert(
      fc.property(tensorMaps, fc.dictionary(names, fc.string({ unit: 'grapheme' })), (tensors, metadata) => {
        const file = writeSafetensors(tensors, metadata);
        const read = readSafetensors(file);
        expect([...read.tensors].sort(byName)).toEqual([...tensors].sort(byName));
        expect({ ...read.metadata }).toEqual({ ...metadata });
        expect(writeSafetensors(read.tensors, read.metadata)).toEqual(file);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

test('the place of each tensor is the byte at which its values begin', () => {
  const { tensors, offsets } = readSafetensors(goldenFile);
  expect([...offsets.keys()].sort()).toEqual([...tensors.keys()].sort());
  const view = new DataView(goldenFile.buffer, goldenFile.byteOffset);
  expect(view.getFloat32(offsets.get('conv_in.bias')!, true)).toBe(Infinity);
  expect(view.getInt32(offsets.get('ids')! + 4, true)).toBe(-2);
});

describe('a file that breaks the format is refused with what, where and how much', () => {
  const cases: [string, Uint8Array, string][] = [
    ['no header length', new Uint8Array(7), "the file has 7 bytes, its first 8 must be the header's length"],
    [
      'an absurd header length',
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 255),
      "the header's length is 18374686479671623680 bytes, the format allows 100000000 (is this a safetensors file?)",
    ],
    [
      'a header beyond the file',
      Uint8Array.of(100, 0, 0, 0, 0, 0, 0, 0, 123),
      'the header ends at byte 108, the file at byte 9 (cut short?)',
    ],
    ['invalid UTF-8', Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 123, 0xff, 125), 'the header (bytes 8 to 11) is not valid'],
    ['invalid JSON', fileOf('{"a":'), 'the header (bytes 8 to 13) is not valid'],
    ['a byte-order mark', fileOf('\ufeff{}'), 'the header (bytes 8 to 13) is not valid'],
    ['an empty header', fileOf(''), 'the header (bytes 8 to 8) is not valid'],
    ['a header that is a list', fileOf([]), 'the header (bytes 8 to 10) must be an object, got []'],
    ['deep nesting', fileOf('['.repeat(100_000)), 'nested deeper than 3 (at character 3)'],
    [
      'a name given twice',
      fileOf(
        '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
        4,
      ),
      'the key "a" appears twice (at character 53)',
    ],
    [
      'a field given twice',
      fileOf('{"a":{"dtype":"F32","dtype":"I32","shape":[],"data_offsets":[0,4]}}', 4),
      'the key "dtype" appears twice',
    ],
    [
      'a name that is a prototype',
      fileOf('{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4),
      'tensor "__proto__": the name is refused',
    ],
    [
      'a name that is no Unicode',
      fileOf('{"\\ud800":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4),
      'the name is not valid Unicode (a lone surrogate)',
    ],
    ['an entry that is no object', fileOf({ a: 3 }), 'tensor "a": expected {dtype, shape, data_offsets}, got 3'],
    [
      'an unknown type',
      fileOf({ a: { ...f32([1], 0, 4), dtype: 'F8_E4M3' } }, 4),
      'tensor "a": unsupported dtype "F8_E4M3" ([1] at byte 66); one of F32, F16, BF16, I32, I64, BOOL, U8, F64',
    ],
    [
      'a type that an object inherits',
      fileOf({ a: { ...f32([1], 0, 4), dtype: 'constructor' } }, 4),
      'tensor "a": unsupported dtype "constructor"',
    ],
    [
      'no type',
      fileOf({ a: { shape: [], data_offsets: [0, 4] } }, 4),
      'tensor "a": unsupported dtype nothing ([] at byte 47)',
    ],
    [
      'a negative extent',
      fileOf({ a: f32([-1, -1], 0, 4) }, 4),
      'tensor "a": shape must be whole numbers from 0, got [-1,-1]',
    ],
    [
      'a broken extent',
      fileOf({ a: f32([0.5], 0, 2) }, 2),
      'tensor "a": shape must be whole numbers from 0, got [0.5]',
    ],
    [
      'an extent as text',
      fileOf({ a: f32(['1'], 0, 4) }, 4),
      'tensor "a": shape must be whole numbers from 0, got ["1"]',
    ],
    [
      'an extent that is not exact',
      fileOf('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 4),
      'tensor "a": shape must be whole numbers from 0',
    ],
    [
      'a size that overflows',
      fileOf({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4),
      'tensor "a": F32[1099511627776, 1099511627776] at byte 88 has too many elements',
    ],
    [
      "a size other than the shape's",
      fileOf({ a: f32([2, 3], 0, 20) }, 20),
      'tensor "a": F32[2, 3] at byte 65 takes 24 bytes, its data_offsets [0, 20] hold 20',
    ],
    [
      'three offsets',
      fileOf({ a: { ...f32([1], 0, 4), data_offsets: [0, 4, 8] } }, 4),
      'tensor "a": data_offsets must be two whole numbers from 0, got [0,4,8]',
    ],
    [
      'offsets the wrong way round',
      fileOf({ a: f32([1], 4, 0) }, 4),
      'tensor "a": F32[1] at byte 66 would end before it begins, its data_offsets are [4, 0]',
    ],
    [
      'data beyond the file',
      fileOf({ a: f32([2], 0, 8) }, 4),
      'tensor "a": F32[2] at byte 62 would end at byte 70, the file ends at byte 66 (cut short?)',
    ],
    [
      'overlapping data',
      fileOf({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12),
      'tensor "b": F32[2] at byte 120 overlaps tensor "a", which ends at byte 124',
    ],
    [
      'a hole',
      fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      'tensor "b": F32[1] at byte 124 leaves a hole after tensor "a", which ends at byte 120',
    ],
    [
      'bytes after the last tensor',
      fileOf({ a: f32([1], 0, 4) }, 5),
      'tensor "a" ends at byte 66, the file at byte 67',
    ],
    ['data without tensors', fileOf({}, 5), 'the header ends at byte 10, the file at byte 15'],
    [
      'a truth value that is neither',
      fileOf({ a: { dtype: 'BOOL', shape: [2], data_offsets: [0, 2] } }, Uint8Array.of(1, 2)),
      'tensor "a": BOOL[2] holds 2 at byte 64, expected 0 or 1',
    ],
    ['metadata that is no object', fileOf({ __metadata__: [1] }), '__metadata__ must be an object, got [1]'],
    ['metadata that is no text', fileOf({ __metadata__: { step: 3 } }), '__metadata__: "step" must be text, got 3'],
    [
      'metadata that is a prototype',
      fileOf('{"__metadata__":{"__proto__":"x"}}'),
      '__metadata__: the key "__proto__" is refused',
    ],
  ];

  test.each(cases)('%s', (_title, file, message) => {
    expect(() => readSafetensors(file)).toThrow(message);
    expect(() => readSafetensors(file)).toThrow(/^readSafetensors: /);
  });
});

describe('whatever the bytes, reading ends in tensors or in a message', () => {
  const reads = (bytes: Uint8Array) => {
    try {
      return readSafetensors(bytes);
    } catch (error) {
      expect((error as Error).message).toMatch(/^readSafetensors: /);
      return undefined;
    }
  };

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void reads(bytes)),
      { seed: 1, numRuns: 2000 },
    );
  });

  test('random JSON under a true header length', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(64), (header, data) => void reads(fileOf(header, data))),
      { seed: 1, numRuns: 1000 },
    );
  });

  test('a valid file with some bytes changed, or cut short', () => {
    const edits = fc.array(fc.tuple(fc.nat(goldenFile.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(edits, fc.nat(goldenFile.length), fc.boolean(), (changes, length, cut) => {
        const bytes = goldenFile.slice(0, cut ? length : undefined);
        for (const [place, byte] of changes) if (place < bytes.length) bytes[place] = byte;
        const read = reads(bytes);
        if (read)
          expect(readSafetensors(writeSafetensors(read.tensors, read.metadata)).tensors.size).toBe(read.tensors.size);
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  test('a valid header with other numbers in it', () => {
    const number = fc.oneof(
      fc.integer({ min: -2, max: 20 }),
      fc.constantFrom(0.5, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, 1e300),
      fc.constant(null),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(number, { maxLength: 3 }), number, number), { maxLength: 3 }),
        fc.nat(40),
        (entries, data) => {
          reads(
            fileOf(
              Object.fromEntries(entries.map(([shape, begin, end], i) => [`t${i}`, f32(shape, begin, end)])),
              data,
            ),
          );
        },
      ),
      { seed: 1, numRuns: 2000 },
    );
  });
});

describe('a tensor that cannot be written is refused', () => {
  const one = Float32Array.of(1);
  const cases: [string, string, unknown, string][] = [
    [
      'a reserved name',
      '__metadata__',
      tensor('f32', [1], one),
      'tensor "__metadata__": the name is reserved by the format',
    ],
    ["a prototype's name", '__proto__', tensor('f32', [1], one), 'tensor "__proto__": the name is refused'],
    ['a broken name', '\ud800', tensor('f32', [1], one), 'the name is not valid Unicode (a lone surrogate)'],
    ['too few values', 'a', tensor('f32', [2], one), 'tensor "a": f32[2] does not hold 1 values'],
    [
      'a shape that is none',
      'a',
      tensor('f32', [-1], one),
      'tensor "a": f32[-1]: the shape must be whole numbers from 0',
    ],
    ['another array', 'a', tensor('i32', [1], one), 'tensor "a": i32[1] must be held in a Int32Array'],
    [
      'an unknown type',
      'a',
      { dtype: 'f64', shape: [1], data: one },
      'tensor "a": unsupported dtype "f64"; one of i64, f32, i32, bf16, f16, i8, bool',
    ],
  ];
  test.each(cases)('%s', (_title, name, value, message) => {
    expect(() => writeSafetensors(new Map([[name, value as SafetensorsTensor]]))).toThrow(
      `writeSafetensors: ${message.startsWith('tensor') ? message : 'tensor'}`,
    );
    expect(() => writeSafetensors(new Map([[name, value as SafetensorsTensor]]))).toThrow(message);
  });

  test('values that are not what was said before them', async () => {
    const parts = safetensorsParts({
      types: new Map([['a', { dtype: 'f32', shape: [2] } as const]]),
      read: async () => tensor('f32', [1], one),
    });
    await parts.next(); // the header
    await expect(parts.next()).rejects.toThrow('writeSafetensors: tensor "a": f32[2] does not hold 1 values');
  });

  test('metadata that is no text', () => {
    expect(() => writeSafetensors(new Map(), { step: 3 } as unknown as Record<string, string>)).toThrow(
      'writeSafetensors: metadata: "step" must be text, got 3',
    );
    expect(() => writeSafetensors(new Map(), { text: '\udc00' })).toThrow(
      'writeSafetensors: metadata: "text" is not valid Unicode',
    );
  });
});

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : a > b ? 1 : 0);

const names = fc
  .string({ unit: 'grapheme', maxLength: 8 })
  .filter((name) => name !== '__proto__' && name !== '__metadata__');

const tensorMaps = fc
  .array(
    fc.tuple(
      names,
      fc.constantFrom<SafetensorsDType>('f32', 'f16', 'bf16', 'i32', 'i64', 'bool'),
      fc.array(fc.nat(3), { maxLength: 3 }),
      fc.integer(),
    ),
  )
  .map(
    (specs) =>
      new Map(
        specs.map(([name, dtype, shape, seed]) => {
          const length = shape.reduce((a, b) => a * b, 1);
          const value = (i: number) => (seed + i * 7919) | 0;
          const data = {
            f32: () => Float32Array.from({ length }, (_, i) => value(i)),
            f16: () => Uint16Array.from({ length }, (_, i) => value(i)),
            bf16: () => Uint16Array.from({ length }, (_, i) => value(i)),
            i32: () => Int32Array.from({ length }, (_, i) => value(i)),
            i64: () => BigInt64Array.from({ length }, (_, i) => BigInt(value(i))),
            bool: () => Uint8Array.from({ length }, (_, i) => value(i) & 1),
          }[dtype]();
          return [name, tensor(dtype, shape, data)] as const;
        }),
      ),
  );
