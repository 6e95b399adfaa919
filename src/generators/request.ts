/** Requests brought into the form that generators work with, and checked against what a generator takes. */
import { describeType, float32, sizeOf, type FloatArray, type Shape } from '../core/index.ts';
import { unknownName } from '../core/suggest.ts';
import { takeRows } from '../diffusion/index.ts';
import type { FieldCondition } from '../models/index.ts';
import type { SampleId } from '../pipelines/index.ts';
import type { GenerateRequest, GeneratorInputs } from './image-generator.ts';

/** A request of so many images, with an entry for each in every list. */
export interface FullRequest {
  readonly count: number;
  readonly ids: readonly SampleId[];
  readonly prompts?: readonly string[];
  readonly negativePrompts?: readonly string[];
  /** By field, the number of each image's value, −1 where none is asked for. */
  readonly styles?: Readonly<Record<string, readonly number[]>>;
  /** Their numbers. */
  readonly classes?: readonly number[];
  /** [count, C, H, W] */
  readonly image?: FloatArray;
  readonly mask?: FloatArray;
  /** [count, D] */
  readonly embeddings?: FloatArray;
}

/**
 * Fills in and checks a request.
 *
 * @throws one line if it asks for what the generator does not take, lacks what it needs, or lists do not fit the count
 */
export function fullRequest(
  {
    seed = 0,
    count = 1,
    first = 0,
    ids,
    prompts,
    negativePrompts,
    styles,
    classes,
    image,
    mask,
    embeddings,
  }: GenerateRequest,
  takes: GeneratorInputs,
): FullRequest {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Error(`generate: count: expected an integer of 1 or more, got ${count}`);
  if (ids && ids.length !== count)
    throw new Error(`generate: ids are ${ids.length}, and count is ${count}; give one for each image`);
  for (const [name, value, taken] of [
    ['prompts', prompts, takes.text],
    ['negativePrompts', negativePrompts, takes.text],
    ['styles', styles, takes.styles],
    ['classes', classes, takes.classes],
    ['image', image, takes.image],
    ['mask', mask, takes.mask],
    ['embeddings', embeddings, takes.embeddings],
  ] as const) {
    if (value !== undefined && !taken)
      throw new Error(
        `generate: ${name}: this model takes no ${name === 'prompts' || name === 'negativePrompts' ? 'text' : name}; leave it out`,
      );
  }
  if (negativePrompts && !takes.guidance)
    throw new Error(
      'generate: negativePrompts: this model was trained without dropping captions, so it cannot be guided away from anything; leave them out',
    );
  if (takes.text?.required && !prompts && !embeddings)
    throw new Error('generate: prompts are missing: this model needs a text for each image');
  if (takes.image?.use === 'required' && !image)
    throw new Error(`generate: image is missing: this model enlarges images of [${takes.image.shape.join(', ')}]`);
  if (mask && !image)
    throw new Error('generate: mask: says which part of an image is painted anew, and there is no image; give one');
  return {
    count,
    ids: ids ?? Array.from({ length: count }, (_, i) => ({ seed, index: first + i })),
    ...(prompts && { prompts: each('prompts', prompts, count) }),
    ...(negativePrompts && { negativePrompts: each('negativePrompts', negativePrompts, count) }),
    ...(takes.styles && { styles: styleNumbers(styles && each('styles', styles, count), takes.styles, count) }),
    ...(takes.classes && { classes: classNumbers(classes && each('classes', classes, count), takes.classes, count) }),
    ...(image && { image: eachRow('image', image, takes.image!.shape, count) }),
    ...(mask && { mask }),
    ...(embeddings && { embeddings: eachRow('embeddings', embeddings, [takes.embeddings!.width], count) }),
  };
}

/** One entry for each image. */
function each<T>(name: string, list: readonly T[], count: number): readonly T[] {
  if (list.length === count) return list;
  if (list.length === 1) return Array<T>(count).fill(list[0]!);
  throw new Error(
    `generate: ${name} are ${list.length}, and count is ${count}; give one for each image, or one for all`,
  );
}

/** The numbers of the values that are asked for, by field. */
function styleNumbers(
  asked: readonly string[] | undefined,
  fields: readonly FieldCondition[],
  count: number,
): Readonly<Record<string, readonly number[]>> {
  const numbers = Object.fromEntries(fields.map(({ name }) => [name, Array<number>(count).fill(-1)]));
  for (const [b, style] of (asked ?? []).entries()) {
    for (const value of style
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')) {
      const field = fields.find(({ values }) => values.includes(value));
      if (!field)
        throw new Error(
          unknownName(
            'style',
            value,
            fields.flatMap(({ values }) => values),
          ),
        );
      numbers[field.name]![b] = field.values.indexOf(value);
    }
  }
  return numbers;
}

/** The numbers of classes that are called by name or number; all classes in turn where nobody says. */
function classNumbers(
  asked: readonly (string | number)[] | undefined,
  { count: all, names }: NonNullable<GeneratorInputs['classes']>,
  count: number,
): readonly number[] {
  // The null label is none of those in turn, but may be asked for.
  if (!asked) return Array.from({ length: count }, (_, i) => i % (names?.length ?? all));
  return asked.map((label) => {
    const number = typeof label === 'number' ? label : (names?.indexOf(label) ?? -1);
    if (typeof label === 'string' && number < 0)
      throw new Error(
        names
          ? unknownName('class', label, names)
          : `unknown class ${JSON.stringify(label)}; this model's classes have numbers, 0 to ${all - 1}`,
      );
    if (!Number.isInteger(number) || number < 0 || number >= all)
      throw new Error(`generate: classes: this model has classes 0 to ${all - 1}, got ${label}`);
    return number;
  });
}

/** A row for each, of one that is for all. */
function eachRow(name: string, given: FloatArray, shape: Shape, count: number): FloatArray {
  const size = sizeOf(shape);
  const own = given.shape.join();
  if (own === shape.join()) return takeRows(float32([1, ...shape], given.data), Array<number>(count).fill(0));
  if (own === [count, ...shape].join()) return given;
  if (own === [1, ...shape].join()) return takeRows(given, Array<number>(count).fill(0));
  throw new Error(
    `generate: ${name} is ${describeType(given)}, expected [${shape.join(', ')}] for all, or [${[count, ...shape].join(', ')}] (${size} values an image)`,
  );
}
