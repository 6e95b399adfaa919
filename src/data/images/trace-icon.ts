/** Icons as drawings: the outlines of what is dark, as curves. */
import { contours } from 'd3-contour';
import { fitCubic } from 'fit-curve';
import { toRgb, type Bitmap } from './bitmap.ts';
import { resampleToCover } from './resample.ts';

/** How an icon is traced. */
export interface TraceOptions {
  /** How far curves may be from the outline, in pixels of the icon; default 0.15: less than the steps of its pixels are high. */
  readonly tolerance?: number;
  /** The most bytes of the drawing; curves get as coarse as that takes. Default 2,000. */
  readonly mostBytes?: number;
}

/** The defaults of `traceIcon`. */
export const traceDefaults = { tolerance: 0.15, mostBytes: 2000 } as const satisfies Required<TraceOptions>;

type Point = readonly [x: number, y: number];

/** Outlines are looked for in an image of at least this many pixels a side: between the pixels of a small one lie curves, not steps. */
const tracedSide = 192;
/** Between black and white. */
const halfDark = 127.5;
/** A spot below this many square pixels of the icon is noise. */
const leastArea = 0.4;
/** An outline that turns further than this, in degrees, within two pixels of the icon has a corner there. */
const cornerTurn = 50;
/** A part of an outline that is as long, in pixels of the icon, and no further from a line is one. */
const leastRun = 3.5;
const straightTolerance = 0.06;
/** Steps of pixels are smoothed along the outline, by a Gaussian of this deviation, in pixels of the icon. */
const smoothing = 0.8;
/** Both directions that a turn is measured between are looked at over so many pixels of the icon. */
const cornerArm = 1;

/**
 * Traces an icon, dark strokes on white, to an SVG with one path in `currentColor` and a view box of the icon's size.
 *
 * The outlines are the lines at half of black of the image, resized by a bicubic kernel: gray pixels at the edge of a stroke say where
 * within the pixel it ends. They are divided at corners, and cubic Bézier curves are fitted to what is between them.
 *
 * @param image  8 × 8 pixels or more
 * @throws if it is smaller
 * @see Schneider 1990, An algorithm for automatically fitting digitized curves, Graphics Gems I, pages 612–626
 */
export function traceIcon(image: Bitmap, options: TraceOptions = {}): string {
  const { tolerance, mostBytes } = { ...traceDefaults, ...options };
  const { width, height } = image;
  if (Math.min(width, height) < 8)
    throw new Error(`traceIcon: expected an icon of 8 × 8 pixels or more, got ${width} × ${height}`);
  const outlines = outlinesOf(image).map((ring) => smoothed(ring, cornersOf(ring)));
  let svg = '';
  // Each time half as exact again; a whole image of noise ends at straight lines across pixels.
  for (let error = tolerance; error < 2; error *= 1.5) {
    svg = drawing(width, height, outlines.map((outline) => pathOf(outline, error)).join(''));
    if (svg.length <= mostBytes) break;
  }
  return svg;
}

function drawing(width: number, height: number, path: string): string {
  const shape = path === '' ? '' : `<path fill-rule="evenodd" d="${path}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" fill="currentColor">${shape}</svg>\n`;
}

/** Closed outlines of what is dark, in pixels of the icon; the last point is followed by the first. */
function outlinesOf(image: Bitmap): Point[][] {
  const { width, height } = image;
  const scale = Math.max(1, Math.ceil(tracedSide / Math.min(width, height)));
  const large = resampleToCover(image, [height * scale, width * scale], 'bicubic');
  const ink = Array.from(lumaOf(large), (level) => 255 - level);
  const { coordinates } = contours().size([large.width, large.height]).contour(ink, halfDark);
  return coordinates
    .flat()
    .map((ring) => ring.slice(1).map(([x, y]): Point => [x! / scale, y! / scale]))
    .filter((ring) => Math.abs(areaOf(ring)) >= leastArea);
}

function lumaOf(image: Bitmap): Uint8Array | number[] {
  if (image.channels === 1) return image.data;
  const { data } = toRgb(image);
  return Array.from(
    { length: image.width * image.height },
    (_, i) => 0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!,
  );
}

/** Signed: holes turn the other way round. */
function areaOf(ring: readonly Point[]): number {
  return ring.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = ring[(i + 1) % ring.length]!;
    return sum + (x * nextY - nextX * y) / 2;
  }, 0);
}

/** A closed path, in coordinates relative to the point before. */
function pathOf({ ring, corners }: Outline, tolerance: number): string {
  const runs = runsOf(ring, corners);
  const isLine = new Map(runs);
  const ends = new Map(runs.flatMap(([from, to]) => [from, to].map((end) => [end, direction(ring[from]!, ring[to]!)])));
  // An outline without either begins where it is straightest, and comes back in the same direction.
  const found = [...new Set([...corners, ...runs.flat()])].sort((one, other) => one - other);
  const cuts = found.length > 0 ? found : [straightest(ring)];
  if (found.length === 0) ends.set(cuts[0]!, direction(at(ring, cuts[0]! - 2), at(ring, cuts[0]! + 2)));
  const isCorner = new Set(corners);
  const pen = new Pen(at(ring, cuts[0]!));
  for (const [i, from] of cuts.entries()) {
    const to = cuts[(i + 1) % cuts.length]!;
    const points = between(ring, from, to);
    const [first, last] = [points[0]!, points.at(-1)!];
    if (isLine.get(from) === to || isStraight(points, tolerance)) {
      pen.line(last);
      continue;
    }
    const known = (end: number) => (isCorner.has(end) ? undefined : ends.get(end));
    const leaving = known(from) ?? direction(first, points[Math.min(3, points.length - 1)]!);
    const arriving = known(to) ?? direction(points.at(-Math.min(4, points.length))!, last);
    const curves = fitCubic<[number, number]>(
      points.map(([x, y]): [number, number] => [x, y]),
      [...leaving],
      [-arriving[0], -arriving[1]],
      tolerance ** 2,
    );
    for (const [, one, other, end] of curves) pen.curve(one, other, end);
  }
  return `${pen.path}z`;
}

/** Straight parts of an outline, between two indices each, none over a corner; the last may end beyond the ring's end. */
function runsOf(ring: readonly Point[], corners: readonly number[]): [from: number, to: number][] {
  const isCorner = new Set(corners);
  const runs: [number, number][] = [];
  const start = corners[0] ?? 0;
  const limit = start + ring.length;
  for (let from = start; from < limit;) {
    let to = from;
    for (let next = from + 4; next <= limit; next += 4) {
      if (!isStraight(between(ring, from, next), straightTolerance)) break;
      to = next;
      if (Array.from({ length: 4 }, (_, i) => next - i).some((i) => isCorner.has(i % ring.length))) break;
    }
    if (distance(at(ring, from), at(ring, to)) >= leastRun) {
      runs.push([from % ring.length, to % ring.length]);
      from = to;
    } else from++;
  }
  return runs;
}

/** Writes relative commands from the rounded place where it is, so that roundings do not add up. */
class Pen {
  path: string;
  #x: number;
  #y: number;

  constructor([x, y]: Point) {
    [this.#x, this.#y] = [rounded(x), rounded(y)];
    this.path = `M${numbers([this.#x, this.#y])}`;
  }

  line(end: Point): void {
    this.path += `l${numbers(this.#relative(end))}`;
    this.#move(end);
  }

  curve(a: Point, b: Point, end: Point): void {
    this.path += `c${numbers([a, b, end].flatMap((point) => this.#relative(point)))}`;
    this.#move(end);
  }

  #relative([x, y]: Point): number[] {
    return [rounded(x) - this.#x, rounded(y) - this.#y];
  }

  #move([x, y]: Point): void {
    [this.#x, this.#y] = [rounded(x), rounded(y)];
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** `1.5-2 .25`: a sign separates, and so does nothing before the first. */
function numbers(values: readonly number[]): string {
  return values
    .map((value) => String(rounded(value)).replace(/^(-?)0\./, '$1.'))
    .reduce((text, word) => (text === '' || word.startsWith('-') ? text + word : `${text} ${word}`), '');
}

/** A closed outline and the indices of its corners. */
interface Outline {
  readonly ring: readonly Point[];
  readonly corners: readonly number[];
}

/**
 * The outline without the steps of pixels; corners stay where they are.
 *
 *     p ← 2 G(p) − G(G(p))
 *
 * where G is a Gaussian mean along the outline: once would draw circles in by σ² / 2 r, this leaves a part of σ⁴.
 */
function smoothed(ring: readonly Point[], corners: readonly number[]): Outline {
  const once = blurred(ring, corners);
  const twice = blurred(once, corners);
  return { ring: once.map(([x, y], i): Point => [2 * x - twice[i]![0], 2 * y - twice[i]![1]]), corners };
}

/** Means go no further than to the next corner, and as far to the other side. */
function blurred(ring: readonly Point[], corners: readonly number[]): Point[] {
  const deviation = (smoothing * ring.length) / lengthOf(ring);
  const isCorner = new Set(corners);
  const widest = Math.min(Math.ceil(3 * deviation), Math.floor(ring.length / 2) - 1);
  return ring.map((_, i) => {
    let [x, y] = at(ring, i);
    let weight = 1;
    for (let step = 1; step <= widest; step++) {
      // From a corner on there is no other side.
      if (isCorner.has((i + step - 1) % ring.length) || isCorner.has((i - step + 1 + ring.length) % ring.length)) break;
      const share = Math.exp(-((step / deviation) ** 2) / 2);
      const [before, after] = [at(ring, i - step), at(ring, i + step)];
      x += share * (before[0] + after[0]);
      y += share * (before[1] + after[1]);
      weight += 2 * share;
    }
    return [x / weight, y / weight];
  });
}

function lengthOf(ring: readonly Point[]): number {
  return ring.reduce((sum, point, i) => sum + distance(point, at(ring, i + 1)), 0);
}

function at(ring: readonly Point[], index: number): Point {
  return ring[(index + ring.length) % ring.length]!;
}

/** The points from one index to another, both included, round the end; all where both are the same. */
function between(ring: readonly Point[], from: number, to: number): Point[] {
  const count = to > from ? to - from : to + ring.length - from;
  return Array.from({ length: count + 1 }, (_, i) => at(ring, from + i));
}

function direction([x, y]: Point, [toX, toY]: Point): Point {
  const length = Math.hypot(toX - x, toY - y) || 1;
  return [(toX - x) / length, (toY - y) / length];
}

/** Whether no point is further from the line between the ends than the tolerance. */
function isStraight(points: readonly Point[], tolerance: number): boolean {
  const [x, y] = points[0]!;
  const end = points.at(-1)!;
  if (x === end[0] && y === end[1]) return false;
  const [dx, dy] = direction(points[0]!, end);
  return points.every(([px, py]) => Math.abs((px - x) * dy - (py - y) * dx) <= tolerance);
}

/** How far the outline turns at each point, in degrees, over an arm to either side. */
function turnsOf(ring: readonly Point[]): number[] {
  const arm = Math.max(1, Math.round((cornerArm * ring.length) / lengthOf(ring)));
  return ring.map((point, i) => {
    const [before, after] = [direction(at(ring, i - arm), point), direction(point, at(ring, i + arm))];
    return (Math.acos(Math.max(-1, Math.min(1, before[0] * after[0] + before[1] * after[1]))) * 180) / Math.PI;
  });
}

function distance([x, y]: Point, [toX, toY]: Point): number {
  return Math.hypot(toX - x, toY - y);
}

/** Indices of the points where the outline turns most, within an arm, and far enough. */
function cornersOf(ring: readonly Point[]): number[] {
  const turns = turnsOf(ring);
  const isHighest = (i: number) => {
    const near = (step: number) => {
      for (let j = i + step; distance(at(ring, j), ring[i]!) < cornerArm; j += step) {
        const turn = turns[(j + 2 * ring.length) % ring.length]!;
        // Of two that are as high the first is the corner.
        if (turn > turns[i]! || (turn === turns[i] && step < 0)) return false;
        if (Math.abs(j - i) >= ring.length - 1) break;
      }
      return true;
    };
    return near(1) && near(-1);
  };
  return ring.flatMap((_, i) => (turns[i]! > cornerTurn && isHighest(i) ? [i] : []));
}

function straightest(ring: readonly Point[]): number {
  const turns = turnsOf(ring);
  return turns.indexOf(Math.min(...turns));
}
