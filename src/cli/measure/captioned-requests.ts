/** What a model of text to image is asked for when it is evaluated: the captions of real images, in their styles. */
import { RandomStream } from '../../core/index.ts';
import { captionsOf, readFields, type Dataset } from '../../data/index.ts';
import { readTexts } from '../../data/texts/texts.ts';
import type { GeneratorInputs } from '../../generators/index.ts';

/** An entry for each image that is generated. */
export interface CaptionedRequests {
  readonly prompts: readonly string[];
  /** One for all, or one for each. */
  readonly styles?: readonly string[];
  /** The real images whose captions they are; undefined for prompts of a file. */
  readonly places?: readonly number[];
}

/** Texts that an image's own prompt is found among. */
const mostCandidates = 1000;

/**
 * Chooses captions at random, each image's once before any twice, and the fields of the same images as styles where the model
 * takes them.
 *
 * @param file   prompts from a file, one a line, in turn, in the place of captions
 * @param style  of all of them
 * @throws one line if the images have no captions
 */
export async function captionedRequests(
  data: Dataset,
  { styles: fields }: Pick<GeneratorInputs, 'styles'>,
  {
    count,
    seed,
    prompts: file,
    style,
  }: {
    readonly count: number;
    readonly seed: number;
    readonly prompts?: string | undefined;
    readonly style?: string | undefined;
  },
): Promise<CaptionedRequests> {
  if (file !== undefined) {
    const { texts } = await readTexts(file);
    return {
      prompts: Array.from({ length: count }, (_, i) => texts[i % texts.length]!),
      ...(style !== undefined && { styles: [style] }),
    };
  }
  const captions = captionsOf(data);
  const order = new RandomStream(seed, 'evaluated captions', 0).permutation(data.count);
  const places = Array.from({ length: count }, (_, i) => order[i % data.count]!);
  const prompts = places.map((place) => captions[place]!);
  if (!fields) return { prompts, places };
  const columns = await readFields(
    data,
    fields.map(({ name }) => name),
  );
  const styleOf = (place: number) =>
    columns.flatMap(({ values, indices }, f) => {
      const value = values[indices[place]!];
      // A value that the model has never seen says nothing to it.
      return value !== undefined && fields[f]!.values.includes(value) ? [value] : [];
    });
  return { prompts, places, styles: places.map((place) => styleOf(place).join(', ')) };
}

/** The prompts, and captions of the data at random until there are a thousand. */
export function candidateTexts(prompts: readonly string[], data: Dataset, seed: number): string[] {
  const candidates = new Set(prompts);
  const captions = data.captions ?? [];
  for (const place of new RandomStream(seed, 'candidate captions', 0).permutation(captions.length)) {
    if (candidates.size >= mostCandidates) break;
    candidates.add(captions[place]!);
  }
  return [...candidates];
}
