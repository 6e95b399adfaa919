/** What the page asks a CLIP. In a file of its own, which is loaded with the first question. */
import type { ClipEncoder, Ranked } from '../../pipelines/index.ts';
import { rank, zeroShotClassifier } from '../../pipelines/index.ts';
import type { ClipImage } from './clip-images.ts';
import { imageEmbeddings } from './image-embeddings.ts';

type Progress = Parameters<typeof imageEmbeddings>[2];

/**
 * The cosines of words and images.
 *
 * @returns  [labels][images], and how many sentences were longer than the model reads
 * @throws as `zeroShotClassifier` on labels that are the same to the tokenizer; the signal's reason on abort
 */
export async function cosinesOf(
  encoder: ClipEncoder,
  images: readonly ClipImage[],
  labels: readonly string[],
  template: string,
  progress: Progress,
): Promise<{ readonly cosines: readonly (readonly number[])[]; readonly truncated: number }> {
  const { classify, truncated } = await zeroShotClassifier(encoder, labels, [template]);
  const ranked = classify(await imageEmbeddings(encoder, images, progress), labels.length);
  const cosines = labels.map((_, l) => ranked.map((row) => row.find(({ index }) => index === l)!.cosine));
  return { cosines, truncated };
}

/** The images nearest to a text, nearest first. */
export async function imagesFor(
  encoder: ClipEncoder,
  images: readonly ClipImage[],
  text: string,
  count: number,
  progress: Progress,
): Promise<readonly Ranked[]> {
  const embeddings = await imageEmbeddings(encoder, images, progress);
  return rank((await encoder.embedTexts([text])).embeddings, embeddings, count)[0]!;
}
