/** Random numbers from arithmetic that is exact in float32: no engine's own generator, and the same bits on all. */
import {
  float32,
  randomKeyWords,
  siteKey,
  sizeOf,
  uniformColumns,
  uniformWords,
  type Node,
  type Shape,
} from '../core/index.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

/** See `uniformOp`, whose loops these operators repeat. */
export function lowerUniform(
  graph: GraphBuilder,
  [key]: readonly ValueName[],
  { attrs: { shape, site } }: Node<{ shape: Shape; site: string }>,
): readonly ValueName[] {
  const size = sizeOf(shape);
  const rows = Math.ceil(size / uniformColumns);
  const lines = uniformColumns + rows;
  const blocks = uniformWords / 2;
  const number = (value: number) => graph.filled([], value);
  const times = (x: ValueName, factor: number) => graph.one('Mul', [x, number(factor)]);
  const frac = (x: ValueName) => graph.one('Sub', [x, graph.one('Floor', [x])]);
  const block = (x: ValueName, from: number, to: number, axis: number) =>
    graph.one('Slice', [x, graph.ints([from]), graph.ints([to]), graph.ints([axis])]);

  const own = frac(graph.one('Add', [key!, graph.constant(siteKey(site))]));
  const counters = times(graph.one('Range', [number(0), number(lines * blocks), number(1)]), 2 ** -12);
  let l = times(graph.one('Floor', [counters]), 2 ** -12);
  let r = frac(counters);
  for (let i = 0; i < randomKeyWords; i++) {
    const mixed = frac(graph.one('Add', [r, block(own, i, i + 1, 0)]));
    const middle = times(graph.one('Floor', [times(graph.one('Mul', [mixed, mixed]), 2 ** 18)]), 2 ** -12);
    [l, r] = [r, frac(graph.one('Add', [l, middle]))];
  }
  const halves = [l, r].map((x) => graph.one('Reshape', [x, graph.ints([lines, blocks])]));
  const bits = graph.one('Floor', [times(graph.one('Concat', halves, { axis: 1 }), 2048)]);
  const words = graph.one('Add', [times(bits, 2 ** -8), graph.constant(float32([], [-4]))]); // [lines, words]
  // Every partial sum is a multiple of 2⁻¹⁶ below 2⁸: 24 bits.
  const products = graph.one('Gemm', [block(words, uniformColumns, lines, 0), block(words, 0, uniformColumns, 0)], {
    transB: 1,
  }); // [rows, columns]
  const flat = graph.one('Reshape', [frac(products), graph.ints([rows * uniformColumns])]);
  return [graph.one('Reshape', [rows * uniformColumns === size ? flat : block(flat, 0, size, 0), graph.ints(shape)])];
}
