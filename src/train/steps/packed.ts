import { concat, reshape, sizeOf, split, type Tensor } from '../../core/index.ts';

/** Below this many elements an update is a dozen operators' overhead and hardly any work. */
const small = 4096;

/** Whether a tensor is better taken together with others. */
export function isSmall({ shape }: Tensor): boolean {
  return sizeOf(shape) < small;
}

/** Tensors end to end: [N]. */
export function endToEnd(tensors: readonly Tensor[]): Tensor {
  return concat(
    tensors.map((x) => (x.shape.length === 1 ? x : reshape(x, [sizeOf(x.shape)]))),
    0,
  );
}

/** Tensors that are taken together: one large one, or many small ones laid end to end. */
export interface Piece {
  /** Which ones, by their place in the list. */
  readonly members: readonly number[];
  /** Lays the members of such a list end to end: [N]; a single one stays as it is. */
  join(list: readonly Tensor[]): Tensor;
  /** The parts of such a whole, in the members' shapes. */
  part(whole: Tensor): readonly Tensor[];
}

/**
 * Divides tensors into pieces for work on each element alone. The small ones with the same key are one piece; those pieces
 * come first.
 */
export function packed(tensors: readonly Tensor[], keyOf: (index: number) => string): readonly Piece[] {
  const packs = new Map<string, number[]>();
  const alone: number[] = [];
  tensors.forEach((x, i) => {
    if (!isSmall(x)) alone.push(i);
    else packs.set(keyOf(i), [...(packs.get(keyOf(i)) ?? []), i]);
  });
  return [...packs.values(), ...alone.map((i) => [i])].map((members) => {
    const shapes = members.map((i) => tensors[i]!.shape);
    if (members.length === 1) return { members, join: (list) => list[members[0]!]!, part: (whole) => [whole] };
    return {
      members,
      join: (list) => endToEnd(members.map((i) => list[i]!)),
      part: (whole) =>
        split(whole, shapes.map(sizeOf), 0).map((x, i) => (shapes[i]!.length === 1 ? x : reshape(x, shapes[i]!))),
    };
  });
}
