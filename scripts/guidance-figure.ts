/** The figure of what guidance does to a model: four plots over the scale. */
import { axisTicks, plotMarks, seriesColors, type Axis, type Figure, type Series } from '../src/data/index.ts';

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
  const marks = Object.entries(measures).flatMap(([key, title], i) => {
    const measure = key as keyof GuidanceNumbers;
    const series: Series[] = curves.map(({ model, points }, j) => ({
      label: model,
      color: seriesColors[j % seriesColors.length]!,
      points: points.map((point) => [point.scale, point[measure]] as const),
    }));
    const baseline = real[measure];
    if (baseline !== undefined)
      series.push({ label: 'real images', color: '#888', points: x.domain.map((scale) => [scale, baseline] as const) });
    return plotMarks({
      at: [60 + (i % 2) * (plotWidth + gapX), 50 + Math.floor(i / 2) * (plotHeight + gapY)],
      width: plotWidth,
      height: plotHeight,
      title,
      x,
      y: axisOf(series.flatMap(({ points }) => points.map(([, value]) => value))),
      series,
      legend: i === 0,
    });
  });
  return { width: 2 * plotWidth + gapX + 90, height: 2 * plotHeight + gapY + 110, marks };
}

/** An axis that a little more than the values fit on. */
function axisOf(values: readonly number[]): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = 0.08 * (most - least || Math.abs(most) || 1);
  const domain = [least - margin, most + margin] as const;
  return { domain, ticks: axisTicks({ from: domain[0], to: domain[1] }) };
}
