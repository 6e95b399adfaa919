/** Embeddings of images, each computed once. */
import { float32, type FloatArray } from '../../core/index.ts';
import type { ClipEncoder } from '../../pipelines/index.ts';
import { seenBy, type ClipImage } from './clip-images.ts';

const kept = new WeakMap<ClipEncoder, Map<string, Float32Array>>();

/** Images between two reports of progress. */
const chunk = 24;

/**
 * Image embeddings of length 1.
 *
 * @param onDone  how many of those that were not known are embedded
 * @returns       [N, D]
 * @throws the signal's reason on abort
 */
export async function imageEmbeddings(
  encoder: ClipEncoder,
  images: readonly ClipImage[],
  { signal, onDone }: { readonly signal: AbortSignal; readonly onDone?: (done: number, of: number) => void },
): Promise<FloatArray> {
  const known = kept.get(encoder) ?? new Map<string, Float32Array>();
  kept.set(encoder, known);
  const missing = images.filter(({ key }) => !known.has(key));
  for (let first = 0; first < missing.length; first += chunk) {
    signal.throwIfAborted();
    const some = missing.slice(first, first + chunk);
    const { data } = await encoder.embedImages(seenBy(encoder, some));
    for (const [i, { key }] of some.entries())
      known.set(key, Float32Array.from(data.subarray(i * encoder.dim, (i + 1) * encoder.dim)));
    onDone?.(first + some.length, missing.length);
  }
  const all = new Float32Array(images.length * encoder.dim);
  for (const [i, { key }] of images.entries()) all.set(known.get(key)!, i * encoder.dim);
  return float32([images.length, encoder.dim], all);
}
