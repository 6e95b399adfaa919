/** What samples are conditioned on: one record for every kind of condition, from data to network. */
import { allocate, describeType, type DType, type HostArray, sameShape, type Shape, sizeOf } from '../core/dtype.ts';

/**
 * What a batch is conditioned on, by the name of the network's input; each array has one row for each sample.
 *
 *     class_labels [B] i64 · encoder_hidden_states [B, L, D] · image_embeds [B, D] · image [B, C, H, W] · …
 */
export type Conditions = Readonly<Record<string, HostArray>>;

/** One of the things that a network is conditioned on. */
export interface ConditionInput {
  /** Of the network's input, as diffusers has it: `class_labels`, `encoder_hidden_states`. */
  readonly name: string;
  readonly dtype: DType;
  /** Of one sample; [] is one number. */
  readonly shape: Shape;
  /** How many there are, where it is an index: of classes, of styles. */
  readonly count?: number;
}

/** The name of the condition on classes. */
export const classLabelsName = 'class_labels';
/** The name of the condition on images, which are concatenated with x_t. */
export const imageName = 'image';

/**
 * A batch conditioned on classes alone, by their numbers: [B] of int64.
 *
 * @example
 * import { classConditions } from 'kuosan/diffusion';
 *
 * console.log(classConditions([3, 7])['class_labels']!.shape); // [ 2 ]
 */
export function classConditions(labels: ArrayLike<number>): Conditions {
  return {
    [classLabelsName]: {
      dtype: 'i64',
      shape: [labels.length],
      data: BigInt64Array.from({ length: labels.length }, (_, i) => BigInt(labels[i]!)),
    },
  };
}

/** The classes of a batch as numbers, or undefined where it has none. */
export function classLabelsOf(conditions: Conditions | undefined): number[] | undefined {
  const labels = conditions?.[classLabelsName];
  return labels && Array.from<number | bigint, number>(labels.data, Number);
}

/** Some rows of every condition, in the order asked for. */
export function rowsOf(conditions: Conditions, rows: readonly number[]): Conditions {
  return mapped(conditions, (array) => takeRows(array, rows));
}

/**
 * One row of every condition as a batch of itself: guidance's "without a condition" for each sample, a prompt for each image.
 *
 * @param conditions  [1, …] each
 * @returns           [count, …] each
 * @throws if one of them has several rows
 */
export function repeatRow(conditions: Conditions, count: number): Conditions {
  for (const [name, { shape }] of Object.entries(conditions))
    if (shape[0] !== 1) throw new Error(`repeatRow: ${name} is [${shape.join(', ')}], expected one row`);
  return rowsOf(conditions, Array<number>(count).fill(0));
}

/** Which conditions are dropped together in training, and how often. */
export interface ConditionDropout {
  readonly names: readonly string[];
  /** 0 … 1 */
  readonly probability: number;
  /** A number is drawn for each sample of the batch, in their order. */
  readonly random: { uniform(): number };
}

/**
 * Conditions of which some rows are those of "without a condition": each dropout draws for itself, so that several are
 * dropped independently of each other.
 *
 * @param nothing  [1, …] the row that takes the place, for every name that is dropped
 * @throws if one that is dropped has no such row
 * @see Ho & Salimans 2022, algorithm 1 — https://arxiv.org/abs/2207.12598
 */
export function dropConditions(
  conditions: Conditions,
  nothing: Conditions,
  dropouts: readonly ConditionDropout[],
): Conditions {
  const dropped: Record<string, HostArray> = { ...conditions };
  for (const { names, probability, random } of dropouts) {
    const present = names.filter((name) => name in conditions);
    if (probability === 0 || present.length === 0) continue;
    const count = conditions[present[0]!]!.shape[0]!;
    const hidden = Array.from({ length: count }, () => random.uniform() < probability);
    for (const name of present) {
      const row = nothing[name];
      if (!row) throw new Error(`dropConditions: ${name} has dropout, and no null row is given`);
      dropped[name] = withRow(dropped[name]!, row, hidden);
    }
  }
  return dropped;
}

/**
 * Checks that a batch has exactly the conditions of a network.
 *
 * @param name   what the message begins with
 * @param count  samples of the batch
 * @throws one line that names the condition that is missing, is too many, or is of another type
 */
export function checkConditions(
  name: string,
  expected: readonly ConditionInput[],
  conditions: Conditions | undefined,
  count: number,
): void {
  for (const input of expected) {
    const found = conditions?.[input.name];
    const type = { dtype: input.dtype, shape: [count, ...input.shape] };
    if (!found)
      throw new Error(
        `${name}: this model is conditioned on ${input.name}, and none is given; add ${input.name}, ${describeType(type)}, to the conditions`,
      );
    if (found.dtype !== type.dtype || !sameShape(found.shape, type.shape))
      throw new Error(`${name}: the condition ${input.name} is ${describeType(found)}, expected ${describeType(type)}`);
  }
  const others = Object.keys(conditions ?? {}).find((given) => !expected.some((input) => input.name === given));
  if (others !== undefined)
    throw new Error(
      `${name}: this model is not conditioned on ${others}; ${expected.length === 0 ? 'it takes no conditions' : `it takes ${expected.map((input) => input.name).join(' and ')}`}`,
    );
}

/** Rows of an array, in the order asked for: [N, …] → [rows.length, …]. */
export function takeRows<A extends HostArray>(array: A, rows: readonly number[]): A {
  const size = sizeOf(array.shape.slice(1));
  const data = allocate(array.dtype, rows.length * size);
  for (const [b, row] of rows.entries()) setRow(data, array.data, b, row, size);
  return { ...array, shape: [rows.length, ...array.shape.slice(1)], data };
}

/** An array with rows of zeros after its own, as many as a compiled batch has: [B, …] → [count, …]. */
export function padRows<A extends HostArray>(array: A, count: number): A {
  const [rows = 0, ...rest] = array.shape;
  if (rows === count) return array;
  const data = allocate(array.dtype, count * sizeOf(rest));
  // One kind of array into the same kind.
  (data as Float32Array).set(array.data as Float32Array);
  return { ...array, shape: [count, ...rest], data };
}

function withRow(array: HostArray, row: HostArray, where: readonly boolean[]): HostArray {
  const size = sizeOf(array.shape.slice(1));
  if (row.dtype !== array.dtype || row.data.length !== size)
    throw new Error(`dropConditions: the row ${describeType(row)} does not fit into ${describeType(array)}`);
  const data = array.data.slice();
  for (const [b, replaced] of where.entries()) if (replaced) setRow(data, row.data, b, 0, size);
  return { ...array, data };
}

function setRow(to: HostArray['data'], from: HostArray['data'], at: number, row: number, size: number): void {
  // Both are of one dtype: one kind of array into the same kind.
  (to as Float32Array).set((from as Float32Array).subarray(row * size, (row + 1) * size), at * size);
}

function mapped(conditions: Conditions, map: (array: HostArray) => HostArray): Conditions {
  return Object.fromEntries(Object.entries(conditions).map(([name, array]) => [name, map(array)]));
}
