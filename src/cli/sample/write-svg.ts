/** Writes icons as drawings: `--svg`. */
import { join, resolve } from 'node:path';
import { checkWritable, traceIcon, writeFileWhole, type Bitmap } from '../../data/index.ts';
import type { ImageGenerator } from '../../generators/index.ts';
import { checkOutside } from '../check-apart.ts';
import { UsageError } from '../options.ts';
import { checkNoOthers } from './write-images.ts';

/** Names of files have 255 bytes at most, and nobody reads as many. */
const longestName = 80;

/**
 * A path for each image: `a-folder-with-a-heart-1.svg`, numbered by prompt; `00000.svg` and on where there are no prompts.
 *
 * @param prompts  one for each image
 */
export function svgPaths(folder: string, prompts: readonly string[] | undefined, count: number): string[] {
  const numbers = new Map<string, number>();
  return Array.from({ length: count }, (_, i) => {
    const word = prompts && wordOf(prompts[i]!);
    if (!word) return join(folder, `${String(i).padStart(5, '0')}.svg`);
    const number = (numbers.get(word) ?? 0) + 1;
    numbers.set(word, number);
    return join(folder, `${word}-${number}.svg`);
  });
}

/** Letters and digits of any script, with a hyphen for what is between them. */
function wordOf(prompt: string): string {
  const words = prompt
    .normalize('NFC')
    .toLowerCase()
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== '');
  let name = '';
  for (const letter of words.join('-')) {
    if (Buffer.byteLength(name + letter) > longestName) break;
    name += letter;
  }
  return name.replace(/-$/, '');
}

/**
 * Checks before any work that the drawings can be written and do not get between others.
 *
 * @throws one line that says what is in the way
 */
export async function checkSvgFiles(
  folder: string,
  paths: readonly string[],
  { images, exact }: { readonly images?: string; readonly exact?: string | undefined },
): Promise<void> {
  if (images !== undefined && resolve(images) === resolve(folder))
    throw new UsageError('--svg: is the folder of --images; give each one of its own');
  await checkOutside({ '--svg': folder }, [exact]);
  for (const path of new Set([paths[0]!, paths.reduce((a, b) => (b.length > a.length ? b : a))]))
    await checkWritable(path);
  await checkNoOthers('--svg', folder, paths);
}

/** @throws UsageError if the model's images are in color, or too small to be icons */
export function checkTraceable({ shape }: Pick<ImageGenerator, 'shape'>): void {
  const [channels = 0, height = 0, width = 0] = shape;
  if (channels !== 1)
    throw new UsageError('--svg: traces icons in black and white, and this model generates color; leave it out');
  if (Math.min(height, width) < 8)
    throw new UsageError(`--svg: traces icons of 8 × 8 pixels or more, and this model's are ${width} × ${height}`);
}

/** Traces each image and writes it. */
export async function writeSvg(paths: readonly string[], images: readonly Bitmap[]): Promise<void> {
  for (const [i, path] of paths.entries()) await writeFileWhole(path, Buffer.from(traceIcon(images[i]!)));
}
