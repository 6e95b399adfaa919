import {
  layGrid,
  logTicks,
  plotMarks,
  seriesColors,
  textWidth,
  toBitmaps,
  type Figure,
  type Mark,
  type Bitmap,
} from '../../data/index.ts';
import type { FloatArray } from '../../core/index.ts';
import type { ComparedCell, SamplerComparison } from '../../pipelines/index.ts';

/** What the curves beneath the images show: less is better. */
export interface Quality {
  readonly title: string;
  /** Null where a cell has none. */
  readonly of: (cell: ComparedCell) => number | null;
}

/** Images of a cell side by side in the figure, and its layout in units. */
const shown = 4;
const gap = 16;
const top = 96;
const textSize = 14;
const dot = 20;
const plotHeight = 240;

/** Black, gray and a brown follow where the series colors end. */
const colors = [...seriesColors, '#222222', '#999999', '#8c5a2b'];

/** The color of a row of the figure: after those, hues that are as far from each other as the golden angle brings them. */
export function rowColor(row: number): string {
  return colors[row] ?? `hsl(${Math.round((row * 137.508) % 360)}, 60%, 40%)`;
}

/** A row of images for each sampler, a column for each number of steps, and beneath them how quality grows with work. */
export function layComparison(
  { reference, cells }: SamplerComparison,
  samplers: readonly string[],
  steps: readonly number[],
  quality: Quality,
): Figure {
  const block = (images: FloatArray): Bitmap =>
    layGrid(toBitmaps(images).slice(0, shown), { columns: 2, gap: 1, scale: 1 });
  const cellAt = (sampler: string, count: number) =>
    cells.find((cell) => cell.sampler === sampler && cell.steps === count)!;
  const own = block(reference.images);
  const scale = Math.max(1, Math.round(120 / own.width));
  const [side, tall] = [own.width * scale, own.height * scale];
  const left =
    24 + dot + Math.ceil(Math.max(...[...samplers, 'converged'].map((name) => textWidth(name, textSize))) / 2) * 2;
  const width = Math.max(left + Math.max(steps.length, 3) * (side + gap), 500) + 8;
  const marks: Mark[] = [
    { kind: 'text', at: [16, 36], text: 'The same noise, sampled by each sampler in so many steps', size: 18 },
  ];
  const label = (text: string, y: number) =>
    marks.push({ kind: 'text', at: [left - 12, y + tall / 2 + 5], text, size: textSize, anchor: 'end' });
  const curves = curvesOf(samplers, steps, (sampler, count) => [
    cellAt(sampler, count).evaluations,
    quality.of(cellAt(sampler, count)),
  ]);
  for (const [column, count] of steps.entries())
    marks.push({
      kind: 'text',
      at: [left + column * (side + gap) + side / 2, top - 14],
      text: String(count),
      size: textSize,
      anchor: 'middle',
    });
  for (const [r, sampler] of samplers.entries()) {
    const y = top + r * (tall + gap);
    label(sampler, y);
    if (curves.length > 0) marks.push({ kind: 'dot', at: [dot, y + tall / 2], radius: 5, color: rowColor(r) });
    for (const [column, count] of steps.entries())
      marks.push({
        kind: 'image',
        at: [left + column * (side + gap), y],
        image: block(cellAt(sampler, count).images),
        width: side,
      });
  }
  const y = top + samplers.length * (tall + gap) + gap;
  label('converged', y);
  marks.push({ kind: 'image', at: [left, y], image: own, width: side });
  marks.push({
    kind: 'text',
    at: [left + side + gap, y + tall / 2 + 5],
    text: `${reference.sampler}, ${reference.steps} steps`,
    size: textSize,
    color: '#666',
  });
  const bottom = y + tall + gap;
  if (curves.length === 0) return { width, height: bottom, marks };
  const work = curves.flatMap(({ points }) => points.map(([evaluations]) => evaluations));
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  const ticks = logTicks(Math.min(...values), Math.max(...values));
  const [least, most] = [Math.min(...work), Math.max(...work)];
  marks.push(
    ...plotMarks({
      at: [left, bottom + 56],
      width: width - left - gap - 8,
      height: plotHeight,
      title: quality.title,
      x: {
        domain: [least, most],
        ticks: [...new Set(work)].filter((count) => steps.includes(count) || count === most),
        scale: 'log',
        label: 'evaluations of the denoiser for an image',
      },
      y: { domain: [ticks[0]!, ticks.at(-1)!], ticks, scale: 'log' },
      series: curves.flatMap(({ color, points }) =>
        (['curve', 'dots'] as const).map((draw) => ({ label: '', color, points, draw })),
      ),
      legend: false,
    }),
  );
  return { width, height: bottom + 56 + plotHeight + 56, marks };
}

interface Curve {
  readonly color: string;
  readonly points: (readonly [evaluations: number, value: number])[];
}

/** Of the samplers that have at least two points: what has none at all, or one column, draws no plot. */
function curvesOf(
  samplers: readonly string[],
  steps: readonly number[],
  point: (sampler: string, count: number) => readonly [number, number | null],
): Curve[] {
  return samplers
    .map((sampler, r) => ({
      color: rowColor(r),
      // A logarithm shows nothing of zero, and what single precision leaves of it means nothing.
      points: steps
        .map((count) => point(sampler, count))
        .filter((found): found is [number, number] => found[1] !== null && found[1] > 1e-6),
    }))
    .filter(({ points }) => points.length > 1);
}
