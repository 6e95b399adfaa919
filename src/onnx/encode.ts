import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Bytes } from '../formats/index.ts';
import { schemas } from './protobuf.ts';
import type { Field, MessageName, ModelProto, Schema } from './protobuf.ts';

/** From this size on, bytes are kept by reference and copied once, into the result. */
const largeBytes = 4096;
/** What protobuf readers accept. */
const largestModel = 2 ** 31 - 1;

/**
 * Writes an ONNX model.
 *
 * Equal models give equal bytes (fields by number, as Python's library writes them). Weights are copied once.
 *
 * @throws if a value is not of its field's type, a required one is missing, an integer is not exact, or the model passes protobuf's 2 GiB
 */
export function encodeModel(model: ModelProto): Bytes {
  const pieces = new Pieces();
  writeMessage(pieces, 'ModelProto', model, 'model');
  const chunks = pieces.finish();
  const size = byteLength(chunks);
  if (size > largestModel) throw new Error(`onnx: the model takes ${size} bytes, protobuf allows ${largestModel}`);
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** The bytes so far, as a list: small fields gathered in a writer, large ones by reference. */
class Pieces {
  readonly writer = new BinaryWriter();
  private readonly chunks: Uint8Array[] = [];

  append(chunks: readonly Uint8Array[]): void {
    this.flush();
    for (const chunk of chunks) this.chunks.push(chunk);
  }

  finish(): readonly Uint8Array[] {
    this.flush();
    return this.chunks;
  }

  private flush(): void {
    const written = this.writer.finish();
    if (written.length > 0) this.chunks.push(written);
  }
}

function byteLength(chunks: readonly Uint8Array[]): number {
  let total = 0;
  for (const chunk of chunks) total += chunk.length;
  return total;
}

/** @param path  where we are, for messages: `model.graph.node[3]` */
function writeMessage(pieces: Pieces, name: MessageName, message: object, path: string): void {
  if (typeof message !== 'object' || message === null)
    throw new Error(`onnx: ${path} must be a ${name}, got ${message}`);
  const { fields } = schemas[name] as Schema;
  for (const key in fields) {
    const field = fields[key]!;
    const value = (message as Readonly<Record<string, unknown>>)[key];
    if (field.rule === 'repeated' || (field.rule === 'values' && value !== undefined)) {
      if (!Array.isArray(value)) throw new Error(`onnx: ${path}.${key} must be a list, got ${value}`);
      if (field.packed) writePacked(pieces, field, value, `${path}.${key}`);
      else for (let i = 0; i < value.length; i++) writeField(pieces, field, value[i], path, key, i);
    } else if (value !== undefined) {
      writeField(pieces, field, value, path, key);
    } else if (field.rule === 'required') {
      throw new Error(`onnx: ${path}.${key} is missing`);
    }
  }
}

function writeField(pieces: Pieces, field: Field, value: unknown, path: string, key: string, index?: number): void {
  const { no, kind } = field;
  // A closure, since the path is only needed for messages and a model has a hundred thousand fields.
  const place = () => (index === undefined ? `${path}.${key}` : `${path}.${key}[${index}]`);
  switch (kind) {
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw new Error(`onnx: ${place()} must be bytes, got ${value}`);
      writeLengthDelimited(pieces, no, [value], place);
      return;
    case 'string':
      if (typeof value !== 'string') throw new Error(`onnx: ${place()} must be text, got ${value}`);
      pieces.writer.tag(no, WireType.LengthDelimited).string(value);
      return;
    case 'float':
    case 'int32':
    case 'int64':
      pieces.writer.tag(no, kind === 'float' ? WireType.Bit32 : WireType.Varint);
      writeNumber(pieces.writer, kind, value, place);
      return;
    default: {
      const inner = new Pieces();
      writeMessage(inner, kind, value as object, place());
      writeLengthDelimited(pieces, no, inner.finish(), place);
    }
  }
}

function writePacked(pieces: Pieces, field: Field, values: readonly unknown[], path: string): void {
  if (values.length === 0) return;
  const inner = new Pieces();
  for (let i = 0; i < values.length; i++) writeNumber(inner.writer, field.kind, values[i], () => `${path}[${i}]`);
  writeLengthDelimited(pieces, field.no, inner.finish(), () => path);
}

function writeLengthDelimited(pieces: Pieces, no: number, content: readonly Uint8Array[], place: () => string): void {
  const size = byteLength(content);
  if (size > largestModel) throw new Error(`onnx: ${place()} takes ${size} bytes, protobuf allows ${largestModel}`);
  pieces.writer.tag(no, WireType.LengthDelimited).uint32(size);
  if (size >= largeBytes) pieces.append(content);
  else for (const chunk of content) pieces.writer.raw(chunk);
}

function writeNumber(writer: BinaryWriter, kind: Field['kind'], value: unknown, place: () => string): void {
  if (kind === 'float') {
    // The nearest float32; only a number too large for one is refused.
    const fits = typeof value === 'number' && (!Number.isFinite(value) || Number.isFinite(Math.fround(value)));
    if (!fits) throw new Error(`onnx: ${place()} must be a 32-bit float, got ${value}`);
    writer.float(value);
  } else if (kind === 'int32') {
    if (typeof value !== 'number' || value !== (value | 0))
      throw new Error(`onnx: ${place()} must be a 32-bit integer, got ${value}`);
    writer.int32(value);
  } else {
    if (!Number.isSafeInteger(value))
      throw new Error(`onnx: ${place()} must be an integer within ±(2^53 − 1), got ${value}`);
    writer.int64(value as number);
  }
}
