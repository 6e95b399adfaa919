import { checkExtension, checkWritable, layGrid, readImage, writePng, type Bitmap } from '../../data/index.ts';
import { rank } from '../../pipelines/index.ts';
import { checkOutside } from '../check-apart.ts';
import { sayTruncated, withClip, type ClipOptions } from './open-clip.ts';
import { UsageError } from '../options.ts';
import type { StartedEngine } from '../with-engine.ts';

/** The options of `kuosan search`. */
export interface SearchOptions extends ClipOptions {
  readonly query: string;
  readonly out: string;
  readonly count: number;
}

/** Side of the images on the sheet: easy to see, and twenty-five fit on a screen. */
const shownSize = 128;

/** Writes the sheet, and prints a line for each image on it: its path and the cosine. */
export async function runSearch(
  source: string,
  { query, out, count, ...options }: SearchOptions,
  engine: StartedEngine,
  print: (line: string) => void,
): Promise<void> {
  if (query.trim() === '') throw new UsageError('--query: is empty; give a text');
  checkExtension(out, '.png');
  await checkWritable(out);
  await checkOutside({ '--out': out }, [options.images]);
  await withClip(source, options, engine, async ({ encoder, embed }) => {
    const ask = async () => {
      const { embeddings: question, truncated } = await encoder.embedTexts([query]);
      sayTruncated(truncated, encoder.contextLength);
      return question;
    };
    // The towers get ready side by side.
    const [question, { files, embeddings }] = await Promise.all([ask(), embed()]);
    const found = rank(question, embeddings, count)[0]!;
    const images: Bitmap[] = [];
    for (const { index } of found) images.push(await readImage(files[index]!, { size: shownSize, crop: 'pad' }));
    await writePng(out, layGrid(images, { scale: 1 }));
    for (const { index, cosine } of found) print(`${cosine.toFixed(3)}  ${files[index]}`);
    print(`${out}: the ${found.length} of ${files.length} images nearest to ${JSON.stringify(query)}`);
  });
}
