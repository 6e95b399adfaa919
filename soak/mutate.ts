/** Damages files, each time in another way, as a function of a random stream alone. */
import type { RandomStream } from '../src/core/index.ts';

/** Numbers that break what is careless with them. */
const numbers = [
  '-1',
  '0',
  '-0',
  '0.5',
  '1e9',
  '2147483648',
  '4294967295',
  '9007199254740993',
  '1e300',
  '1e999',
  '-1e999',
  'NaN',
  'Infinity',
  '99999999999999999999',
  '1e-320',
];
/** Text that breaks what is careless with it. */
const words = [
  'null',
  'true',
  '""',
  '[]',
  '{}',
  '[[]]',
  '"__proto__"',
  '"constructor"',
  '../',
  '/',
  '\0',
  '\ufeff',
  '\\ud800',
  '\r',
  '\n\n',
  '"',
  '\\',
  '//',
  '/*',
  '%00',
  '💥',
  'e\u0301',
];

function pick<T>(list: readonly T[], random: RandomStream): T {
  return list[random.integer(list.length)]!;
}

/**
 * A damaged copy of a file.
 *
 * @param others  files of the same kind, parts of which may get into this one
 */
export function mutated(file: Uint8Array, others: readonly Uint8Array[], random: RandomStream): Uint8Array {
  const json = random.integer(2) === 0 ? mutatedJson(file, random) : undefined;
  if (json) return json;
  let bytes = Buffer.from(file);
  for (let changes = 1 + random.integer(4); changes > 0; changes--) bytes = changed(bytes, others, random);
  return bytes;
}

function changed(bytes: Buffer<ArrayBuffer>, others: readonly Uint8Array[], random: RandomStream): Buffer<ArrayBuffer> {
  if (bytes.length === 0) return Buffer.from([random.integer(256)]);
  const at = random.integer(bytes.length);
  // Most formats have their lengths and types in front.
  const early = random.integer(Math.min(bytes.length, 64));
  const end = at + 1 + random.integer(Math.min(64, bytes.length - at));
  switch (random.integer(11)) {
    case 0:
      bytes[at]! ^= 1 << random.integer(8);
      return bytes;
    case 1:
      bytes[early] = pick([0, 1, 127, 128, 255, random.integer(256)], random);
      return bytes;
    case 2:
      return integerAt(bytes, random.integer(2) === 0 ? early : at, random);
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 5:
      return Buffer.concat([
        bytes.subarray(0, end),
        ...Array.from({ length: 1 + random.integer(3) }, () => bytes.subarray(at, end)),
        bytes.subarray(end),
      ]);
    case 6:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(Array.from({ length: 1 + random.integer(16) }, () => random.integer(256))),
        bytes.subarray(at),
      ]);
    case 7: {
      const other = Buffer.from(pick(others, random));
      const from = random.integer(Math.max(1, other.length));
      return Buffer.concat([
        bytes.subarray(0, at),
        other.subarray(from, from + 1 + random.integer(256)),
        bytes.subarray(end),
      ]);
    }
    case 8:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(
          random.integer(8) === 0 ? pick(['x', '[', '{"a":', '9'], random).repeat(20_000) : pick(words, random),
        ),
        bytes.subarray(random.integer(2) === 0 ? at : end),
      ]);
    case 9:
      return numberChanged(bytes, random);
    default:
      return bytes.fill(pick([0, 255, 32], random), at, end);
  }
}

/** Puts an integer of 2, 4 or 8 bytes somewhere, in either order: lengths, offsets, extents. */
function integerAt(bytes: Buffer<ArrayBuffer>, at: number, random: RandomStream): Buffer<ArrayBuffer> {
  const width = pick([2, 4, 8], random);
  if (at + width > bytes.length) return bytes;
  const value = pick(
    [
      0n,
      1n,
      -1n,
      2n ** 31n - 1n,
      2n ** 31n,
      2n ** 53n,
      2n ** 62n,
      BigInt(bytes.length),
      BigInt(bytes.length + 1),
      BigInt(random.integer(65536)),
    ],
    random,
  );
  const view = Buffer.alloc(8);
  view.writeBigInt64LE(BigInt.asIntN(64, value));
  const part = view.subarray(0, width);
  bytes.set(random.integer(2) === 0 ? part : part.reverse(), at);
  return bytes;
}

/** Replaces a number that is written in digits. */
function numberChanged(bytes: Buffer<ArrayBuffer>, random: RandomStream): Buffer<ArrayBuffer> {
  const found = [...bytes.toString('latin1').matchAll(/\d+(\.\d+)?/g)];
  if (found.length === 0) return bytes;
  const { index, 0: digits } = pick(found, random);
  return Buffer.concat([
    bytes.subarray(0, index),
    Buffer.from(pick(numbers, random)),
    bytes.subarray(index + digits.length),
  ]);
}

/** A JSON text with other values at some places; undefined where the file is none. */
function mutatedJson(file: Uint8Array, random: RandomStream): Uint8Array | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(file).toString());
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (let changes = 1 + random.integer(3); changes > 0; changes--) {
    const { holder, key } = placeIn(value, random);
    switch (random.integer(4)) {
      case 0:
        delete holder[key];
        break;
      case 1:
        holder[pick(['extra', '__proto__', '', 'toString', '_class_name', key.toUpperCase()], random)] =
          strange(random);
        break;
      default:
        define(holder, key, strange(random));
    }
  }
  return Buffer.from(JSON.stringify(value));
}

function define(holder: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

/** An object or a list inside of a value, and one of its keys. */
function placeIn(
  value: object,
  random: RandomStream,
): { readonly holder: Record<string, unknown>; readonly key: string } {
  let holder = value as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(holder);
    const key = keys.length === 0 ? 'extra' : pick(keys, random);
    const inner = holder[key];
    if (typeof inner !== 'object' || inner === null || random.integer(3) === 0) return { holder, key };
    holder = inner as Record<string, unknown>;
  }
}

function strange(random: RandomStream): unknown {
  const deep = () => {
    let value: unknown = 1;
    for (let depth = random.integer(1000); depth > 0; depth--) value = [value];
    return value;
  };
  return pick<() => unknown>(
    [
      () => null,
      () => true,
      () => '',
      () => 'x'.repeat(random.integer(8) === 0 ? 50_000 : 5),
      () => [],
      () => ({}),
      () => [[]],
      () => -1,
      () => 0,
      () => 0.5,
      () => 1e9,
      () => 2 ** 31,
      () => 2 ** 53,
      () => 1e300,
      () => random.integer(100),
      () => -random.integer(1000),
      () => Array.from({ length: random.integer(40) }, () => random.integer(1000)),
      () => ({ a: 1, b: [2] }),
      deep,
      () => '__proto__',
      () => '\ud800',
      () => '../../etc',
    ],
    random,
  )();
}
