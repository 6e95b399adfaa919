import { readFile, stat } from 'node:fs/promises';
import { describeSystemError } from './system-reason.ts';

/** Why a file has no text, in a few words. */
export interface NoText {
  readonly reason: string;
}

/**
 * The text of a file in UTF-8, without its byte-order mark; or why there is none. Bytes that are no UTF-8 are never replaced: a label
 * that reads `caf�` is another label.
 *
 * @param mostBytes  a larger file is not read
 */
export async function readText(path: string, mostBytes: number = Infinity): Promise<string | NoText> {
  let bytes: Uint8Array;
  try {
    const { size } = await stat(path);
    if (size > mostBytes) return { reason: `has ${size} bytes, expected at most ${mostBytes}` };
    bytes = await readFile(path);
  } catch (error) {
    return { reason: describeSystemError(error) };
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) return { reason: error instanceof Error ? error.message : String(error) };
    const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    return { reason: `is not text in UTF-8${isUtf16 ? ' but in UTF-16' : ''}` };
  }
}
