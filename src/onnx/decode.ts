import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { schemas } from './protobuf.ts';
import type { Field, MessageName, ModelProto, ScalarKind, Schema } from './protobuf.ts';

/**
 * Reads an ONNX model. `rawData` of tensors are views of `bytes`; documentation strings and the like are skipped.
 *
 * @throws "onnx: …" if the bytes are no ONNX model, an integer leaves ±(2⁵³ − 1), or the model holds what our types have no place for
 *   (functions, external data, sequences), or branches within branches more than a few times
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  const reader = new BinaryReader(bytes);
  try {
    return readMessage(reader, 'ModelProto', bytes.length) as ModelProto;
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith('onnx: ')) throw error;
    // The protobuf library's own messages, and DataView's where a number is cut short.
    throw new Error(
      `onnx: not a valid model: ${message} (near byte ${Math.min(reader.pos, bytes.length)} of ${bytes.length})`,
      { cause: error },
    );
  }
}

/** Messages within messages: a model's own take nine, each branch of a condition three more. */
const deepest = 64;

function readMessage(reader: BinaryReader, name: MessageName, end: number, depth = 0): object {
  if (depth > deepest)
    throw new Error(`onnx: messages lie more than ${deepest} deep in each other (at byte ${reader.pos})`);
  const { fields, unsupported } = schemas[name] as Schema;
  const start = reader.pos;
  const message: Record<string, unknown> = {};
  for (const key in fields) if (fields[key]!.rule === 'repeated') message[key] = [];

  while (reader.pos < end) {
    const fieldStart = reader.pos;
    const [no, wireType] = reader.tag();
    const key = keyOf(fields, no);
    if (key === undefined) {
      const lost = unsupported?.[no];
      if (lost !== undefined) throw new Error(`onnx: ${name}.${lost} is not supported (at byte ${fieldStart})`);
      reader.skip(wireType, no);
    } else {
      const field = fields[key]!;
      const where = `${name}.${key}`;
      if (field.rule === 'repeated' || field.rule === 'values')
        readInto(reader, field, wireType, (message[key] ??= []) as unknown[], where, depth);
      // Protobuf would merge or keep the last; no writer does this.
      else if (message[key] !== undefined) throw new Error(`onnx: ${where} appears twice (at byte ${fieldStart})`);
      else message[key] = readOne(reader, field, wireType, where, depth);
    }
    if (reader.pos > end) throw new Error(`onnx: ${name} ends at byte ${end}, its field ${no} at byte ${reader.pos}`);
  }
  for (const key in fields) {
    const { rule } = fields[key]!;
    // A packed list may be written with no numbers in it.
    if (rule === 'values' && (message[key] as unknown[] | undefined)?.length === 0) delete message[key];
    if (rule === 'required' && message[key] === undefined)
      throw new Error(`onnx: ${name}.${key} is missing (bytes ${start} to ${end})`);
  }
  return message;
}

function keyOf(fields: Schema['fields'], no: number): string | undefined {
  for (const key in fields) if (fields[key]!.no === no) return key;
  return undefined;
}

/** A repeated number may come packed or not, whatever the schema prefers. */
function readInto(
  reader: BinaryReader,
  field: Field,
  wireType: WireType,
  list: unknown[],
  where: string,
  depth: number,
): void {
  const kind = field.kind as ScalarKind;
  if (wireType !== WireType.LengthDelimited || wireTypeOf(field.kind) === WireType.LengthDelimited) {
    list.push(readOne(reader, field, wireType, where, depth));
    return;
  }
  const end = readEnd(reader, where);
  while (reader.pos < end) list.push(readNumber(reader, kind, where));
  if (reader.pos > end) throw new Error(`onnx: ${where} ends at byte ${end}, its last number at byte ${reader.pos}`);
}

function readOne(reader: BinaryReader, field: Field, wireType: WireType, where: string, depth: number): unknown {
  const expected = wireTypeOf(field.kind);
  if (wireType !== expected)
    throw new Error(`onnx: ${where} has wire type ${wireType}, expected ${expected} (near byte ${reader.pos})`);
  switch (field.kind) {
    case 'bytes':
      return reader.bytes();
    case 'string':
      return readString(reader, where);
    case 'float':
    case 'int32':
    case 'int64':
      return readNumber(reader, field.kind, where);
    default:
      return readMessage(reader, field.kind, readEnd(reader, where), depth + 1);
  }
}

/** Where the length-delimited value that starts here ends. */
function readEnd(reader: BinaryReader, where: string): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len)
    throw new Error(`onnx: ${where} takes ${length} bytes from byte ${reader.pos}, the model has ${reader.len}`);
  return end;
}

function readString(reader: BinaryReader, where: string): string {
  const start = reader.pos;
  try {
    return reader.string(true);
  } catch (error) {
    throw new Error(`onnx: ${where} is not text (at byte ${start}): ${(error as Error).message}`, { cause: error });
  }
}

function readNumber(reader: BinaryReader, kind: ScalarKind, where: string): number {
  if (kind === 'float') return reader.float();
  if (kind === 'int32') return reader.int32();
  const start = reader.pos;
  const value = Number(reader.int64());
  if (!Number.isSafeInteger(value)) throw new Error(`onnx: ${where} is beyond ±(2^53 − 1) (at byte ${start})`);
  return value;
}

function wireTypeOf(kind: Field['kind']): WireType {
  if (kind === 'float') return WireType.Bit32;
  return kind === 'int32' || kind === 'int64' ? WireType.Varint : WireType.LengthDelimited;
}
