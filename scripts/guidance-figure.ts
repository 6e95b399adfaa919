/** The figure of what guidance does to a model: four plots over the scale. */
import {
  axisTicks,
  plotMarks,
  seriesColors,
  textWidth,
  type Axis,
  type Figure,
  type Mark,
  type Series,
} from '../src/data/index.ts';

/** What is plotted. */
export interface GuidanceNumbers {
  readonly frechetDistance: number;
  readonly clipScore: number;
  readonly precision: number;
  readonly recall: number;
}

/** A model at a guidance scale. */
export interface GuidancePoint extends GuidanceNumbers {
  readonly scale: number;
}

/** The measures by what a plot calls them. */
const measures = {
  frechetDistance: 'Fréchet distance',
  clipScore: 'CLIP score',
  precision: 'precision',
  recall: 'recall',
} as const satisfies Record<keyof GuidanceNumbers, string>;

const [plotWidth, plotHeight, gapX, gapY] = [300, 190, 80, 90];
/** Where the plots begin: the legend stands above them. */
const [left, top] = [60, 85];
const realColor = '#888';

/**
 * The figure of some models.
 *
 * @param real  the same of real images, a gray line; a measure without one has none
 */
export function guidanceFigure(
  curves: readonly { readonly model: string; readonly points: readonly GuidancePoint[] }[],
  real: Partial<Record<keyof GuidanceNumbers, number | undefined>>,
): Figure {
  const scales = curves.flatMap(({ points }) => points.map(({ scale }) => scale));
  const x = { ...axisOf(scales), ticks: [...new Set(scales)], label: 'guidance scale' };
  const plots = Object.entries(measures).flatMap(([key, title], i) => {
    const measure = key as keyof GuidanceNumbers;
    const series: Series[] = curves.map(({ model, points }, j) => ({
      label: model,
      color: colorOf(j),
      points: points.map((point) => [point.scale, point[measure]] as const),
    }));
    const baseline = real[measure];
    if (baseline !== undefined)
      series.push({ label: realLabel, color: realColor, points: x.domain.map((scale) => [scale, baseline] as const) });
    const isShare = measure === 'precision' || measure === 'recall';
    return plotMarks({
      at: [left + (i % 2) * (plotWidth + gapX), top + Math.floor(i / 2) * (plotHeight + gapY)],
      width: plotWidth,
      height: plotHeight,
      title,
      x,
      y: isShare
        ? { domain: [-0.02, 1.02], ticks: [0, 0.25, 0.5, 0.75, 1] }
        : axisOf(series.flatMap(({ points }) => points.map(([, value]) => value))),
      series,
      legend: false,
    });
  });
  const legend = legendOf([
    ...curves.map(({ model }, j) => [model, colorOf(j)] as const),
    ...(Object.values(real).some((value) => value !== undefined) ? [[realLabel, realColor] as const] : []),
  ]);
  return {
    width: left + 2 * plotWidth + gapX + 30,
    height: top + 2 * plotHeight + gapY + 55,
    marks: [...legend, ...plots],
  };
}

const realLabel = 'real images';

function colorOf(curve: number): string {
  return seriesColors[curve % seriesColors.length]!;
}

/** A short line and a name for each, side by side. */
function legendOf(entries: readonly (readonly [label: string, color: string])[]): Mark[] {
  let at = left;
  return entries.flatMap(([label, color]): Mark[] => {
    const from = at;
    at += 24 + textWidth(label) + 24;
    return [
      {
        kind: 'line',
        points: [
          [from, 25],
          [from + 18, 25],
        ],
        color,
      },
      { kind: 'text', at: [from + 24, 30], text: label },
    ];
  });
}

/** An axis that a little more than the values fit on. */
function axisOf(values: readonly number[]): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = 0.08 * (most - least || Math.abs(most) || 1);
  const domain = [least - margin, most + margin] as const;
  return { domain, ticks: axisTicks({ from: domain[0], to: domain[1] }) };
}
