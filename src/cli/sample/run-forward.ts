import type { FloatArray } from '../../core/dtype.ts';
import { float32 } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import {
  checkExtension,
  checkWritable,
  fromBitmaps,
  plotMarks,
  readImage,
  renderFigure,
  seriesColors,
  toBitmaps,
  writePng,
} from '../../data/index.ts';
import type { Mark, Bitmap, Point } from '../../data/index.ts';
import { cosineSchedule, linearSchedule, qSample, qStep } from '../../diffusion/index.ts';
import type { Schedule } from '../../diffusion/index.ts';
import { checkApart } from '../check-apart.ts';

/** The options of `kuosan forward`. */
export interface ForwardOptions {
  readonly out: string;
  readonly schedule: 'linear' | 'cosine';
  readonly steps: number;
  readonly size: number;
  readonly seed: number;
}

/** β_T = 0.02 · 1000/T reaches 1 here. */
const leastLinearSteps = 20;

/** Images in a row, x_0 and x_T among them. */
const shownCount = 9;

/** Mean and standard deviation over all values of an image. */
interface Statistics {
  readonly mean: number;
  readonly std: number;
}

/** The image at paper time t = 0 … T on both ways, and what the theory says of its values. */
interface Moment {
  readonly t: number;
  readonly closed: Statistics;
  readonly iterated: Statistics;
  readonly theory: Statistics;
}

/**
 * Runs the forward process on one image on both ways, writes the figure and prints the comparison.
 *
 * @throws one line for an image that cannot be read or an output that cannot be written; nothing is written then
 */
export async function drawForward(
  image: string,
  { out, schedule: name, steps, size, seed }: ForwardOptions,
  print: (line: string) => void,
): Promise<void> {
  checkExtension(out, '.png');
  await checkWritable(out);
  await checkApart(out, { 'the image': image });
  if (name === 'linear' && steps <= leastLinearSteps) {
    throw new Error(
      `--steps ${steps}: the linear schedule needs more than ${leastLinearSteps}; give more, or --schedule cosine`,
    );
  }
  const schedule = name === 'linear' ? linearSchedule({ T: steps }) : cosineSchedule({ T: steps });
  const x0 = fromBitmaps([await readImage(image, { size })]);
  const times = shownTimes(steps);
  const { moments, closed, iterated } = runForward(schedule, x0, seed, times);
  await writePng(out, await renderFigure(layFigure(schedule, name, times, closed, iterated, moments)));
  for (const line of describe(image, name, x0, moments, times)) print(line);
  print(`${out}: written`);
}

/** Evenly spaced times of the paper, 0 … T, without repeats when T is small. */
function shownTimes(T: number): number[] {
  return [...new Set(Array.from({ length: shownCount }, (_, i) => Math.round((i * T) / (shownCount - 1))))];
}

function statisticsOf(x: FloatArray): Statistics {
  let sum = 0;
  for (const value of x.data) sum += value;
  const mean = sum / x.data.length;
  let squares = 0;
  for (const value of x.data) squares += (value - mean) ** 2;
  return { mean, std: Math.sqrt(squares / x.data.length) };
}

/**
 * Both ways from x_0 to x_T with independent noise.
 *
 * The closed form uses one ε for all times, so that its row shows one image fading into one noise; each x_t has the
 * distribution q(x_t | x_0) all the same. Paper time t = 1 … T is index t − 1 of the schedule, t = 0 its −1.
 */
export function runForward(
  schedule: Schedule,
  x0: FloatArray,
  seed: number,
  shown: readonly number[],
): { moments: Moment[]; closed: FloatArray[]; iterated: FloatArray[] } {
  const clean = statisticsOf(x0);
  const eps = normals(x0, new RandomStream(seed, 'forward-closed'));
  const steps = new RandomStream(seed, 'forward-iterated');
  const moments: Moment[] = [];
  const closed: FloatArray[] = [];
  const iterated: FloatArray[] = [];
  let x = x0;
  for (let t = 0; t <= schedule.T; t++) {
    if (t > 0) x = qStep(schedule, x, [t - 1], normals(x0, steps));
    const xt = qSample(schedule, x0, [t - 1], eps);
    const alpha = schedule.alpha(t - 1);
    const sigma = schedule.sigma(t - 1);
    moments.push({
      t,
      closed: statisticsOf(xt),
      iterated: statisticsOf(x),
      // The values of x_0 are a distribution of their own, scaled by √ᾱ and smeared by noise of variance 1 − ᾱ.
      theory: { mean: alpha * clean.mean, std: Math.hypot(alpha * clean.std, sigma) },
    });
    if (shown.includes(t)) {
      closed.push(xt);
      iterated.push(x);
    }
  }
  return { moments, closed, iterated };
}

function normals(like: FloatArray, stream: RandomStream): FloatArray {
  return float32(like.shape, stream.fillNormal(new Float32Array(like.data.length)));
}

type Way = 'closed' | 'iterated' | 'theory';

/** The largest difference of a statistic between two ways over all times, and when. */
export function largestDifference(
  moments: readonly Moment[],
  a: Way,
  b: Way,
  statistic: keyof Statistics,
): { difference: number; t: number } {
  let largest = { difference: 0, t: 0 };
  for (const moment of moments) {
    const difference = Math.abs(moment[a][statistic] - moment[b][statistic]);
    if (difference > largest.difference) largest = { difference, t: moment.t };
  }
  return largest;
}

function describe(
  image: string,
  name: string,
  x0: FloatArray,
  moments: readonly Moment[],
  times: readonly number[],
): string[] {
  const T = moments.length - 1;
  const [, , height, width] = x0.shape;
  const number = (value: number): string => value.toFixed(4).padStart(8).replace('-', '−');
  const row = ({ t, closed, iterated, theory }: Moment): string =>
    `${String(t).padStart(6)}  ${[theory, closed, iterated].map(({ mean }) => number(mean)).join(' ')}   ${[theory, closed, iterated].map(({ std }) => number(std)).join(' ')}`;
  const compare = (a: Way, b: Way, label: string): string => {
    const mean = largestDifference(moments, a, b, 'mean');
    const std = largestDifference(moments, a, b, 'std');
    return `  ${label.padEnd(24)} mean ${mean.difference.toFixed(4)} (t = ${mean.t}), std ${std.difference.toFixed(4)} (t = ${std.t})`;
  };
  return [
    `${image}: ${width}×${height}, ${name} schedule, T = ${T}`,
    '        mean of the pixels           standard deviation of the pixels',
    '     t    theory   closed iterated     theory   closed iterated',
    ...times.map((t) => row(moments[t]!)),
    `largest difference over all ${T + 1} times:`,
    compare('closed', 'iterated', 'closed form and iterated'),
    compare('closed', 'theory', 'closed form and theory'),
    compare('iterated', 'theory', 'iterated and theory'),
    `  chance alone: ${(1 / Math.sqrt(x0.data.length)).toFixed(4)} at one time (1/√n, n = ${x0.data.length} values), two or three times that at the worst of all`,
  ];
}

/** Units: an image is at least this wide, so that two rows of nine fill a screen. */
const imageWidth = 128;
const gap = 12;
const margin = 64;

function layFigure(
  schedule: Schedule,
  name: string,
  times: readonly number[],
  closed: readonly FloatArray[],
  iterated: readonly FloatArray[],
  moments: readonly Moment[],
) {
  const own = closed[0]!.shape[3]!;
  const side = own * Math.max(1, Math.round(imageWidth / own));
  const pitch = side + gap;
  const width = 2 * margin + times.length * pitch - gap;
  const marks: Mark[] = [];
  const row = (images: readonly Bitmap[], top: number, title: string): void => {
    marks.push({ kind: 'text', at: [margin, top - 12], text: title, size: 15 });
    for (const [i, image] of images.entries())
      marks.push({ kind: 'image', at: [margin + i * pitch, top], image, width: side });
  };
  const imagesOf = (arrays: readonly FloatArray[]): Bitmap[] => arrays.flatMap((array) => toBitmaps(array));
  marks.push({
    kind: 'text',
    at: [margin, 40],
    text: `The forward process, ${name} schedule, T = ${schedule.T}`,
    size: 20,
  });
  const first = 90;
  row(imagesOf(closed), first, 'closed form:  xₜ = √ᾱₜ x₀ + √(1 − ᾱₜ) ε');
  const second = first + side + 46;
  row(imagesOf(iterated), second, 'iterated:  xₜ = √(1 − βₜ) xₜ₋₁ + √βₜ z,  one step after the other');
  for (const [i, t] of times.entries()) {
    marks.push({
      kind: 'text',
      at: [margin + i * pitch + side / 2, second + side + 20],
      text: `t = ${t}`,
      anchor: 'middle',
      color: '#666',
    });
  }
  // The plots' time runs from the middle of the first image to the middle of the last, so every tick stands under its image.
  const left = margin + side / 2;
  const span = Math.max(pitch, (times.length - 1) * pitch);
  const x = { domain: [0, schedule.T], ticks: times } as const;
  const every = moments.map(({ t }) => t);
  const curve = (value: (t: number) => number): Point[] => every.map((t): Point => [t, value(t)]);
  const third = second + side + 90;
  marks.push(
    ...plotMarks({
      at: [left, third],
      width: span,
      height: 170,
      title: 'signal √ᾱₜ and noise √(1 − ᾱₜ)',
      x,
      y: { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1] },
      series: [
        { label: '√ᾱₜ', color: seriesColors[0]!, points: curve((t) => schedule.alpha(t - 1)) },
        { label: '√(1 − ᾱₜ)', color: seriesColors[1]!, points: curve((t) => schedule.sigma(t - 1)) },
      ],
    }),
  );
  const fourth = third + 170 + 80;
  marks.push(
    ...plotMarks({
      at: [left, fourth],
      width: span,
      height: 170,
      title: 'mean and standard deviation of the pixels',
      x: { ...x, label: 't' },
      y: statisticsAxis(moments),
      series: [
        { label: 'std, theory', color: seriesColors[1]!, points: curve((t) => moments[t]!.theory.std) },
        { label: 'mean, theory', color: seriesColors[0]!, points: curve((t) => moments[t]!.theory.mean) },
        {
          label: 'closed form',
          color: '#222',
          draw: 'rings',
          points: times.flatMap((t): Point[] => [
            [t, moments[t]!.closed.mean],
            [t, moments[t]!.closed.std],
          ]),
        },
        {
          label: 'iterated',
          color: '#222',
          draw: 'dots',
          points: times.flatMap((t): Point[] => [
            [t, moments[t]!.iterated.mean],
            [t, moments[t]!.iterated.std],
          ]),
        },
      ],
    }),
  );
  return { width, height: fourth + 170 + 56, marks };
}

/** A range in halves that holds every mean and standard deviation. */
function statisticsAxis(moments: readonly Moment[]): { domain: readonly [number, number]; ticks: number[] } {
  const values = moments.flatMap(({ closed, iterated, theory }) =>
    [closed, iterated, theory].flatMap(({ mean, std }) => [mean, std]),
  );
  const low = Math.floor(values.reduce((a, b) => Math.min(a, b), 0) * 2) / 2;
  const high = Math.ceil(values.reduce((a, b) => Math.max(a, b), 1) * 2) / 2;
  return {
    domain: [low, high],
    ticks: Array.from({ length: Math.round((high - low) * 2) + 1 }, (_, i) => low + i / 2),
  };
}
