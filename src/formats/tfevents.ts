/**
 * TensorBoard's event files: TFRecords of `Event` messages.
 *
 *     8 bytes  length n of the message, little-endian
 *     4 bytes  masked CRC-32C of those 8
 *     n bytes  the message, in protobuf
 *     4 bytes  masked CRC-32C of the message
 *
 * @see https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 * @see https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Bytes } from './bytes.ts';
import { crc32c } from './crc32c.ts';

/** One value of one step: a number, or an image as the bytes of a PNG file. */
export type SummaryValue =
  | { readonly tag: string; readonly scalar: number }
  | {
      readonly tag: string;
      readonly png: Uint8Array;
      readonly width: number;
      readonly height: number;
      readonly channels: 1 | 3 | 4;
    };

/**
 * The content of an event: the file version (always the first), that a run starts at this step, so that what an earlier file has from
 * there on is void, or the values of a step.
 */
export type EventContent =
  | { readonly kind: 'version' }
  | { readonly kind: 'start'; readonly step: number }
  | { readonly kind: 'values'; readonly step: number; readonly values: readonly SummaryValue[] };

/** Field numbers of event.proto and summary.proto. */
const eventField = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const valueField = { tag: 1, scalar: 2, image: 4 } as const;
const imageField = { height: 1, width: 2, channels: 3, bytes: 4 } as const;
const sessionStart = 1;

/**
 * The bytes of one event, to be appended to a file.
 *
 * @param wallTime  seconds since 1970
 */
export function encodeEvent(wallTime: number, content: EventContent): Bytes {
  const event = new BinaryWriter().tag(eventField.wallTime, WireType.Bit64).double(wallTime);
  if (content.kind !== 'version' && content.step !== 0) event.tag(eventField.step, WireType.Varint).int64(content.step);
  switch (content.kind) {
    case 'version':
      event.tag(eventField.fileVersion, WireType.LengthDelimited).string('brain.Event:2');
      break;
    case 'start':
      event
        .tag(eventField.sessionLog, WireType.LengthDelimited)
        .fork()
        .tag(1, WireType.Varint)
        .int32(sessionStart)
        .join();
      break;
    case 'values':
      event.tag(eventField.summary, WireType.LengthDelimited).fork();
      for (const value of content.values) writeValue(event.tag(1, WireType.LengthDelimited).fork(), value).join();
      event.join();
  }
  return record(event.finish());
}

function writeValue(writer: BinaryWriter, value: SummaryValue): BinaryWriter {
  writer.tag(valueField.tag, WireType.LengthDelimited).string(value.tag);
  if ('scalar' in value) return writer.tag(valueField.scalar, WireType.Bit32).float(value.scalar);
  return writer
    .tag(valueField.image, WireType.LengthDelimited)
    .fork()
    .tag(imageField.height, WireType.Varint)
    .int32(value.height)
    .tag(imageField.width, WireType.Varint)
    .int32(value.width)
    .tag(imageField.channels, WireType.Varint)
    .int32(value.channels)
    .tag(imageField.bytes, WireType.LengthDelimited)
    .bytes(value.png)
    .join();
}

function record(message: Uint8Array): Bytes {
  const bytes = new Uint8Array(message.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(message, 12);
  view.setUint32(12 + message.length, maskedCrc(message), true);
  return bytes;
}

/** A checksum of data that holds its own checksum says little; TFRecord therefore rotates it by 15 bits and adds a constant. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
