/** How well images show their prompts, as a CLIP sees it: R-precision and the CLIP score. */
import { readClipFolder, resolveModel } from '../checkpoint/index.ts';
import type { Executor, FloatArray } from '../core/index.ts';
import { readTokenizer } from '../data/index.ts';
import { openClipEncoder, rank, type ImageShape } from '../pipelines/index.ts';
import { readClipFeatures } from './clip-features.ts';
import { featuresName } from './feature-source.ts';
import { quantize } from './quantize.ts';

/** What was found of images and their prompts. */
export interface TextAlignment {
  readonly count: number;
  /** The share of images that are nearest to their own prompt among all candidates: CLIP R-precision. */
  readonly top1: number;
  /** The share whose own prompt is among the five nearest. */
  readonly top5: number;
  /** The mean of 100 · max(cos(image, prompt), 0). */
  readonly clipScore: number;
}

/** Measures images against the prompts that they were generated from. */
export interface AlignmentMeter {
  /** What a person calls the CLIP. */
  readonly clip: string;
  /** How many different texts an image is compared with. */
  readonly candidates: number;
  /**
   * @param images   [N, C, H, W] in [−1, 1]; they are rounded to 256 levels, as files are
   * @param prompts  [N], each one of the candidates
   */
  add(images: FloatArray, prompts: readonly string[]): Promise<void>;
  /** What was found of the images since the last call. */
  take(): TextAlignment;
  dispose(): Promise<void>;
}

/**
 * Opens a CLIP as a judge of images and prompts. It should be one that the generator was neither trained nor selected with.
 *
 * Texts that are the same tokens to the CLIP count as one candidate.
 *
 * @param source      a CLIP's name, run or folder
 * @param candidates  the texts that an image's own prompt has to be found among
 * @throws one line if the folder holds no CLIP, it cannot see such images, or there are fewer than two candidates
 * @see Park et al. 2021 (CLIP R-precision) — https://openreview.net/forum?id=bKBhQhPeKaF; Hessel et al. 2021 (CLIP score) — https://arxiv.org/abs/2104.08718
 */
export async function openAlignmentMeter(
  executor: Executor,
  source: string,
  { imageShape, candidates }: { readonly imageShape: ImageShape; readonly candidates: readonly string[] },
): Promise<AlignmentMeter> {
  const dir = await resolveModel(source, { kind: 'clip' });
  const { tokenizer: read, ...loaded } = await readClipFolder(dir);
  const tokenizer = readTokenizer(read, source);
  const encoder = openClipEncoder(executor, { ...loaded, tokenizer });
  const features = await (await readClipFeatures(source, dir)).open(executor, imageShape);

  const numbers = new Map<string, number>();
  const distinct: string[] = [];
  const keyOf = (text: string) => tokenizer.encode(text).slice(0, encoder.contextLength).join(' ');
  for (const text of candidates) {
    const key = keyOf(text);
    if (numbers.has(key)) continue;
    numbers.set(key, distinct.length);
    distinct.push(text);
  }
  if (distinct.length < 2)
    throw new Error(`CLIP R-precision: an image's prompt is found among two or more, got ${distinct.length}`);
  const { embeddings: texts } = await encoder.embedTexts(distinct);

  let [count, first, amongFive, cosines] = [0, 0, 0, 0];
  return {
    clip: featuresName(source),
    candidates: distinct.length,
    async add(images, prompts) {
      const found = rank(unit(await features.extract(quantize(images))), texts, distinct.length);
      for (const [i, row] of found.entries()) {
        const own = numbers.get(keyOf(prompts[i]!));
        const place = row.findIndex(({ index }) => index === own);
        if (place < 0) throw new Error(`CLIP R-precision: ${JSON.stringify(prompts[i])} is not among the candidates`);
        count++;
        first += Number(place === 0);
        amongFive += Number(place < 5);
        cosines += Math.max(row[place]!.cosine, 0);
      }
    },
    take() {
      const found = { count, top1: first / count, top5: amongFive / count, clipScore: (100 * cosines) / count };
      [count, first, amongFive, cosines] = [0, 0, 0, 0];
      return found;
    },
    async dispose() {
      await features.dispose();
      await encoder.dispose();
    },
  };
}

/** Rows of [N, D] with length 1. */
function unit({ shape, data, ...rest }: FloatArray): FloatArray {
  const [, dim = 1] = shape;
  const out = Float32Array.from(data);
  for (let start = 0; start < out.length; start += dim) {
    const row = out.subarray(start, start + dim);
    const length = Math.hypot(...row) || 1;
    for (let d = 0; d < dim; d++) row[d]! /= length;
  }
  return { ...rest, shape, data: out } as FloatArray;
}
