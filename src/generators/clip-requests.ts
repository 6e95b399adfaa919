/** Requests that begin with images in the place of texts, for generators that bring a CLIP: what DALL·E 2 is for. */
import { float32, type FloatArray } from '../core/index.ts';
import { takeRows, type Sampling } from '../diffusion/index.ts';
import { cosine, fromFirstComponents, pathBetween, textDiff, type PrincipalComponents } from '../pipelines/index.ts';
import type { GeneratorClip, GenerateProgress, GenerateRequest, ImageGenerator } from './image-generator.ts';

/** What else a request says. */
export type ClipRequest = Pick<GenerateRequest, 'seed' | 'first' | 'sampling' | 'signal'>;

/** Guidance moves an image away from the noise that was found for it, so there is none where noise is kept unless it is asked for. */
const unguided: Sampling = { guidanceScale: 1 };

/** How much noise steps add where the noise of an image is kept: enough for images that differ. */
export const preservedEta = 0.3;

/** @throws if the generator brings no CLIP */
export function clipOf({ clip }: Pick<ImageGenerator, 'clip'>): GeneratorClip {
  if (!clip)
    throw new Error('this model brings no CLIP, so images mean nothing to it but their pixels; take a DALL·E 2');
  return clip;
}

/**
 * Variations of an image: other images with its embedding.
 *
 * @param image     [C, H, W] in [−1, 1], of any size; of the decoder's where noise is preserved
 * @param preserve  begin with the noise that DDIM inversion finds for the image, so that what the embedding does not say
 *   stays near
 * @see Ramesh et al. 2022 (unCLIP), section 3.1 — https://arxiv.org/abs/2204.06125
 */
export async function variationRequest(
  generator: ImageGenerator,
  {
    image,
    count,
    preserve = false,
    ...request
  }: ClipRequest & { readonly image: FloatArray; readonly count: number; readonly preserve?: boolean },
): Promise<GenerateRequest> {
  const embeddings = await embedded(generator, [image]);
  if (!preserve) return { ...request, count, embeddings };
  const sampling = { ...unguided, eta: preservedEta, ...request.sampling, sampler: 'ddim' as const };
  const noise = await inverted(generator, { ...request, sampling, image, embeddings });
  return { ...request, count, embeddings, noise, sampling };
}

/**
 * Images on the way from image to image: embeddings and inverted noise go along arcs.
 *
 * @param images  [C, H, W] in [−1, 1] each, two or more, of the decoder's size
 * @param frames  from one end to the next, both included
 * @see Ramesh et al. 2022 (unCLIP), section 3.2 — https://arxiv.org/abs/2204.06125
 */
export async function interpolationRequest(
  generator: ImageGenerator,
  { images, frames, ...request }: ClipRequest & { readonly images: readonly FloatArray[]; readonly frames: number },
): Promise<GenerateRequest> {
  const ends = await embedded(generator, images);
  const sampling = { ...unguided, ...request.sampling, sampler: 'ddim' as const, eta: 0 };
  const noises: FloatArray[] = [];
  for (const [i, image] of images.entries())
    noises.push(await inverted(generator, { ...request, sampling, image, embeddings: takeRows(ends, [i]) }));
  const embeddings = pathBetween(ends, frames);
  return { ...request, count: embeddings.shape[0]!, embeddings, noise: pathBetween(stacked(noises), frames), sampling };
}

/**
 * An image turned step by step towards what one text says and another does not, from its own noise.
 *
 * @param turn    how far at most, as a share of the angle between the image and the difference of the texts; default 0.4
 * @param frames  images, the first the image itself; 1 gives the last alone
 * @see Ramesh et al. 2022 (unCLIP), section 3.3 — https://arxiv.org/abs/2204.06125
 */
export async function textDiffRequest(
  generator: ImageGenerator,
  {
    image,
    from,
    to,
    turn = 0.4,
    frames = 1,
    ...request
  }: ClipRequest & {
    readonly image: FloatArray;
    readonly from: string;
    readonly to: string;
    readonly turn?: number | undefined;
    readonly frames?: number;
  },
): Promise<GenerateRequest> {
  const texts = await clipOf(generator).embedTexts([from, to]);
  const own = await embedded(generator, [image]);
  const turns = Array.from({ length: frames }, (_, i) => (frames === 1 ? turn : (turn * i) / (frames - 1)));
  const embeddings = textDiff(own, { from: takeRows(texts, [0]), to: takeRows(texts, [1]), turns });
  const sampling = { ...unguided, ...request.sampling, sampler: 'ddim' as const, eta: 0 };
  const noise = await inverted(generator, { ...request, sampling, image, embeddings: own });
  return { ...request, count: frames, embeddings, noise, sampling };
}

/**
 * An image rebuilt from the first principal components of its embedding: what a CLIP knows of it first.
 *
 * @param counts  of components, for each image
 * @see Ramesh et al. 2022 (unCLIP), figure 7 — https://arxiv.org/abs/2204.06125
 */
export async function componentsRequest(
  generator: ImageGenerator,
  {
    image,
    components,
    counts,
    ...request
  }: ClipRequest & {
    readonly image: FloatArray;
    readonly components: PrincipalComponents;
    readonly counts: readonly number[];
  },
): Promise<GenerateRequest> {
  const embeddings = fromFirstComponents(await embedded(generator, [image]), components, counts);
  // From one noise, so that only the embedding changes.
  const ids = counts.map(() => ({ seed: request.seed ?? 0, index: request.first ?? 0 }));
  return { sampling: request.sampling, signal: request.signal, count: counts.length, ids, embeddings };
}

/** So far apart are the numbers of an image's candidates: no request has as many images. */
const candidateStride = 2 ** 24;

/**
 * Generates several images for each of a request and yields the one that the CLIP finds nearest to its prompt, with the others
 * left out.
 *
 * @param candidates  images for each; the first is what it would be alone
 * @throws if the generator brings no CLIP, or the request has no prompts
 */
export async function* reranked(
  generator: ImageGenerator,
  request: GenerateRequest,
  candidates: number,
): AsyncGenerator<GenerateProgress, void, undefined> {
  const clip = clipOf(generator);
  const { count = 1, seed = 0, first = 0, prompts } = request;
  if (!prompts) throw new Error('rerank: images are compared with their prompts, and there are none; give some');
  const ids = request.ids ?? Array.from({ length: count }, (_, i) => ({ seed, index: first + i }));
  const texts = await clip.embedTexts(prompts.length === count ? prompts : ids.map(() => prompts[0]!));
  const best = ids.map(() => ({ similarity: -Infinity, image: undefined as FloatArray | undefined }));
  const similarities = new Float32Array(count * candidates);
  let last: GenerateProgress | undefined;
  for (let candidate = 0; candidate < candidates; candidate++) {
    const own = ids.map(({ seed: of, index }) => ({ seed: of, index: index + candidate * candidateStride }));
    for await (const { finished, ...progress } of generator.generate({ ...request, ids: own })) {
      last = { ...progress, done: candidate * progress.total + progress.done, total: candidates * progress.total };
      yield last;
      if (!finished) continue;
      const embeddings = await clip.embedImages(finished);
      for (const [row, place] of progress.places.entries()) {
        const similarity = cosine(takeRows(embeddings, [row]).data, takeRows(texts, [place]).data);
        similarities[place * candidates + candidate] = similarity;
        if (similarity > best[place]!.similarity) best[place] = { similarity, image: takeRows(finished, [row]) };
      }
    }
  }
  yield {
    ...last!,
    done: last!.total,
    places: ids.map((_, i) => i),
    finished: stacked(best.map(({ image }) => image!)),
    similarities: float32([count, candidates], similarities),
  };
}

async function embedded(generator: ImageGenerator, images: readonly FloatArray[]): Promise<FloatArray> {
  return clipOf(generator).embedImages(stacked(images));
}

async function inverted(generator: ImageGenerator, request: GenerateRequest): Promise<FloatArray> {
  if (!generator.invert) throw new Error('this model has no way back from an image to its noise');
  return generator.invert(request);
}

/** Images [C, H, W] or [1, C, H, W] each → [N, C, H, W]. */
function stacked(images: readonly FloatArray[]): FloatArray {
  const shape = images[0]!.shape.slice(-3);
  const data = new Float32Array(images.reduce((total, image) => total + image.data.length, 0));
  let at = 0;
  for (const image of images) {
    data.set(image.data, at);
    at += image.data.length;
  }
  return float32([images.length, ...shape], data);
}
