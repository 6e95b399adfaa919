import type { SkippedImage } from '../data/sets/dataset.ts';

/** Says how many files of a data set were left out, and why the first; undefined where none was. */
export function describeSkipped(skipped: readonly SkippedImage[]): string | undefined {
  const [first] = skipped;
  return (
    first &&
    `left out ${skipped.length} ${skipped.length === 1 ? 'file' : 'files'} that cannot be read, the first is ${first.id}: ${first.reason}`
  );
}
