import { expect, test } from 'vitest';
import type { ComparedCell, SamplerComparison } from '../../pipelines/index.ts';
import { layComparison } from './lay-comparison.ts';

const cell = (sampler: string, steps: number, toData: number | null): ComparedCell => ({
  sampler,
  steps,
  evaluations: steps,
  images: { dtype: 'f32', shape: [1, 1, 8, 8], data: new Float32Array(64) },
  toData,
  toReference: null,
});
const lay = (values: readonly (number | null)[][], steps: readonly number[]) => {
  const cells = values.flatMap((row, r) => row.map((value, c) => cell(`s${r}`, steps[c]!, value)));
  const comparison: SamplerComparison = { reference: cells[0]!, cells };
  return layComparison(
    comparison,
    values.map((_, r) => `s${r}`),
    steps,
    { title: 'how far', of: ({ toData }) => toData },
  );
};
const texts = (figure: ReturnType<typeof lay>) =>
  figure.marks.flatMap((mark) => (mark.kind === 'text' ? [mark.text] : []));

test('a curve for each sampler, in the color of the dot next to its row', () => {
  const figure = lay(
    [
      [0.5, 0.25],
      [1, 0.5],
    ],
    [5, 10],
  );
  expect(texts(figure)).toContain('how far');
  const dots = figure.marks.filter((mark) => mark.kind === 'dot');
  // One next to each row and one for each value.
  expect(dots).toHaveLength(2 + 4);
  expect(new Set(dots.map(({ color }) => color)).size).toBe(2);
  const lowest = Math.max(...figure.marks.map((mark) => ('at' in mark ? mark.at[1] : 0)));
  expect(lowest).toBeLessThan(figure.height);
});

test('nothing is plotted of one column, or of values that are zero but for rounding', () => {
  for (const figure of [
    lay([[0.5], [1]], [5]),
    lay(
      [
        [1e-9, 1e-12],
        [null, null],
      ],
      [5, 10],
    ),
  ]) {
    expect(texts(figure)).not.toContain('how far');
    expect(figure.marks.some(({ kind }) => kind === 'dot')).toBe(false);
  }
});
