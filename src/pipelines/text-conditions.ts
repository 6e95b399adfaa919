/** Texts as what a network is conditioned on: encoded by a frozen encoder, with fields of the data next to them. */
import { float32, RandomStream, sizeOf, type FloatArray } from '../core/index.ts';
// Not the layer's index: what draws batches runs in a browser too, what reads files does not.
import { batchAt, type Dataset } from '../data/browser.ts';
import type { ConditionInput, Conditions } from '../diffusion/index.ts';
import { textConditionNames, type FieldCondition } from '../models/index.ts';
import type { Examples } from './denoising-task.ts';
import type { FrozenTextEncoder, TextFeatures } from './text-encoder.ts';

/** Anything that encodes texts, each as the same number of tokens: an encoder, or a cache of one. */
export type TextEncoding = Pick<FrozenTextEncoder, 'encode'>;

/** A value for each sample of each field, −1 for none. */
export type FieldValues = Readonly<Record<string, ArrayLike<number>>>;

/**
 * The conditions of a batch: the encoded texts, and the fields as one-hot rows.
 *
 * @param inputs  what the network takes; what it does not take is left out
 */
export function textConditions(
  { hidden, mask, pooled }: TextFeatures,
  inputs: readonly ConditionInput[],
  fields: readonly FieldCondition[] = [],
  values: FieldValues = {},
): Conditions {
  const rows = mask.shape[0]!;
  const all: Conditions = {
    [textConditionNames.states]: hidden,
    [textConditionNames.mask]: float32(mask.shape, Float32Array.from(mask.data as Uint8Array)),
    [textConditionNames.pooled]: pooled,
    ...Object.fromEntries(fields.map((field) => [field.name, oneHot(field, values[field.name], rows)])),
  };
  const taken = new Set(inputs.map(({ name }) => name));
  return Object.fromEntries(Object.entries(all).filter(([name]) => taken.has(name)));
}

/** [B, values] a one for each sample that has a value, and a row of zeros for one that has none. */
function oneHot({ values }: FieldCondition, numbers: ArrayLike<number> | undefined, rows: number): FloatArray {
  const data = new Float32Array(rows * values.length);
  for (let b = 0; b < rows; b++) {
    const number = numbers?.[b] ?? -1;
    if (number >= 0) data[b * values.length + number] = 1;
  }
  return float32([rows, values.length], data);
}

/** The row of "without a condition" for each condition: no token, no embedding, no value of a field. */
export function nothingSaid(inputs: readonly ConditionInput[]): Conditions {
  return Object.fromEntries(
    inputs.map(({ name, shape }) => [name, float32([1, ...shape], new Float32Array(sizeOf(shape)))]),
  );
}

/** What captioned examples are made of. */
export interface CaptionExamplesOptions {
  readonly seed: number;
  readonly horizontalFlip?: boolean;
  readonly encoding: TextEncoding;
  /** The share of samples whose caption is the empty text; default 0. */
  readonly emptied?: number;
  /** What the network takes. */
  readonly inputs: readonly ConditionInput[];
  /** [N] values for each image of the data set. */
  readonly fields?: readonly (FieldCondition & { readonly indices: Int32Array })[];
}

/**
 * Images with their captions as conditions: batches of `batchAt`.
 *
 * @throws when a batch is made, if the data set has no captions
 */
export function captionExamples(
  dataset: Dataset,
  { seed, horizontalFlip = false, encoding, emptied = 0, inputs, fields = [] }: CaptionExamplesOptions,
): Examples {
  return {
    async batch(number, size) {
      const { captions } = dataset;
      if (!captions) throw new Error(`captionExamples: the images of ${dataset.name} have no captions`);
      const { images, indices } = batchAt(dataset, { seed, step: number, batchSize: size, horizontalFlip });
      const random = new RandomStream(seed, 'emptied captions', number);
      const texts = Array.from(indices, (index) => (random.uniform() < emptied ? '' : captions[index]!));
      const values = Object.fromEntries(
        fields.map((field) => [field.name, Array.from(indices, (index) => field.indices[index]!)]),
      );
      return { x0: images, conditions: textConditions(await encoding.encode(texts), inputs, fields, values) };
    },
  };
}
