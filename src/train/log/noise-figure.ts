import type { NetworkTimes } from '../../diffusion/index.ts';
import { axisTicks, logTicks, plotMarks, renderFigure, writePng, type Point, type Series } from '../../data/index.ts';
import { type LossByNoise, noiseLevels } from './noise-levels.ts';

/** The loss by noise over some of a run's steps. */
export interface NoiseStage {
  readonly label: string;
  readonly levels: LossByNoise;
}

/** From pale to dark as training goes on. */
const stageColors: readonly string[] = ['#b3cde3', '#6497c9', '#2a6bb0', '#08306b'];

/** The color of the irreducible loss, distinct from the stages' colors. */
const irreducibleColor = '#d55e00';

/**
 * Draws a curve for each stage: the mean loss against t, on a logarithmic scale, since it spans a factor of a hundred.
 *
 * @param times  the range of the network's times
 * @param irreducibleLoss  by noise level, if it is known
 * @throws WriteError if the image cannot be written
 */
export async function plotLossByNoise(
  path: string,
  stages: readonly NoiseStage[],
  { from, to, label: axis }: NetworkTimes,
  irreducibleLoss?: LossByNoise,
): Promise<void> {
  const positive = (loss: number | null): loss is number => loss !== null && loss > 0;
  const known = stages.filter(({ levels }) => levels.some(positive));
  if (known.length === 0) return;
  const losses = known.flatMap(({ levels }) => levels).filter(positive);
  // The irreducible loss may be zero. Where it lies more than a few times below all else it is drawn along the edge.
  const least = Math.min(...losses) / (irreducibleLoss ? 3 : 1);
  const ticks = logTicks(least, Math.max(...losses));
  const along = (share: number) => from + share * (to - from);
  const at = (level: number) => along((level + 0.5) / noiseLevels);
  const series: Series[] = known.map(({ label, levels }, i) => {
    const points = levels.flatMap((loss, level): Point[] => (positive(loss) ? [[at(level), loss]] : []));
    return {
      label,
      color: stageColors[Math.round((i / Math.max(1, known.length - 1)) * (stageColors.length - 1))]!,
      points,
    };
  });
  if (irreducibleLoss)
    series.push({
      label: 'irreducible loss',
      color: irreducibleColor,
      points: irreducibleLoss.map((loss, level): Point => [
        at(level),
        Math.min(Math.max(loss ?? 0, ticks[0]!), ticks.at(-1)!),
      ]),
    });
  const marks = plotMarks({
    at: [60, 70],
    width: 640,
    height: 300,
    title: '',
    x: { domain: [from, to], ticks: axisTicks({ from, to }), label: axis },
    y: { domain: [ticks[0]!, ticks.at(-1)!], ticks, scale: 'log' },
    series,
  });
  const title = {
    kind: 'text',
    at: [60, 30],
    text: 'Loss by level of noise: from almost clean images to pure noise',
    size: 16,
  } as const;
  await writePng(path, await renderFigure({ width: 730, height: 420, marks: [title, ...marks] }));
}
