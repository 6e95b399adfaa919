import sharp from 'sharp';
import { glyphs } from './glyphs.ts';
import { enlargeBitmap, toRgb } from '../images/bitmap.ts';
import type { Bitmap } from '../images/bitmap.ts';

/** A place in the figure; x to the right, y down, in units of which `Figure.pixelRatio` pixels make one. */
export type Point = readonly [x: number, y: number];

/** What a figure is made of. Later marks cover earlier ones, except that images cover all the rest. */
export type Mark =
  /** An image with its upper left corner at a whole unit, enlarged by repeating pixels to `width` units (a multiple of its own). */
  | { readonly kind: 'image'; readonly at: Point; readonly image: Bitmap; readonly width?: number }
  /** A line of text on the base line `at`; size is that of the em, default 14. */
  | {
      readonly kind: 'text';
      readonly at: Point;
      readonly text: string;
      readonly size?: number;
      readonly anchor?: 'start' | 'middle' | 'end';
      readonly color?: string;
    }
  | {
      readonly kind: 'line';
      readonly points: readonly Point[];
      readonly color?: string;
      readonly width?: number;
      readonly dash?: readonly number[];
    }
  | {
      readonly kind: 'dot';
      readonly at: Point;
      readonly radius?: number;
      readonly color?: string;
      readonly hollow?: boolean;
    }
  | {
      readonly kind: 'box';
      readonly at: Point;
      readonly width: number;
      readonly height: number;
      readonly fill?: string;
    };

/** A figure: its size in units and its marks, the first at the bottom. */
export interface Figure {
  readonly width: number;
  readonly height: number;
  readonly marks: readonly Mark[];
  /** Pixels per unit; default 2, so that text is sharp on today's screens. A whole number. */
  readonly pixelRatio?: number;
}

/** Dark gray on white; 14 units of text are readable at half the figure's pixel size. */
export const figureDefaults = {
  pixelRatio: 2,
  color: '#222',
  background: '#fff',
  textSize: 14,
  lineWidth: 2,
  dotRadius: 3,
  ringRadius: 6,
} as const;

/** What is drawn for a character that there is no outline of: an empty box, as every font does. */
const missing = [600, 'm50 0l0-700l500 0l0 700zm60-60l380 0l0-580l-380 0z'] as const;

function glyphOf(character: string): readonly [number, string] {
  return Object.hasOwn(glyphs, character) ? glyphs[character]! : missing;
}

/** The width of a line of text in units, without kerning. */
export function textWidth(text: string, size: number = figureDefaults.textSize): number {
  let width = 0;
  for (const character of text) width += glyphOf(character)[0];
  return (width * size) / 1000;
}

const coordinate = (value: number): string => {
  if (!Number.isFinite(value)) throw new Error(`figure: a coordinate is ${value}`);
  return String(Math.round(value * 1000) / 1000);
};

/** Attributes are our callers' colors: only what a color can consist of gets into the SVG. */
const color = (value: string): string => {
  if (!/^[#\w(),.% ]+$/.test(value)) throw new Error(`figure: not a color: ${JSON.stringify(value)}`);
  return value;
};

/** Outlines instead of SVG's own text, which shows nothing on a machine without fonts. */
function textPath({
  at: [x, y],
  text,
  size = figureDefaults.textSize,
  anchor = 'start',
  color: fill = figureDefaults.color,
}: Extract<Mark, { kind: 'text' }>): string {
  const shift = { start: 0, middle: 0.5, end: 1 }[anchor] * textWidth(text, size);
  let pen = 0;
  let paths = '';
  for (const character of text) {
    const [advance, path] = glyphOf(character);
    if (path !== '') paths += `<path transform="translate(${pen} 0)" d="${path}"/>`;
    pen += advance;
  }
  const scale = size / 1000;
  return `<g fill="${color(fill)}" transform="translate(${coordinate(x - shift)} ${coordinate(y)}) scale(${scale})">${paths}</g>`;
}

function toSvg(mark: Mark): string {
  switch (mark.kind) {
    case 'image':
      return '';
    case 'text':
      return textPath(mark);
    case 'line': {
      const { points, width = figureDefaults.lineWidth, dash } = mark;
      const path = points.map(([x, y]) => `${coordinate(x)},${coordinate(y)}`).join(' ');
      const dashes = dash === undefined ? '' : ` stroke-dasharray="${dash.map(coordinate).join(' ')}"`;
      return `<polyline points="${path}" fill="none" stroke="${color(mark.color ?? figureDefaults.color)}" stroke-width="${coordinate(width)}" stroke-linejoin="round" stroke-linecap="round"${dashes}/>`;
    }
    case 'dot': {
      // A ring is larger than a dot, so that where the two coincide both are seen.
      const {
        at: [x, y],
        hollow = false,
        radius = hollow ? figureDefaults.ringRadius : figureDefaults.dotRadius,
      } = mark;
      const paint = color(mark.color ?? figureDefaults.color);
      const style = hollow
        ? `fill="${figureDefaults.background}" stroke="${paint}" stroke-width="1.5"`
        : `fill="${paint}"`;
      return `<circle cx="${coordinate(x)}" cy="${coordinate(y)}" r="${coordinate(radius)}" ${style}/>`;
    }
    case 'box': {
      const {
        at: [x, y],
        width,
        height,
        fill = '#eee',
      } = mark;
      return `<rect x="${coordinate(x)}" y="${coordinate(y)}" width="${coordinate(width)}" height="${coordinate(height)}" fill="${color(fill)}"/>`;
    }
  }
}

/**
 * The figure as an image.
 *
 * @returns  [height · pixelRatio, width · pixelRatio, 3]
 * @throws if an image does not lie inside the figure, or its width is no multiple of its pixels
 */
export async function renderFigure({
  width,
  height,
  marks,
  pixelRatio = figureDefaults.pixelRatio,
}: Figure): Promise<Bitmap> {
  const size = { width: Math.round(width * pixelRatio), height: Math.round(height * pixelRatio) };
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${coordinate(width)} ${coordinate(height)}">` +
    `<rect width="100%" height="100%" fill="${figureDefaults.background}"/>${marks.map(toSvg).join('')}</svg>`;
  const base = await sharp(Buffer.from(svg))
    .flatten({ background: figureDefaults.background })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (base.info.width !== size.width || base.info.height !== size.height || base.info.channels !== 3) {
    throw new Error(
      `internal: figure drawn at ${base.info.width}×${base.info.height}×${base.info.channels}, expected ${size.width}×${size.height}×3`,
    );
  }
  const data = new Uint8Array(base.data);
  for (const mark of marks) if (mark.kind === 'image') paste(data, size, mark, pixelRatio);
  return { data, ...size, channels: 3 };
}

function paste(
  data: Uint8Array,
  size: { width: number; height: number },
  { at: [x, y], image, width = image.width }: Extract<Mark, { kind: 'image' }>,
  pixelRatio: number,
): void {
  const big = toRgb(enlargeBitmap(image, (width * pixelRatio) / image.width));
  const [left, top] = [x * pixelRatio, y * pixelRatio];
  if (
    !Number.isInteger(left) ||
    !Number.isInteger(top) ||
    left < 0 ||
    top < 0 ||
    left + big.width > size.width ||
    top + big.height > size.height
  ) {
    throw new Error(
      `figure: an image of ${big.width}×${big.height} pixels at ${left}, ${top} does not lie inside ${size.width}×${size.height}`,
    );
  }
  for (let row = 0; row < big.height; row++) {
    data.set(big.data.subarray(row * big.width * 3, (row + 1) * big.width * 3), ((top + row) * size.width + left) * 3);
  }
}

/** A text, cut with an ellipsis where it is wider than so many pixels. */
export function fittedText(text: string, width: number, size: number): string {
  if (textWidth(text, size) <= width) return text;
  const characters = [...text];
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size) > width) characters.pop();
  return `${characters.join('')}…`;
}
