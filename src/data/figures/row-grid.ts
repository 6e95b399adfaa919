/** Images in rows, each under its title. */
import type { Bitmap } from '../images/bitmap.ts';
import { fittedText, renderFigure, type Mark } from './figure.ts';
import { gridDefaults } from './grid.ts';

const textSize = 16;
const textHeight = 24;
const margin = 12;
/** Titles are read before images are looked at: a row is never too narrow for a few words. */
const leastWidth = 320;

/** Images of one title. */
export interface TitledRow {
  readonly title: string;
  readonly images: readonly Bitmap[];
}

/** One row a title, its images side by side, as large as whole pixels allow. */
export async function layRows(rows: readonly TitledRow[]): Promise<Bitmap> {
  const columns = Math.max(...rows.map(({ images }) => images.length));
  const { width, height } = rows[0]!.images[0]!;
  const across = columns * (width + gridDefaults.gap);
  const down = rows.length * (height + gridDefaults.gap);
  const scale = Math.max(1, Math.min(gridDefaults.maxScale, Math.floor(gridDefaults.target / Math.max(across, down))));
  const inner = Math.max(leastWidth, columns * (width * scale + gridDefaults.gap) - gridDefaults.gap);
  const rowHeight = textHeight + height * scale + margin;
  const marks: Mark[] = rows.flatMap(({ title, images }, row) => [
    {
      kind: 'text' as const,
      at: [margin, margin + row * rowHeight + textSize] as const,
      text: fittedText(title, inner, textSize),
      size: textSize,
    },
    ...images.map((image, i) => ({
      kind: 'image' as const,
      at: [margin + i * (width * scale + gridDefaults.gap), margin + row * rowHeight + textHeight] as const,
      image,
      width: width * scale,
    })),
  ]);
  const size = { width: inner + 2 * margin, height: margin + rows.length * rowHeight };
  const { background } = gridDefaults;
  const sheet: Mark = { kind: 'box', at: [0, 0], ...size, fill: `rgb(${background},${background},${background})` };
  return renderFigure({ ...size, marks: [sheet, ...marks], pixelRatio: 1 });
}
