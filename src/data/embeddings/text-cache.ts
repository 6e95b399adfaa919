/** What a text encoder made of texts, cached on disk in one file that is read by position. */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { keepBounded, markUsed } from '../../files/bounded-folder.ts';
import { noCacheDir } from '../../files/default-cache-dir.ts';
import { appendWhole, writeFileWhole, WriteError } from '../../files/write-file.ts';

/** What an encoder made of one text. */
export interface TextRecord {
  /** [n, D] as float16, the hidden states of its n tokens. */
  readonly hidden: Uint16Array;
  /** [P] as float16. */
  readonly pooled: Uint16Array;
}

/** The texts of one encoder. */
export interface TextCache {
  has(text: string): boolean;
  /** In the order of the texts; undefined for one that is not there, or was damaged. */
  read(texts: readonly string[]): Promise<(TextRecord | undefined)[]>;
  /** Stores texts; a cache that cannot be written keeps them in memory. */
  add(records: readonly (readonly [text: string, record: TextRecord])[]): Promise<void>;
  close(): Promise<void>;
  readonly size: number;
}

/** Options of `openTextCache`. */
export interface TextCacheOptions {
  /** What identifies the encoder and all that its results depend on: SHA-256, in hexadecimal. */
  readonly fingerprint: string;
  /** D. */
  readonly width: number;
  /** P. */
  readonly pooledWidth: number;
  /** Called once if the cache cannot be kept. */
  readonly note?: (line: string) => void;
}

/**
 * A cache file: 8 bytes of magic, the encoder's fingerprint (32), D and P (4 each); then blocks. All numbers are little-endian. A block is
 *
 *     16          mark
 *      4          count of records
 *      4          CRC-32 of the count and the table
 *     24 · count  table: first half of the SHA-256 of a text (16), its tokens n (4), CRC-32 of its values (4)
 *      …          values: n · D and P of float16, record by record
 *      4          the CRC with all bits turned, which the head of no other block with the same table can be taken for
 *
 * It only grows, a block at a time. Opening it reads the tables. What a crash cut short is passed over by looking for the next mark.
 */
const magic = Buffer.from('KUOTEXT1');
const headLength = magic.length + 32 + 8;
const mark = createHash('sha256').update('kuosan: a block of encoded texts').digest().subarray(0, 16);
const blockHead = mark.length + 8;
const entryLength = 24;
const keyLength = 16;
/** Records of a block; more are split. */
const mostRecords = 4096;

/** All files take this much at most: six hundred thousand captions of a MiniLM, a hundred thousand of a T5-XL. */
const mostBytes = 4e9;
/** What is kept in memory where no file can be written. */
const mostMemory = 5e8;

/** Where the values of a text lie. */
interface Place {
  readonly at: number;
  readonly tokens: number;
  readonly crc: number;
}

/**
 * Opens the cache of an encoder.
 *
 * @param cacheDir  undefined keeps nothing on disk
 */
export async function openTextCache(
  cacheDir: string | undefined,
  { fingerprint, width, pooledWidth, note = () => {} }: TextCacheOptions,
): Promise<TextCache> {
  const folder = cacheDir === undefined ? undefined : join(cacheDir, 'texts');
  const path = folder && join(folder, `${fingerprint.slice(0, 24)}.bin`);
  const head = headOf(fingerprint, width, pooledWidth);
  const places = new Map<string, Place>();
  /** What could not be written. */
  const kept = new Map<string, TextRecord>();
  let keptBytes = 0;
  let file = path === undefined ? undefined : await openWhole(path, head);
  let end = headLength;
  let writable = true;
  if (file) {
    end = await scan(file, end, { width, pooledWidth }, places);
    await markUsed(path!);
  }

  const stop = (why: string) => {
    writable = false;
    note(`${why}; set KUOSAN_CACHE to a folder that can be written`);
  };
  const keep = (key: string, record: TextRecord) => {
    keptBytes += record.hidden.byteLength + record.pooled.byteLength;
    if (keptBytes <= mostMemory) kept.set(key, record);
  };
  const append = async (records: readonly (readonly [key: string, record: TextRecord])[]) => {
    const block = blockOf(records, width);
    if (!path) {
      stop(`encoded texts are not cached (${noCacheDir})`);
      return false;
    }
    try {
      if (!file) {
        // Another process may have begun it in the meantime.
        file = await openWhole(path, head);
        if (file) end = await scan(file, headLength, { width, pooledWidth }, places);
      }
      if (file) await appendWhole(path, block);
      else {
        await writeFileWhole(path, [head, block]);
        file = await open(path, 'r');
        end = headLength;
        await keepBounded(folder!, mostBytes);
      }
      end = await scan(file, end, { width, pooledWidth }, places);
      if (places.has(records[0]![0])) return true;
      // Another process bounded the folder, and the file is gone: the next texts begin it anew.
      await file.close();
      file = undefined;
      places.clear();
      return false;
    } catch (error) {
      const reason = error instanceof WriteError ? error.reason : (error as Error).message;
      stop(`encoded texts are not cached in ${JSON.stringify(cacheDir)} (${reason})`);
      return false;
    }
  };

  return {
    get size() {
      return places.size + kept.size;
    },
    has: (text) => {
      const key = keyOf(text);
      return places.has(key) || kept.has(key);
    },
    read: async (texts) =>
      Promise.all(
        texts.map(async (text) => {
          const key = keyOf(text);
          const place = places.get(key);
          if (!place || !file) return kept.get(key);
          const record = await readRecord(file, place, width, pooledWidth);
          if (!record) places.delete(key);
          return record;
        }),
      ),
    async add(records) {
      const fresh = new Map(
        records.map(([text, record]) => [keyOf(text), record] as const).filter(([key]) => !places.has(key)),
      );
      const all = [...fresh];
      for (let first = 0; first < all.length; first += mostRecords) {
        const part = all.slice(first, first + mostRecords);
        if (!writable || !(await append(part))) for (const [key, record] of part) keep(key, record);
      }
    },
    async close() {
      await file?.close();
      file = undefined;
      places.clear();
    },
  };
}

/** Texts are Unicode, but a lone surrogate is not: as its 16 bits, every text has bytes of its own. */
function keyOf(text: string): string {
  return createHash('sha256')
    .update(Buffer.from(text, 'utf16le'))
    .digest('hex')
    .slice(0, 2 * keyLength);
}

function headOf(fingerprint: string, width: number, pooledWidth: number): Buffer {
  const head = Buffer.alloc(headLength);
  magic.copy(head);
  head.write(fingerprint, magic.length, 'hex');
  head.writeUInt32LE(width, magic.length + 32);
  head.writeUInt32LE(pooledWidth, magic.length + 36);
  return head;
}

/** The file, if there is one that begins as it should; any other is written anew. */
async function openWhole(path: string, head: Buffer): Promise<FileHandle | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  const found = await bytesAt(file, 0, headLength).catch(() => undefined);
  if (found?.equals(head)) return file;
  await file.close();
  return undefined;
}

function blockOf(records: readonly (readonly [key: string, record: TextRecord])[], width: number): Buffer {
  const values = records.map(([, { hidden, pooled }]) => Buffer.concat([bytesOf(hidden), bytesOf(pooled)]));
  const table = Buffer.alloc(4 + records.length * entryLength);
  table.writeUInt32LE(records.length);
  for (const [i, [key, { hidden }]] of records.entries()) {
    const at = 4 + i * entryLength;
    table.write(key, at, 'hex');
    table.writeUInt32LE(hidden.length / width, at + keyLength);
    table.writeUInt32LE(crc32(values[i]!), at + keyLength + 4);
  }
  const [crc, end] = [Buffer.alloc(4), Buffer.alloc(4)];
  crc.writeUInt32LE(crc32(table));
  end.writeUInt32LE(turned(crc32(table)));
  return Buffer.concat([mark, table.subarray(0, 4), crc, table.subarray(4), ...values, end]);
}

function turned(crc: number): number {
  return ~crc >>> 0;
}

function bytesOf(values: Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The bytes at a position, or undefined where the file ends before. */
async function bytesAt(file: FileHandle, at: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return bytes;
}

/**
 * Reads the tables of the blocks from a position on.
 *
 * @returns where the next block will be found
 */
async function scan(
  file: FileHandle,
  from: number,
  sizes: { readonly width: number; readonly pooledWidth: number },
  places: Map<string, Place>,
): Promise<number> {
  for (let at = from; ;) {
    const next = await readTable(file, at, sizes, places);
    if (next === undefined) {
      // Cut short, or not yet whole: another block may follow.
      const found = await findMark(file, at + 1);
      if (found === undefined) return at;
      at = found;
    } else at = next;
    if ((await bytesAt(file, at, 1)) === undefined) return at;
  }
}

/** @returns the end of the block, or undefined if there is no whole one */
async function readTable(
  file: FileHandle,
  at: number,
  { width, pooledWidth }: { readonly width: number; readonly pooledWidth: number },
  places: Map<string, Place>,
): Promise<number | undefined> {
  const head = await bytesAt(file, at, blockHead);
  if (!head?.subarray(0, mark.length).equals(mark)) return undefined;
  const count = head.readUInt32LE(mark.length);
  if (count > mostRecords) return undefined;
  const table = await bytesAt(file, at + blockHead, count * entryLength);
  if (!table) return undefined;
  const crc = head.readUInt32LE(mark.length + 4);
  if (crc32(table, crc32(head.subarray(mark.length, mark.length + 4))) !== crc) return undefined;
  let place = at + blockHead + table.length;
  const found: [string, Place][] = [];
  for (let i = 0; i < count; i++) {
    const entry = table.subarray(i * entryLength, (i + 1) * entryLength);
    const tokens = entry.readUInt32LE(keyLength);
    found.push([entry.toString('hex', 0, keyLength), { at: place, tokens, crc: entry.readUInt32LE(keyLength + 4) }]);
    place += 2 * (tokens * width + pooledWidth);
  }
  if ((await bytesAt(file, place, 4))?.readUInt32LE() !== turned(crc)) return undefined;
  for (const [key, each] of found) places.set(key, each);
  return place + 4;
}

/** Bytes that are looked through at a time. */
const pieceLength = 2 ** 20;

async function findMark(file: FileHandle, from: number): Promise<number | undefined> {
  const piece = Buffer.alloc(pieceLength);
  for (let at = from; ; at += pieceLength - mark.length) {
    const { bytesRead } = await file.read(piece, 0, pieceLength, at);
    const found = piece.subarray(0, bytesRead).indexOf(mark);
    if (found >= 0) return at + found;
    if (bytesRead < pieceLength) return undefined;
  }
}

async function readRecord(
  file: FileHandle,
  { at, tokens, crc }: Place,
  width: number,
  pooledWidth: number,
): Promise<TextRecord | undefined> {
  const count = tokens * width + pooledWidth;
  const bytes = await bytesAt(file, at, 2 * count);
  if (!bytes || crc32(bytes) !== crc) return undefined;
  const values = new Uint16Array(bytes.buffer, bytes.byteOffset, count);
  return { hidden: values.subarray(0, tokens * width), pooled: values.subarray(tokens * width) };
}
