import { toRgb } from '../images/bitmap.ts';
import type { Bitmap } from '../images/bitmap.ts';

/** Options of `renderTerminal`. */
export interface TerminalOptions {
  /** Characters in a line; default 80. */
  readonly columns?: number;
  /** 24-bit colors, or the 256 of older terminals; default `true-color`. */
  readonly colors?: 'true-color' | '256';
  /** An image is never shown narrower than this many characters; default 12. What does not fit goes to the next row. */
  readonly minWidth?: number;
}

/** The defaults of `renderTerminal`. */
export const terminalDefaults = { columns: 80, colors: 'true-color', minWidth: 12 } as const;

type Color = readonly [red: number, green: number, blue: number];

/** The levels of red, green and blue in xterm's 6×6×6 cube, colors 16 … 231. */
const cubeLevels = [0, 95, 135, 175, 215, 255];

function nearestLevel(value: number): number {
  let best = 0;
  for (const [index, level] of cubeLevels.entries())
    if (Math.abs(level - value) < Math.abs(cubeLevels[best]! - value)) best = index;
  return best;
}

/** The nearest of xterm's 256 colors: of the cube's nearest and the gray ramp's nearest, whichever is closer. */
export function xtermColor([red, green, blue]: Color): number {
  const levels = [nearestLevel(red), nearestLevel(green), nearestLevel(blue)] as const;
  const [r, g, b] = levels;
  // Grays 232 … 255 are 8, 18, … 238.
  const step = Math.max(0, Math.min(23, Math.round(((red + green + blue) / 3 - 8) / 10)));
  const gray = 8 + 10 * step;
  const distance = (other: Color): number => (red - other[0]) ** 2 + (green - other[1]) ** 2 + (blue - other[2]) ** 2;
  const cube = distance([cubeLevels[r]!, cubeLevels[g]!, cubeLevels[b]!]);
  return distance([gray, gray, gray]) < cube ? 232 + step : 16 + 36 * r + 6 * g + b;
}

/** Mean of the pixels that each new pixel covers; [H, W, 3] → [height, width, 3]. */
function shrink(image: Bitmap, width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const top = Math.floor((y * image.height) / height);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * image.height) / height));
    for (let x = 0; x < width; x++) {
      const left = Math.floor((x * image.width) / width);
      const right = Math.max(left + 1, Math.floor(((x + 1) * image.width) / width));
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let v = top; v < bottom; v++)
          for (let u = left; u < right; u++) sum += image.data[(v * image.width + u) * 3 + c]!;
        data[(y * width + x) * 3 + c] = Math.floor(sum / ((bottom - top) * (right - left)) + 0.5);
      }
    }
  }
  return data;
}

/**
 * Images as lines of colored half blocks, side by side: one character is one pixel wide and two high.
 *
 * Images wider than there is room for are shrunk, all alike, but not below `minWidth`; rows follow with a blank line between.
 *
 * @param images  of one size
 * @returns         lines joined by line feeds, colors reset at the end of each
 */
export function renderTerminal(images: readonly Bitmap[], options: TerminalOptions = {}): string {
  const { columns, colors, minWidth } = { ...terminalDefaults, ...options };
  const first = images[0];
  if (first === undefined) return '';
  // A terminal that says it has no width still gets an image.
  const room = Math.max(4, Math.floor(columns));
  const fair = Math.floor((room + 1) / images.length) - 1;
  const width = Math.min(first.width, room, Math.max(fair, minWidth));
  const height = Math.max(1, Math.round((first.height * width) / first.width));
  const perRow = Math.max(1, Math.floor((room + 1) / (width + 1)));
  const paint = (ground: 38 | 48, color: Color): string =>
    colors === '256' ? `\u001b[${ground};5;${xtermColor(color)}m` : `\u001b[${ground};2;${color.join(';')}m`;
  const colorAt = (data: Uint8Array, x: number, y: number): Color | undefined => {
    if (y >= height) return undefined;
    const at = (y * width + x) * 3;
    return [data[at]!, data[at + 1]!, data[at + 2]!];
  };
  const rows: string[] = [];
  for (let start = 0; start < images.length; start += perRow) {
    const small = images.slice(start, start + perRow).map((image) => shrink(toRgb(image), width, height));
    const lines: string[] = [];
    for (let y = 0; y < height; y += 2) {
      const parts = small.map((data) => {
        let line = '';
        let before = '';
        for (let x = 0; x < width; x++) {
          const lower = colorAt(data, x, y + 1);
          const color = paint(38, colorAt(data, x, y)!) + (lower === undefined ? '' : paint(48, lower));
          // Repeating a color that is already set would triple the length of the string.
          line += (color === before ? '' : color) + '▀';
          before = color;
        }
        return `${line}\u001b[0m`;
      });
      lines.push(parts.join(' '));
    }
    rows.push(lines.join('\n'));
  }
  return rows.join('\n\n');
}
