/** Images in rows, each under its title. */
import type { Bitmap } from '../images/bitmap.ts';
import { fittedText, renderFigure, textWidth, type Mark } from './figure.ts';
import { gridDefaults } from './grid.ts';

const textSize = 16;
const textHeight = 24;
const margin = 12;
/** Titles are read before images are looked at: a row alone is never too narrow for a few words. */
const leastWidth = 320;
/** A sheet of one column may be so tall, one of several so tall and so wide. */
const largestSide = 1280;

/** Images of one title. */
export interface TitledRow {
  readonly title: string;
  readonly images: readonly Bitmap[];
}

/** Where rows stand on a sheet, in pixels. */
export interface RowLayout {
  /** Columns of rows; each is filled from its top before the next begins. */
  readonly columns: number;
  /** Rows in a column. */
  readonly perColumn: number;
  /** Every pixel of an image is repeated this many times. */
  readonly scale: number;
  /** Of a row: what its title and its images have. */
  readonly inner: number;
  readonly rowHeight: number;
  readonly width: number;
  readonly height: number;
}

/** What is laid out. */
export interface RowsToLay {
  readonly rows: number;
  /** Images in the longest row. */
  readonly images: number;
  /** Of an image, in its own pixels. */
  readonly width: number;
  readonly height: number;
  /** Of the widest title. */
  readonly titleWidth: number;
}

/**
 * The layout of rows: one column, its images as large as whole pixels allow; where that is taller than 1280 pixels, as
 * many columns as let the images be largest on 1280 × 1280, the fewest of those. Rows that fit nowhere make the sheet
 * whose longer side is shortest.
 */
export function rowLayout(asked: RowsToLay): RowLayout {
  const { rows, images, width, height } = asked;
  const across = images * (width + gridDefaults.gap);
  const down = rows * (height + gridDefaults.gap);
  const fit = Math.floor(gridDefaults.target / Math.max(across, down));
  const single = laid(asked, 1, Math.max(1, Math.min(gridDefaults.maxScale, fit)));
  if (single.height <= largestSide) return single;
  const longer = (layout: RowLayout) => Math.max(layout.width, layout.height);
  let smallest = single;
  for (let scale: number = gridDefaults.maxScale; scale >= 1; scale--)
    for (let columns = 1; columns <= rows; columns++) {
      const layout = laid(asked, columns, scale);
      if (longer(layout) <= largestSide) return layout;
      if (longer(layout) < longer(smallest)) smallest = layout;
    }
  return smallest;
}

function laid({ rows, images, width, height, titleWidth }: RowsToLay, columns: number, scale: number): RowLayout {
  const perColumn = Math.ceil(rows / columns);
  const least = columns === 1 ? leastWidth : Math.min(leastWidth, Math.ceil(titleWidth));
  const inner = Math.max(least, images * (width * scale + gridDefaults.gap) - gridDefaults.gap);
  const rowHeight = textHeight + height * scale + margin;
  return {
    // The last may have nothing to hold.
    columns: Math.ceil(rows / perColumn),
    perColumn,
    scale,
    inner,
    rowHeight,
    width: margin + Math.ceil(rows / perColumn) * (inner + margin),
    height: margin + perColumn * rowHeight,
  };
}

/** One row a title, its images side by side, in as many columns as `rowLayout` says. */
export async function layRows(rows: readonly TitledRow[]): Promise<Bitmap> {
  const { width, height } = rows[0]!.images[0]!;
  const { perColumn, scale, inner, rowHeight, ...size } = rowLayout({
    rows: rows.length,
    images: Math.max(...rows.map(({ images }) => images.length)),
    width,
    height,
    titleWidth: Math.max(...rows.map(({ title }) => textWidth(title, textSize))),
  });
  const marks: Mark[] = rows.flatMap(({ title, images }, row) => {
    const left = margin + Math.floor(row / perColumn) * (inner + margin);
    const top = margin + (row % perColumn) * rowHeight;
    return [
      {
        kind: 'text' as const,
        at: [left, top + textSize] as const,
        text: fittedText(title, inner, textSize),
        size: textSize,
      },
      ...images.map((image, i) => ({
        kind: 'image' as const,
        at: [left + i * (width * scale + gridDefaults.gap), top + textHeight] as const,
        image,
        width: width * scale,
      })),
    ];
  });
  const { background } = gridDefaults;
  const sheet: Mark = {
    kind: 'box',
    at: [0, 0],
    width: size.width,
    height: size.height,
    fill: `rgb(${background},${background},${background})`,
  };
  return renderFigure({ width: size.width, height: size.height, marks: [sheet, ...marks], pixelRatio: 1 });
}
