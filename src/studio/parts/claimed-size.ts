/** The extents that an image file says it has, read from its first bytes: what is too large is refused before it is decoded. */

/** Width and height in pixels. */
export interface Extents {
  readonly width: number;
  readonly height: number;
}

/** How much of a file is enough: a JPEG has its metadata, segments of at most 64 kB, before its extents. */
export const headBytes = 256 * 1024;

/**
 * The extents in the header of a PNG, GIF, JPEG or WebP.
 *
 * @param bytes  the first `headBytes` of the file
 * @returns undefined if it is another file, or if its header does not say
 */
export function claimedSize(bytes: Uint8Array): Extents | undefined {
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (head.byteLength < 10) return undefined;
  const magic = head.getUint32(0);
  if (magic === 0x89504e47 && head.byteLength >= 24) return { width: head.getUint32(16), height: head.getUint32(20) };
  if (magic === 0x47494638) return { width: head.getUint16(6, true), height: head.getUint16(8, true) };
  if (magic >>> 8 === 0xffd8ff) return ofJpeg(head);
  if (magic === 0x52494646 && head.byteLength >= 30 && head.getUint32(8) === 0x57454250) return ofWebp(head);
  return undefined;
}

/** Segments follow each other, each with its length, until the frame (SOF). */
function ofJpeg(head: DataView): Extents | undefined {
  for (let at = 2; at + 9 <= head.byteLength;) {
    if (head.getUint8(at) !== 0xff) return undefined;
    const marker = head.getUint8(at + 1);
    // Any number of 0xff may stand before a marker.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isTable = marker === 0xc4 || marker === 0xc8 || marker === 0xcc;
    if (marker >= 0xc0 && marker <= 0xcf && !isTable)
      return { width: head.getUint16(at + 7), height: head.getUint16(at + 5) };
    at += 2 + head.getUint16(at + 2);
  }
  return undefined;
}

/** One of three chunks comes first: lossy, lossless, or a canvas of what follows. */
function ofWebp(head: DataView): Extents | undefined {
  switch (head.getUint32(12)) {
    case 0x56503820: // 'VP8 '
      return { width: head.getUint16(26, true) & 0x3fff, height: head.getUint16(28, true) & 0x3fff };
    case 0x5650384c: {
      // 'VP8L': 14 bits each, less one, after a byte of signature.
      const bits = head.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 0x56503858: // 'VP8X': 24 bits each, less one.
      return {
        width: (head.getUint32(24, true) & 0xffffff) + 1,
        height: (head.getUint16(27, true) | (head.getUint8(29) << 16)) + 1,
      };
    default:
      return undefined;
  }
}
