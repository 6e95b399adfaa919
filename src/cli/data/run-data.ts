import { RandomStream } from '../../core/random.ts';
import { checkExtension, checkWritable, layGrid, imagesAt, writePng } from '../../data/index.ts';
import type { Dataset } from '../../data/index.ts';
import { checkOutside } from '../check-apart.ts';
import { clipped } from '../../formats/quote.ts';
import { openWithProgress } from '../open-data.ts';

/** The options of `kuosan data`. */
export interface DataOptions {
  readonly out: string;
  readonly count: number;
  readonly size: number;
  readonly skipBad: boolean;
  readonly seed: number;
}

/**
 * Prints a summary of the data set and writes the grid.
 *
 * @throws one line for a source that cannot be opened or an output that cannot be written; nothing is written then
 */
export async function runData(
  source: string,
  { out, count, size, skipBad, seed }: DataOptions,
  print: (line: string) => void,
): Promise<void> {
  checkExtension(out, '.png');
  await checkWritable(out);
  await checkOutside({ '--out': out }, [source]);
  const start = performance.now();
  const dataset = await openWithProgress(source, { size, skipBad });
  const seconds = (performance.now() - start) / 1000;
  for (const line of describeDataset(dataset, seconds)) print(line);
  // All of them in their own order, or a sample: the first hundred would be one class.
  const all = Uint32Array.from({ length: dataset.count }, (_, place) => place);
  const shown =
    dataset.count <= count
      ? all
      : new RandomStream(seed, 'data-grid').permutation(dataset.count).subarray(0, count).sort();
  await writePng(out, layGrid(imagesAt(dataset, shown)));
  print(
    `${out}: ${shown.length} of ${dataset.count} images${shown.length < dataset.count ? `, sampled with seed ${seed}` : ''}`,
  );
}

/** The summary, a line each: what there is, the classes, examples of captions, what was left out, and what else to know. */
function describeDataset(dataset: Dataset, seconds: number): string[] {
  const { name, count, width, height, channels, classNames, labels, captions, ids, skipped, notes, fromCache } =
    dataset;
  const how = fromCache ? 'from the cache' : 'decoded';
  const lines = [
    `${name}: ${plural(count, 'image')} of ${width}×${height}, ${channels === 3 ? 'color' : 'gray'}; ${how} in ${seconds.toFixed(2)} s`,
  ];
  if (classNames !== undefined && labels !== undefined) {
    const counts = new Uint32Array(classNames.length);
    for (const label of labels) counts[label]!++;
    lines.push(
      `${plural(classNames.length, 'class', 'classes')}: ${list(
        classNames.map((className, index) => `${className} ${counts[index]}`),
        12,
      )}`,
    );
  }
  lines.push(
    captions === undefined
      ? `first files: ${list(ids, 4)}`
      : `first captions: ${list(
          captions.map((caption) => shortened(caption)),
          4,
        )}`,
  );
  if (skipped.length > 0) {
    lines.push(`left out: ${plural(skipped.length, 'file')} that cannot be read`);
    for (const { id, reason } of skipped.slice(0, 10)) lines.push(`  ${id}: ${reason}`);
    if (skipped.length > 10) lines.push(`  and ${skipped.length - 10} more`);
  }
  for (const note of notes) lines.push(`note: ${note}`);
  return lines;
}

/** A caption can be a paragraph. */
function shortened(caption: string): string {
  return caption === '' ? '(none)' : clipped(caption, 60);
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

function list(items: readonly string[], most: number): string {
  return items.length <= most
    ? items.join(', ')
    : `${items.slice(0, most).join(', ')}, … (${items.length - most} more)`;
}
