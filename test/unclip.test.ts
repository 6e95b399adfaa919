/** DALL·E 2 in diffusers' layout: what its pipelines save is sampled here as there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderFiles } from '../src/checkpoint/index.ts';
import { float32, type FloatArray } from '../src/core/index.ts';
import { takeRows } from '../src/diffusion/index.ts';
import { readSafetensors } from '../src/formats/index.ts';
import { generateImages, openGenerator, type GenerateProgress } from '../src/generators/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';

const golden = join(import.meta.dirname, 'golden/unclip');
const expected = readSafetensors(readFileSync(join(golden, 'images.safetensors'))).tensors;
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

const open = (folder: string) => openGenerator(executor, folderFiles(folder), { batchSize: 2 });
const sampling = { steps: 5, guidanceScale: 3, stages: { prior: { steps: 5 }, super_res: { steps: 3 } } };

/** The largest difference, of images in [−1, 1] that are clipped as Python's are. */
function largestDifference(ours: FloatArray, theirs: FloatArray): number {
  expect(ours.shape).toEqual(theirs.shape);
  return Math.max(...ours.data.map((value, i) => Math.abs(Math.min(1, Math.max(-1, value)) - theirs.data[i]!)));
}

describe("a pipeline that diffusers' save_pretrained wrote", () => {
  test('draws the images of two prompts from our noise within 1e-3 of its own', async () => {
    const generator = await open(join(golden, 'pipeline'));
    expect(Object.keys(generator.defaults)).toEqual(['decoder', 'prior', 'super_res']);
    expect(generator.defaults).toMatchObject({
      // Of schedules of twelve.
      prior: { sampler: 'ddpm', steps: 12, guidanceScale: 4 },
      decoder: { sampler: 'ddpm', steps: 12, guidanceScale: 8 },
      super_res: { sampler: 'ddpm', steps: 7 },
    });
    const stages: string[] = [];
    const seen: GenerateProgress[] = [];
    const images = await generateImages(
      generator,
      { count: 2, prompts: ['a small red cat', 'bell'], sampling },
      (progress) => {
        if (stages.at(-1) !== progress.stage) stages.push(progress.stage);
        seen.push(progress);
      },
    );
    expect(stages).toEqual(['prior', 'decoder', 'super_res']);
    expect(seen.every(({ done }, i) => done >= (seen[i - 1]?.done ?? 0))).toBe(true);
    expect(seen.find(({ similarities }) => similarities)!.similarities!.shape).toEqual([2, 1]);
    const drawn = seen.flatMap(({ candidate }) => candidate ?? []);
    expect(drawn.map(({ shape }) => shape)).toEqual([[2, generator.clip!.width]]);
    // Of one candidate it is the one that the decoder is conditioned on.
    const { first } = generator;
    const { conditions } = await first!.conditionsOf({ count: 2, prompts: ['a small red cat', 'bell'], sampling });
    expect(conditions['image_embeds']!.data).toEqual(drawn[0]!.data);
    expect([first!.stage, first!.model.shape]).toEqual(['decoder', [3, 8, 8]]);
    expect(largestDifference(images, expected.get('images')! as FloatArray)).toBeLessThan(1e-3);
    await generator.dispose();
  });

  test('draws variations of an image within 1e-3 of its own', async () => {
    const generator = await open(join(golden, 'variation'));
    const picture = expected.get('picture')! as FloatArray;
    const embedded = await generator.clip!.embedImages(picture);
    expect(largestDifference(clipped(embedded), clipped(expected.get('embeds')! as FloatArray))).toBeLessThan(1e-4);
    const images = await generateImages(generator, { count: 2, embeddings: takeRows(embedded, [0, 0]), sampling });
    expect(largestDifference(images, expected.get('variations')! as FloatArray)).toBeLessThan(1e-3);
    await generator.dispose();
  });
});

/** Small enough for the comparison, which holds images to −1 … 1. */
const clipped = ({ shape, data }: FloatArray) =>
  float32(
    shape,
    data.map((value) => value / 10),
  );
