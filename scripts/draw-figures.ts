/**
 * Draws what a DALL·E 2 is for from the fixed lists of `docs/prompts/dalle-2-figures.json`: `<name>-variations.png`,
 * `-interpolations.png`, `-text-diffs.png`, `-inpaintings.png` and `-components.png`. A row of a figure is what one
 * command (`kuosan variations`, `interpolate`, `edit`) makes of the same image; here the model is opened once.
 *
 *     npm run figures -- <model> [--data data/fluent64] [--out docs/images] [--only variations,components] [--seed 0]
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { allImages } from '../src/cli/open-images.ts';
import { folderFiles, resolveModel } from '../src/checkpoint/index.ts';
import { float32, type FloatArray } from '../src/core/index.ts';
import {
  captionsOf,
  fromBitmaps,
  layRows,
  openDataset,
  readImage,
  takeListed,
  toBitmaps,
  writePng,
  type Bitmap,
  type TitledRow,
} from '../src/data/index.ts';
import {
  componentsRequest,
  generateImages,
  interpolationRequest,
  openGenerator,
  textDiffRequest,
  variationRequest,
  type GenerateRequest,
} from '../src/generators/index.ts';
import { imageShapeOf, principalComponents } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';

const file = z.string().endsWith('.png');
const listsSchema = z.strictObject({
  /** How the images were chosen. */
  images: z.string(),
  variations: z.array(file),
  interpolations: z.array(z.tuple([file, file])),
  textDiffs: z.array(z.strictObject({ image: file, from: z.string(), to: z.string() })),
  /** The mask is left, top, width and height, as shares of the image. */
  inpaintings: z.array(
    z.strictObject({
      image: file,
      mask: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      prompt: z.string(),
    }),
  ),
  components: z.strictObject({ images: z.array(file), counts: z.array(z.number().int().positive()) }),
});

const {
  positionals: [name],
  values: { data, out, only, seed: given, threads },
} = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string', default: 'data/fluent64' },
    out: { type: 'string', default: 'docs/images' },
    only: { type: 'string' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string', default: '1' },
  },
});
if (name === undefined) throw new Error('usage: npm run figures -- <model> [--data data/fluent64] [--out docs/images]');
const seed = Number(given);
const lists = listsSchema.parse(JSON.parse(await readFile('docs/prompts/dalle-2-figures.json', 'utf8')));
const executor = createNodeExecutor({ threads: Number(threads) });
const generator = await openGenerator(executor, folderFiles(await resolveModel(name)), { batchSize: 8 });
const [channels, height, width] = imageShapeOf(generator.takes.image!.shape);
const shown = imageShapeOf(generator.shape);

/** Images of a row. */
const columns = 6;
/** RePaint goes back and forth: an image takes many times the steps. */
const inpainted = 3;

/** The image as the model takes it: [C, H, W]. */
async function imageOf(path: string): Promise<FloatArray> {
  const { data: pixels } = fromBitmaps([await bitmapOf(path, [height, width])]);
  return float32([channels, height, width], pixels as Float32Array);
}

function bitmapOf(path: string, size: readonly [number, number] = [shown[1], shown[2]]): Promise<Bitmap> {
  return readImage(join(data, path), { size: [...size], channels: channels as 1 | 3 });
}

const generated = async (request: GenerateRequest): Promise<Bitmap[]> =>
  toBitmaps(await generateImages(generator, request));

const captions = await captionsByFile();

async function captionsByFile(): Promise<ReadonlyMap<string, string>> {
  const dataset = await openDataset(data, { size: [height, width], channels: channels as 1 | 3 });
  return new Map(dataset.ids.map((id, i) => [id, captionsOf(dataset)[i]!]));
}

function captionOf(path: string): string {
  const caption = captions.get(path);
  if (caption === undefined) throw new Error(`${path}: is not in ${data}; build it with kuosan data emoji`);
  return caption;
}

/** The rows of each figure. */
const figures: Readonly<Record<string, () => AsyncGenerator<TitledRow, void, undefined>>> = {
  async *variations() {
    for (const path of lists.variations) {
      const image = await imageOf(path);
      const images = await generated(await variationRequest(generator, { image, count: columns, seed }));
      yield { title: captionOf(path), images: [await bitmapOf(path), ...images] };
    }
  },
  async *interpolations() {
    for (const ends of lists.interpolations) {
      const images = await Promise.all(ends.map(imageOf));
      const between = await generated(await interpolationRequest(generator, { images, frames: columns, seed }));
      const [first, last] = await Promise.all(ends.map((path) => bitmapOf(path)));
      yield { title: ends.map(captionOf).join(' – '), images: [first!, ...between, last!] };
    }
  },
  async *'text-diffs'() {
    for (const { image: path, from, to } of lists.textDiffs) {
      const image = await imageOf(path);
      const images = await generated(await textDiffRequest(generator, { image, from, to, frames: columns, seed }));
      yield { title: `${from} → ${to}`, images: [await bitmapOf(path), ...images] };
    }
  },
  async *inpaintings() {
    for (const { image: path, mask: box, prompt } of lists.inpaintings) {
      const image = await imageOf(path);
      const mask = maskOf(box);
      const images = await generated({ image, mask, prompts: [prompt], count: inpainted, seed });
      yield { title: `“${prompt}”`, images: [await bitmapOf(path), await maskedBitmap(path, box), ...images] };
    }
  },
  async *components() {
    const all = await openDataset(data, { size: [height, width], channels: channels as 1 | 3 });
    const seen = await takeListed(all, 'splits/train.txt');
    const components = principalComponents(await generator.clip!.embedImages(allImages(seen)));
    const { images, counts } = lists.components;
    for (const path of images) {
      const image = await imageOf(path);
      const rebuilt = await generated(await componentsRequest(generator, { image, components, counts, seed }));
      yield {
        title: `${captionOf(path)}: ${counts.join(', ')} components`,
        images: [await bitmapOf(path), ...rebuilt],
      };
    }
  },
};

/** 1 inside the box: [1, H, W]. */
function maskOf([left, top, across, down]: readonly [number, number, number, number]): FloatArray {
  const values = Float32Array.from({ length: height * width }, (_, at) => {
    const [x, y] = [((at % width) + 0.5) / width, (Math.floor(at / width) + 0.5) / height];
    return x >= left && x < left + across && y >= top && y < top + down ? 1 : 0;
  });
  return float32([1, height, width], values);
}

/** What is kept of the image: the rest is gray. */
async function maskedBitmap(path: string, box: readonly [number, number, number, number]): Promise<Bitmap> {
  const bitmap = await bitmapOf(path, [height, width]);
  const { data: mask } = maskOf(box);
  const pixels = bitmap.data.map((value, i) => (mask[Math.floor(i / channels)] === 1 ? 160 : value));
  return { ...bitmap, data: pixels };
}

const asked = only?.split(',') ?? Object.keys(figures);
const unknown = asked.find((figure) => !Object.hasOwn(figures, figure));
if (unknown !== undefined) throw new Error(`--only: ${unknown} is none of ${Object.keys(figures).join(', ')}`);
for (const figure of asked) {
  const rows: TitledRow[] = [];
  for await (const row of figures[figure]!()) {
    rows.push(row);
    process.stderr.write(`${figure}: ${row.title}\n`);
  }
  const path = join(out, `${basename(name)}-${figure}.png`);
  await writePng(path, await layRows(rows));
  process.stdout.write(`${path}: ${rows.length} rows\n`);
}
await generator.dispose();
await executor.dispose();
