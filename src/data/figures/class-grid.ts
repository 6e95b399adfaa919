/** Images side by side in a block for each class, with its name above. */
import type { Bitmap } from '../images/bitmap.ts';
import { fittedText, renderFigure, type Mark } from './figure.ts';
import { gridDefaults, layGrid } from './grid.ts';

/** More blocks than this are not distinguishable at a glance. */
const mostClasses = 20;

const textSize = 16;
const textHeight = 22;
const blockGap = 12;

/** How many blocks stand side by side, and how many images in each. */
interface Layout {
  readonly blocks: number;
  readonly columns: number;
}

/**
 * Images of few classes as blocks with the classes' names, about as wide as high; others as `layGrid` lays them.
 *
 * @param labels  the class of each image, or undefined where there are none
 * @param names   the names of the classes by their number; a class without one is called by its number
 * @throws as `layGrid`
 */
export async function layClassGrid(
  images: readonly Bitmap[],
  labels: readonly number[] | undefined,
  names: readonly string[] = [],
): Promise<Bitmap> {
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  if (!labels || classes.length < 2 || classes.length > mostClasses) return layGrid(images);
  const blocks = classes.map((label) => ({
    name: names[label] ?? String(label),
    images: images.filter((_, i) => labels[i] === label),
  }));
  const most = Math.max(...blocks.map((block) => block.images.length));
  const { width, height } = images[0]!;
  const unscaled = squarest(classes.length, most, width, height);
  const scale = Math.max(
    1,
    Math.min(
      gridDefaults.maxScale,
      Math.floor(gridDefaults.target / longSide(unscaled, classes.length, most, width, height)),
    ),
  );
  // The text takes as much room whatever the scale, so the best layout may be another one now.
  const { blocks: across, columns } = squarest(classes.length, most, width * scale, height * scale);
  const { blockWidth, blockHeight } = sides(columns, most, width * scale, height * scale);
  const marks: Mark[] = blocks.flatMap(({ name, images: own }, b) => {
    const [left, top] = [
      blockGap + (b % across) * (blockWidth + blockGap),
      blockGap + Math.floor(b / across) * (blockHeight + blockGap),
    ];
    const title: Mark = {
      kind: 'text',
      at: [left, top + textSize],
      text: fittedText(name, blockWidth, textSize),
      size: textSize,
    };
    const placed = own.map((image, i): Mark => ({
      kind: 'image',
      at: [
        left + (i % columns) * (width * scale + gridDefaults.gap),
        top + textHeight + Math.floor(i / columns) * (height * scale + gridDefaults.gap),
      ],
      image,
      width: width * scale,
    }));
    return [title, ...placed];
  });
  const size = {
    width: blockGap + across * (blockWidth + blockGap),
    height: blockGap + Math.ceil(classes.length / across) * (blockHeight + blockGap),
  };
  const { background } = gridDefaults;
  const sheet: Mark = { kind: 'box', at: [0, 0], ...size, fill: `rgb(${background},${background},${background})` };
  return renderFigure({ ...size, marks: [sheet, ...marks], pixelRatio: 1 });
}

/** The sides of a block in pixels. */
function sides(
  columns: number,
  most: number,
  width: number,
  height: number,
): { readonly blockWidth: number; readonly blockHeight: number } {
  return {
    blockWidth: columns * (width + gridDefaults.gap) - gridDefaults.gap,
    blockHeight: textHeight + Math.ceil(most / columns) * (height + gridDefaults.gap) - gridDefaults.gap,
  };
}

function sheetSides(
  { blocks, columns }: Layout,
  classes: number,
  most: number,
  width: number,
  height: number,
): [width: number, height: number] {
  const { blockWidth, blockHeight } = sides(columns, most, width, height);
  return [blocks * (blockWidth + blockGap), Math.ceil(classes / blocks) * (blockHeight + blockGap)];
}

function longSide(...layout: Parameters<typeof sheetSides>): number {
  return Math.max(...sheetSides(...layout));
}

/** Of all layouts the one with the shortest long side, of those the one with the fewest columns in a block. */
function squarest(classes: number, most: number, width: number, height: number): Layout {
  let best: Layout = { blocks: classes, columns: 1 };
  for (let blocks = 1; blocks <= classes; blocks++)
    for (let columns = 1; columns <= most; columns++) {
      const layout = { blocks, columns };
      if (longSide(layout, classes, most, width, height) < longSide(best, classes, most, width, height)) best = layout;
    }
  return best;
}
