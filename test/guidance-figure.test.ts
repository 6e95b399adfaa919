import { expect, test } from 'vitest';
import { guidanceFigure } from '../scripts/guidance-figure.ts';
import { renderFigure, seriesColors } from '../src/data/index.ts';

test('a model has a line in each of four plots over the guidance scale, and real images one where they are measured', async () => {
  const at = (scale: number, shift: number) => ({
    scale,
    frechetDistance: 10 - scale + shift,
    clipScore: 40 + scale,
    precision: 0.5 + scale / 20,
    recall: 0.6 - scale / 20,
  });
  const figure = guidanceFigure(
    [
      { model: 'a', points: [at(1, 0), at(2, 0), at(8, 0)] },
      { model: 'b', points: [at(1, 1), at(8, 1)] },
    ],
    { frechetDistance: 3, precision: 0.9 },
  );
  const lines = (color: string) => figure.marks.filter((mark) => mark.kind === 'line' && mark.color === color);
  const pointsOf = (color: string) => lines(color).map((mark) => (mark.kind === 'line' ? mark.points.length : 0));
  // The legend has a short line of each.
  expect(pointsOf(seriesColors[0]!)).toEqual([2, 3, 3, 3, 3]);
  expect(lines(seriesColors[1]!)).toHaveLength(5);
  expect(lines('#888')).toHaveLength(1 + 2);
  const texts = figure.marks.flatMap((mark) => (mark.kind === 'text' ? [mark.text] : []));
  expect(texts).toEqual(expect.arrayContaining(['Fréchet distance', 'CLIP score', 'precision', 'recall', 'a', 'b']));
  const { width } = await renderFigure(figure);
  expect(width).toBe(2 * figure.width);
});
