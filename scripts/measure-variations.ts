/**
 * What variations keep of an image, and whether they copy: varies every image of a list, asks a CLIP for the caption of
 * each variation among all captions of the data, and looks for the nearest training image.
 *
 *     npm run variations -- <model> --clip <judge> [--data data/fluent64] [--files splits/test-concepts.txt]
 *       [--train splits/train.txt] [--count 2] [--seed 0] [--threads 1] [--out variations-nearest.png]
 *
 * Prior and decoder are measured, an upsampler behind them is left out. Only images that the judge names right say
 * something of their variations; it is best a CLIP that the model was not trained with.
 */
import { parseArgs } from 'node:util';
import { folderFiles, resolveModel, wholeUnCLIPClasses } from '../src/checkpoint/index.ts';
import { float32 } from '../src/core/index.ts';
import {
  captionsOf,
  fromBitmaps,
  imagesAt,
  layGrid,
  openDataset,
  takeListed,
  writePng,
  type Bitmap,
} from '../src/data/index.ts';
import { copyRatio, nearestImages, nearestPairs, openAlignmentMeter } from '../src/eval/index.ts';
import {
  generateImages,
  generatorOpeners,
  openGenerator,
  openUnCLIP,
  variationRequest,
} from '../src/generators/index.ts';
import { imageShapeOf } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';

const {
  positionals: [name],
  values: { clip, ...values },
} = parseArgs({
  allowPositionals: true,
  options: {
    clip: { type: 'string' },
    data: { type: 'string', default: 'data/fluent64' },
    files: { type: 'string', default: 'splits/test-concepts.txt' },
    train: { type: 'string', default: 'splits/train.txt' },
    count: { type: 'string', default: '2' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string', default: '1' },
    out: { type: 'string', default: 'variations-nearest.png' },
  },
});
if (name === undefined || clip === undefined) throw new Error('usage: npm run variations -- <model> --clip <judge>');
const [count, seed] = [Number(values.count), Number(values.seed)];

/** Pairs on the sheet. */
const shownPairs = 32;

const executor = createNodeExecutor({ threads: Number(values.threads) });
const generator = await openGenerator(executor, folderFiles(await resolveModel(name)), {
  openers: { ...generatorOpeners, ...Object.fromEntries(wholeUnCLIPClasses.map((each) => [each, openUnCLIP])) },
});
const [channels, height, width] = imageShapeOf(generator.shape);
const all = await openDataset(values.data, { size: [height, width], channels: channels as 1 | 3 });
const [test, training] = [await takeListed(all, values.files), await takeListed(all, values.train)];
const captions = captionsOf(test);
const meter = await openAlignmentMeter(executor, clip, {
  imageShape: [channels, height, width],
  candidates: [...new Set(captionsOf(all))],
});

let [named, kept, keptAmongFive, copies, nearest] = [0, 0, 0, 0, 0];
const pairs: Bitmap[] = [];
for (let place = 0; place < test.count; place++) {
  const caption = captions[place]!;
  const { data } = fromBitmaps(imagesAt(test, [place]));
  await meter.add(float32([1, channels, height, width], data as Float32Array), [caption]);
  const isNamed = meter.take().top1 === 1;
  const image = float32([channels, height, width], data as Float32Array);
  const variations = await generateImages(
    generator,
    await variationRequest(generator, { image, count, seed, first: place * count }),
  );
  await meter.add(variations, Array<string>(count).fill(caption));
  const found = meter.take();
  if (isNamed) [named, kept, keptAmongFive] = [named + 1, kept + found.top1, keptAmongFive + found.top5];
  const near = nearestImages(variations, training);
  copies += near.filter(({ ratio }) => ratio !== null && ratio < copyRatio).length;
  nearest += near.reduce((sum, { distance }) => sum + distance, 0);
  if (pairs.length < 2 * shownPairs) pairs.push(...nearestPairs(variations, near, training));
  process.stderr.write(`${place + 1} of ${test.count}: ${caption}\n`);
}
const total = test.count * count;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
await writePng(values.out, layGrid(pairs.slice(0, 2 * shownPairs), { columns: 8 }));
process.stdout.write(
  [
    `${name}: ${count} variations of each of ${test.count} images of ${values.files}, seed ${seed}`,
    `${meter.clip} names ${named} of the ${test.count} images right among ${meter.candidates} captions`,
    `of their variations it gives ${percent(kept / named)} the caption of the original, ${percent(keptAmongFive / named)} among the first five`,
    `copies: ${copies} of ${total} are nearer to a training image than to a third of the distance to the next; to the nearest it is ${(nearest / total).toFixed(1)} gray levels`,
    `${values.out}: variations next to their nearest training image\n`,
  ].join('\n'),
);
await meter.dispose();
await generator.dispose();
await executor.dispose();
