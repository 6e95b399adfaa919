/** Batches of images with their captions, as a model of both is trained on. */
import { float32, type FloatArray } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import { deformTransform, drawTransform, applyTransform, smooth, type ImageAugmentation } from './augment.ts';
import type { DatasetContent } from '../sets/dataset.ts';
import { fillTemplate } from '../texts/template.ts';

/** Images and what is said of them. */
export interface CaptionBatch {
  /** [B, C, H, W] in [−1, 1]. */
  readonly images: FloatArray;
  /** [B] */
  readonly texts: readonly string[];
  /** [B] which images these are. */
  readonly indices: Uint32Array;
}

/** How captions and images vary from one time they are shown to the next. */
export interface CaptionAugmentation extends ImageAugmentation {
  /** Prompt templates with `{}` for the caption; one is drawn each time. */
  readonly templates: readonly string[];
  /** The share of captions that some of the image's tags are added to. */
  readonly tagShare: number;
  /** Of these, the share where the tags stand in the place of the caption, so that their words have to be learned. */
  readonly tagsAlone: number;
}

/** Which batch is asked for. */
export interface CaptionBatchOptions extends CaptionAugmentation {
  readonly seed: number;
  /** Counted from 0. */
  readonly step: number;
  readonly batchSize: number;
}

/** The most tags that one caption gets: more would be what it is about. */
export const mostTags = 3;

/** The images of each caption, in the order of the data set. A memo and nothing more. */
const knownGroups = new WeakMap<DatasetContent, readonly (readonly number[])[]>();

function groupsOf(dataset: DatasetContent): readonly (readonly number[])[] {
  const known = knownGroups.get(dataset);
  if (known) return known;
  const groups = new Map<string, number[]>();
  for (let index = 0; index < dataset.count; index++) {
    const caption = dataset.captions?.[index] ?? '';
    const group = groups.get(caption);
    if (group) group.push(index);
    else groups.set(caption, [index]);
  }
  const result = [...groups.values()];
  knownGroups.set(dataset, result);
  return result;
}

/** Memos of the newest orders by what is ordered. */
const recentOrders = new WeakMap<
  DatasetContent,
  Map<string, { readonly seed: number; readonly pass: number; readonly order: Uint32Array }>
>();

function orderOf(dataset: DatasetContent, what: string, length: number, seed: number, pass: number): Uint32Array {
  const recent = recentOrders.get(dataset) ?? new Map();
  recentOrders.set(dataset, recent);
  const found = recent.get(what);
  if (found?.seed === seed && found.pass === pass) return found.order;
  const order = new RandomStream(seed, what, pass).permutation(length);
  recent.set(what, { seed, pass, order });
  return order;
}

/**
 * The batch of a training step, a pure function of the data set, the seed and the step.
 *
 * Place p = step · B + b of the endless row shows caption p mod C of epoch ⌊p / C⌋, each epoch a fresh permutation of the C different
 * captions, with one of its images, which take turns from epoch to epoch, in an order that is drawn anew when all have
 * been shown. So no caption is its own negative, except where an epoch ends within a batch; where all captions differ,
 * this is an ordinary epoch over the images, and where they are the names of a few classes, each batch has as many of each.
 *
 * @throws if the data set has no captions
 */
export function captionBatchAt(
  dataset: DatasetContent,
  { seed, step, batchSize, templates, tagShare, tagsAlone, ...augmentation }: CaptionBatchOptions,
): CaptionBatch {
  const { captions, tags, height, width, channels } = dataset;
  if (!captions) throw new Error('captionBatchAt: the images have no captions');
  const groups = groupsOf(dataset);
  const size = channels * height * width;
  const out = new Float32Array(batchSize * size);
  const texts: string[] = [];
  const indices = new Uint32Array(batchSize);
  for (let b = 0; b < batchSize; b++) {
    const place = step * batchSize + b;
    const epoch = Math.floor(place / groups.length);
    const groupIndex = orderOf(dataset, 'caption order', groups.length, seed, epoch)[place % groups.length]!;
    const group = groups[groupIndex]!;
    const index =
      group[
        orderOf(dataset, `pictures of caption ${groupIndex}`, group.length, seed, Math.floor(epoch / group.length))[
          epoch % group.length
        ]!
      ]!;
    const random = new RandomStream(seed, 'caption', place);
    const transform = deformTransform(
      drawTransform(random, dataset, augmentation),
      new RandomStream(seed, 'bend', place),
      dataset,
      augmentation,
    );
    const image = out.subarray(b * size, (b + 1) * size);
    applyTransform(dataset, index, transform, image);
    const [mixed, share, other] = [
      random.uniform() < augmentation.mixup,
      random.uniform() / 2,
      random.integer(Math.max(1, group.length - 1)),
    ];
    if (mixed && group.length > 1)
      applyTransform(dataset, group.filter((each) => each !== index)[other]!, transform, image, share);
    smooth(image, dataset, transform.blurs);
    texts.push(textOf(captions[index]!, tags?.[index] ?? [], { templates, tagShare, tagsAlone }, random));
    indices[b] = index;
  }
  return { images: float32([batchSize, channels, height, width], out), texts, indices };
}

function textOf(
  caption: string,
  tags: readonly string[],
  { templates, tagShare, tagsAlone }: Pick<CaptionAugmentation, 'templates' | 'tagShare' | 'tagsAlone'>,
  random: RandomStream,
): string {
  const template = templates[random.integer(templates.length)]!;
  if (!(random.uniform() < tagShare) || tags.length === 0) return fillTemplate(template, caption);
  const order = random.permutation(tags.length);
  const said = Array.from(order.subarray(0, 1 + random.integer(mostTags)), (tag) => tags[tag]!);
  return random.uniform() < tagsAlone
    ? fillTemplate(template, said.join(', '))
    : [fillTemplate(template, caption), ...said].join(', ');
}
