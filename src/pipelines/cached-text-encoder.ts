/** A text encoder that computes each text once. */
import { float32, type HostArray } from '../core/index.ts';
import type { TextCache, TextRecord } from '../data/browser.ts';
import { floatsToHalf, halfToFloats } from '../formats/half.ts';
import { quoteJson } from '../formats/quote.ts';
import type { FrozenTextEncoder, TextFeatures } from './text-encoder.ts';

/** Options of `encodeAhead`. */
export interface EncodeAheadOptions {
  readonly signal?: AbortSignal;
  /** Called as texts are computed: how many of those that were not in the cache. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A text encoder with a cache. */
export interface CachedTextEncoder extends FrozenTextEncoder {
  /**
   * Computes the texts that are not in the cache, each once, those of similar length together: before training, so that its batches only
   * read.
   *
   * @returns how many were computed
   */
  encodeAhead(texts: readonly string[], options?: EncodeAheadOptions): Promise<number>;
}

/** Values of hidden states that are held at a time: 64 MiB. */
const mostValues = 2 ** 24;

/**
 * An encoder whose features come from a cache, and go there. They are rounded to float16, also the first time, so that a text has the same
 * features whenever it is asked for.
 *
 * @param cache  `openTextCache` of the encoder's fingerprint
 */
export function cachedTextEncoder(encoder: FrozenTextEncoder, cache: TextCache): CachedTextEncoder {
  const { maxLength, width, pooledWidth } = encoder;
  const together = Math.max(32, Math.min(1024, Math.floor(mostValues / (maxLength * width))));

  async function encodeAhead(
    texts: readonly string[],
    { signal, onProgress }: EncodeAheadOptions = {},
  ): Promise<number> {
    const missing = [...new Set(texts)].filter((text) => !cache.has(text));
    const counted = missing.map((text) => ({ text, tokens: encoder.countTokens(text) }));
    const sorted = counted.sort((a, b) => a.tokens - b.tokens).map(({ text }) => text);
    for (let first = 0; first < sorted.length; first += together) {
      signal?.throwIfAborted();
      const part = sorted.slice(first, first + together);
      await cache.add(recordsOf(part, await encoder.encode(part)));
      onProgress?.(Math.min(sorted.length, first + together), sorted.length);
    }
    return sorted.length;
  }

  return {
    ...encoder,
    encodeAhead,
    async encode(texts) {
      const distinct = [...new Set(texts)];
      const records = await cache.read(distinct);
      const found = new Map(distinct.flatMap((text, i) => (records[i] ? [[text, records[i]] as const] : [])));
      const missing = distinct.filter((text) => !found.has(text));
      if (missing.length > 0) {
        const fresh = recordsOf(missing, await encoder.encode(missing));
        for (const [text, record] of fresh) found.set(text, record);
        await cache.add(fresh);
      }
      return featuresOf(
        texts.map((text) => found.get(text)!),
        { maxLength, width, pooledWidth },
      );
    },
  };
}

function recordsOf(texts: readonly string[], { hidden, mask, pooled }: TextFeatures): [string, TextRecord][] {
  const [, length, width] = hidden.shape as [number, number, number];
  const pooledWidth = pooled.shape[1]!;
  return texts.map((text, row) => {
    const present = (mask.data as Uint8Array).subarray(row * length, (row + 1) * length);
    const tokens = present.reduce((count, each) => count + each, 0);
    const start = row * length * width;
    const record = {
      hidden: floatsToHalf(hidden.data.subarray(start, start + tokens * width)),
      pooled: floatsToHalf(pooled.data.subarray(row * pooledWidth, (row + 1) * pooledWidth)),
    };
    for (const half of [record.hidden, record.pooled])
      if (half.some((bits) => (bits & 0x7c00) === 0x7c00))
        throw new Error(
          `cachedTextEncoder: the features of ${quoteJson(text)} leave float16 (65504); use the encoder without a cache`,
        );
    return [text, record];
  });
}

function featuresOf(
  records: readonly TextRecord[],
  {
    maxLength,
    width,
    pooledWidth,
  }: { readonly maxLength: number; readonly width: number; readonly pooledWidth: number },
): TextFeatures {
  const hidden = new Float32Array(records.length * maxLength * width);
  const mask = new Uint8Array(records.length * maxLength);
  const pooled = new Float32Array(records.length * pooledWidth);
  for (const [row, record] of records.entries()) {
    hidden.set(halfToFloats(record.hidden), row * maxLength * width);
    mask.fill(1, row * maxLength, row * maxLength + record.hidden.length / width);
    pooled.set(halfToFloats(record.pooled), row * pooledWidth);
  }
  const present: HostArray = { dtype: 'bool', shape: [records.length, maxLength], data: mask };
  return {
    hidden: float32([records.length, maxLength, width], hidden),
    mask: present,
    pooled: float32([records.length, pooledWidth], pooled),
  };
}
