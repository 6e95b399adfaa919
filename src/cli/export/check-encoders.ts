/** Whether stages of text to image were trained with one text encoder, which is all that their folder keeps. */
import { readTextEncoder, folderFiles, textEncoderFolder, type LoadedTextEncoder } from '../../checkpoint/index.ts';

/** The same weights in float32, float16 and int8 have a higher cosine; those of two trainings a lower one. */
const leastCosine = 0.99;

/**
 * @param dirs  of the stages that have an encoder
 * @throws one line, if one of them has another encoder than the first
 */
export async function checkOneEncoder(dirs: readonly string[]): Promise<void> {
  const [first, ...others] = dirs;
  if (first === undefined || others.length === 0) return;
  const read = (dir: string) => readTextEncoder(folderFiles(dir), { folder: textEncoderFolder });
  const shared = await read(first);
  for (const dir of others)
    if (!isSame(shared, await read(dir)))
      throw new Error(
        `assemble: ${dir} was trained with another text encoder than ${first}, and a cascade has one; train both with the same`,
      );
}

function isSame(a: LoadedTextEncoder, b: LoadedTextEncoder): boolean {
  const said = ({ network, tokenizer }: LoadedTextEncoder) =>
    JSON.stringify([network.className, network.config, tokenizer]);
  return said(a) === said(b) && cosine(a, b) > leastCosine;
}

/** Of all weights in a row. */
function cosine({ weights }: LoadedTextEncoder, { weights: others }: LoadedTextEncoder): number {
  let [product, square, otherSquare] = [0, 0, 0];
  for (const [name, { data }] of weights) {
    const other = others.get(name)?.data;
    if (other?.length !== data.length) return 0;
    for (let i = 0; i < data.length; i++) {
      const [x, y] = [Number(data[i]), Number(other[i])];
      product += x * y;
      square += x * x;
      otherSquare += y * y;
    }
  }
  return product / Math.sqrt(square * otherSquare);
}
