import { textWidth } from './figure.ts';
import type { Mark, Point } from './figure.ts';

/** One line of a plot, or the points of one kind. */
export interface Series {
  readonly label: string;
  readonly color: string;
  /** In the units of the axes. */
  readonly points: readonly Point[];
  /** A curve, filled or hollow dots; default curve. */
  readonly draw?: 'curve' | 'dots' | 'rings';
}

/** One axis of a plot: the values it spans and where it is marked. */
export interface Axis {
  readonly domain: readonly [from: number, to: number];
  readonly ticks: readonly number[];
  readonly label?: string;
  /** On a logarithmic scale, the default being linear, equal factors are equal lengths; everything must be positive. */
  readonly scale?: 'linear' | 'log';
}

/** A plot and where in the figure it stands. */
export interface Plot {
  /** Upper left corner of the area inside the axes; title and legend stand 14 to 22 units above it, ticks below and to the left. */
  readonly at: Point;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** False where the figure says by other means what the colors stand for; default true. */
  readonly legend?: boolean;
}

/** Distinguishable with any color vision. @see Okabe & Ito 2008 — https://jfly.uni-koeln.de/color/ */
export const seriesColors: readonly string[] = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

const faint = '#e2e2e2';
const muted = '#666';
const tickSize = 12;

/** The marks of a line plot with grid, ticks, title on the left and legend on the right above it. */
export function plotMarks({ at: [left, top], width, height, title, x, y, series, legend = true }: Plot): Mark[] {
  const toX = (value: number): number => left + share(x, value) * width;
  const toY = (value: number): number => top + height - share(y, value) * height;
  const marks: Mark[] = [{ kind: 'text', at: [left, top - 16], text: title, size: 15 }];
  for (const tick of y.ticks) {
    marks.push({
      kind: 'line',
      points: [
        [left, toY(tick)],
        [left + width, toY(tick)],
      ],
      color: faint,
      width: 1,
    });
    marks.push({
      kind: 'text',
      at: [left - 8, toY(tick) + 4],
      text: minusSign(tick),
      size: tickSize,
      anchor: 'end',
      color: muted,
    });
  }
  for (const tick of x.ticks) {
    marks.push({
      kind: 'line',
      points: [
        [toX(tick), top],
        [toX(tick), top + height],
      ],
      color: faint,
      width: 1,
    });
    marks.push({
      kind: 'text',
      at: [toX(tick), top + height + 18],
      text: minusSign(tick),
      size: tickSize,
      anchor: 'middle',
      color: muted,
    });
  }
  if (x.label !== undefined)
    marks.push({
      kind: 'text',
      at: [left + width, top + height + 36],
      text: x.label,
      size: tickSize,
      anchor: 'end',
      color: muted,
    });
  for (const { points, color, draw = 'curve' } of series) {
    const placed = points.map(([u, v]): Point => [toX(u), toY(v)]);
    if (draw === 'curve') marks.push({ kind: 'line', points: placed, color });
    else marks.push(...placed.map((at): Mark => ({ kind: 'dot', at, color, hollow: draw === 'rings' })));
  }
  return legend ? [...marks, ...legendMarks(series, left + width, top - 16)] : marks;
}

/** Six ticks of a linear axis from end to end, rounded to whole numbers if they are not small. */
export function axisTicks({ from, to }: { readonly from: number; readonly to: number }): number[] {
  return Array.from({ length: 6 }, (_, i) => Number((from + (i * (to - from)) / 5).toFixed(to - from > 5 ? 0 : 2)));
}

/** Ticks of a logarithmic axis: 1 and 3 times powers of ten, from at most the least value to at least the largest. */
export function logTicks(least: number, largest: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(largest)); power++) {
    // From decimal text: 10 ** −3 · 3 is not 0.003.
    ticks.push(Number(`1e${power}`), Number(`3e${power}`));
  }
  const first = ticks.findLastIndex((tick) => tick <= least);
  const last = ticks.findIndex((tick) => tick >= largest);
  return first === last ? [ticks[first]!, ticks[first + 1]!] : ticks.slice(first, last + 1);
}

/** How far along its axis a value is: 0 at the start, 1 at the end. */
function share({ domain: [from, to], scale }: Axis, value: number): number {
  return scale === 'log' ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
}

function legendMarks(series: readonly Series[], right: number, baseline: number): Mark[] {
  const marks: Mark[] = [];
  let end = right;
  for (const { label, color, draw = 'curve' } of series.toReversed()) {
    const start = end - textWidth(label, 13);
    marks.push({ kind: 'text', at: [start, baseline], text: label, size: 13 });
    if (draw === 'curve')
      marks.push({
        kind: 'line',
        points: [
          [start - 24, baseline - 5],
          [start - 6, baseline - 5],
        ],
        color,
      });
    else marks.push({ kind: 'dot', at: [start - 12, baseline - 5], color, hollow: draw === 'rings' });
    end = start - 40;
  }
  return marks;
}

/** Numbers are set with the minus sign, which is as wide as a digit, not with the hyphen. */
function minusSign(value: number): string {
  return String(value).replace('-', '−');
}
