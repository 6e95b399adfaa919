/** What a file says that it holds, against what its bytes can hold: a few bytes must not ask for a gigabyte. */

/** The widest and highest image; far above any camera's and scanner's. libvips reads whole rows. */
export const mostSide = 262_144;

/** Deflate makes at most 258 bytes of two bits. */
const mostDeflated = 1032;
/** A code of GIF's LZW has three bits or more and stands for at most 4,096 pixels. */
const mostLzw = (8 / 3) * 4096;

const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * What is wrong with the size that a PNG or a GIF claims, or undefined: a side that is too long, or more pixels than its
 * compression can make of so many bytes. Other formats have no such bound, and shorter sides.
 */
export function claimProblem(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 26 && view.getUint32(0) === 0x89504e47) {
    const [width, height] = [view.getUint32(16), view.getUint32(20)];
    const bits = bytes[24]! * (channelsOf[bytes[25]!] ?? 1);
    if (Math.max(width, height) > mostSide) return tooLong(width, height);
    return isMore(height * Math.ceil((width * bits) / 8), mostDeflated, bytes);
  }
  if (bytes.length >= 13 && view.getUint32(0) === 0x47494638) {
    const frame = firstFrame(bytes);
    if (!frame) return undefined;
    const [left, top, width, height] = [0, 2, 4, 6].map((at) => view.getUint16(frame + at, true)) as [
      number,
      number,
      number,
      number,
    ];
    // What stands out of the screen makes it larger.
    const isInside = left + width <= view.getUint16(6, true) && top + height <= view.getUint16(8, true);
    return isMore(isInside ? width * height : (left + width) * (top + height), mostLzw, bytes);
  }
  return undefined;
}

/** An image that is wider or higher than `mostSide`. */
export function tooLong(width: number, height: number): string {
  return `${width} × ${height} pixels, more than ${mostSide.toLocaleString('en-US')} on a side`;
}

function isMore(values: number, most: number, { length }: Uint8Array): string | undefined {
  return values > most * length ? 'truncated or damaged (it claims more pixels than so few bytes can hold)' : undefined;
}

/** Where the description of a GIF's first image begins, after what comes before it; undefined if there is none. */
function firstFrame(bytes: Uint8Array): number | undefined {
  const tableOf = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + tableOf(bytes[10]!);
  // Extensions: two bytes, then blocks with their length before them, until one of length 0.
  while (bytes[at] === 0x21) {
    at += 2;
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1;
    at++;
  }
  return bytes[at] === 0x2c && at + 9 <= bytes.length ? at + 1 : undefined;
}
