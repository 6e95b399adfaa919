import { describe, expect, test } from 'vitest';
import { createInterpreter, float32, RandomStream, type FloatArray } from '../core/index.ts';
import { drainSampler, linearSchedule, samplers, schedulerConfig, timesteps } from '../diffusion/index.ts';
import { UNet2DModel } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { sampleImages, finishedImages, sampleStreams, type ImageModel } from './image-sampler.ts';
import { inpaintImage, interpolatedCount, interpolateSeeds, varyImage } from './edit.ts';
import { exactSampler } from './exact-sampler.ts';
import { openSampler } from './network-sampler.ts';
import { oneLevelUnet } from '../../test/tiny-models.ts';

const normals = (shape: readonly number[], purpose: string): FloatArray =>
  float32(shape, new RandomStream(1, purpose).fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))));
const images = float32(
  [4, 3, 2, 2],
  normals([4, 3, 2, 2], 'images').data.map((z) => Math.sign(z)),
);
const first = float32([3, 2, 2], images.data.slice(0, 12));
const exact = exactSampler({ images, scheduler: schedulerConfig(), batchSize: 3 });
const distances = (drawn: FloatArray, b: number) =>
  Array.from({ length: 4 }, (_, k) =>
    Math.hypot(...Array.from({ length: 12 }, (_unused, i) => drawn.data[b * 12 + i]! - images.data[k * 12 + i]!)),
  );

describe('the exact sampler', () => {
  test('generates images of the data, the same at any count', async () => {
    const all = await sampleImages(exact, { seed: 1, count: 7, sampler: 'ddim' });
    for (let b = 0; b < 7; b++) expect(Math.min(...distances(all, b))).toBeLessThan(0.02);
    const some = await sampleImages(exact, { seed: 1, first: 4, count: 2, sampler: 'ddim' });
    expect(some.data).toEqual(all.data.slice(48, 72));
  });

  test('cannot be guided', () => {
    expect(() => exact.denoiser({ guidanceScale: 2 })).toThrow('guidanceScale: the exact denoiser is unconditional');
    expect(() => exact.denoiser({ dynamicThresholding: {} })).toThrow('dynamicThresholding: an exact estimate');
  });
});

describe('editing images', () => {
  test('at strength 0 gives the image, at a little nearly it, at 1 what the seed draws', async () => {
    const vary = (strength: number) =>
      finishedImages(varyImage(exact, { image: first, strength, seed: 2, count: 4, sampler: 'ddim' }));
    expect((await vary(0)).data.slice(36)).toEqual(first.data);
    for (const b of [0, 1, 2, 3]) expect(distances(await vary(0.2), b)[0]).toBeLessThan(0.05);
    expect((await vary(1)).data).toEqual((await sampleImages(exact, { seed: 2, count: 4, sampler: 'ddim' })).data);
  });

  test('in-painting completes the image and tells how many steps it takes', async () => {
    const mask = float32([1, 2, 2], [0, 0, 1, 1]);
    const counts: number[] = [];
    const painted = await finishedImages(
      inpaintImage(exact, { image: first, mask, seed: 2, count: 4, steps: 20, jumpLength: 4, resamples: 3 }),
      ({ stepsDone, stepsTotal }) => counts.push(stepsTotal - stepsDone),
    );
    for (const b of [0, 1, 2, 3]) {
      expect(distances(painted, b)[0]).toBeLessThan(0.02);
      for (const i of [0, 1, 4, 5, 8, 9]) expect(painted.data[b * 12 + i]).toBe(first.data[i]);
    }
    expect(counts.at(-1)).toBe(0);
    expect(counts).toHaveLength(counts[0]! + 1);
  });

  test('images between seeds begin and end with the images of the seeds', async () => {
    const between = await finishedImages(interpolateSeeds(exact, { seeds: [5, 6, 7], frames: 4, sampler: 'ddim' }));
    expect(between.shape).toEqual([interpolatedCount(3, 4), 3, 2, 2]);
    for (const [place, seed] of [
      [0, 5],
      [3, 6],
      [6, 7],
    ] as const) {
      expect(between.data.slice(place * 12, place * 12 + 12)).toEqual(
        (await sampleImages(exact, { seed, count: 1, sampler: 'ddim' })).data,
      );
    }
  });

  test('says what does not fit', async () => {
    const small = float32([3, 1, 1], [0, 0, 0]);
    await expect(finishedImages(varyImage(exact, { image: small, strength: 0.5, seed: 0, count: 1 }))).rejects.toThrow(
      "varyImage: the image is [3, 1, 1], the model's are [3, 2, 2]",
    );
    await expect(finishedImages(varyImage(exact, { image: first, strength: 2, seed: 0, count: 1 }))).rejects.toThrow(
      'strength: expected a number from 0 to 1, got 2',
    );
    await expect(finishedImages(inpaintImage(exact, { image: first, mask: small, seed: 0, count: 1 }))).rejects.toThrow(
      'inpaintImage: the mask is [3, 1, 1], expected [1, 2, 2]',
    );
    await expect(finishedImages(interpolateSeeds(exact, { seeds: [1], frames: 4 }))).rejects.toThrow(
      'there are two seeds or more, got 1',
    );
    await expect(finishedImages(interpolateSeeds(exact, { seeds: [1, 2], frames: 1 }))).rejects.toThrow(
      'frames is an integer of 2 or more, got 1',
    );
  });
});

describe('a network that is conditioned on an image', () => {
  const unet = new UNet2DModel({ ...oneLevelUnet, inChannels: 2, outChannels: 1 });
  // A convolution at the end that is not nearly zero, so that what goes in matters.
  const weights = new Map(
    [...initialValues(unet, 1)].map(([name, value]) => [
      name,
      name === 'conv_out.weight'
        ? float32(
            value.shape,
            normals(value.shape, 'output').data.map((z) => z / 8),
          )
        : value,
    ]),
  );
  const scheduler = schedulerConfig({ numTrainTimesteps: 40 });
  const open = () => openSampler(createInterpreter(), { network: unet, scheduler, weights, batchSize: 2 });
  const condImages = normals([3, 1, 4, 4], 'condition');

  test("makes images of its output's channels, from two stacked on the channel axis", async () => {
    const sampler = await open();
    expect(sampler).toMatchObject({ shape: [1, 4, 4], conditions: [{ name: 'image', shape: [1, 4, 4] }] });
    const drawn = await sampleImages(sampler, {
      seed: 1,
      count: 3,
      sampler: 'ddpm',
      steps: 3,
      conditions: { image: condImages },
    });
    expect(drawn.shape).toEqual([3, 1, 4, 4]);
    // Image 2 is in the second batch: its condition goes with it, and nobody else's does.
    const other = float32(
      condImages.shape,
      condImages.data.map((x, i) => (i >= 32 ? -x : x)),
    );
    const changed = await sampleImages(sampler, {
      seed: 1,
      count: 3,
      sampler: 'ddpm',
      steps: 3,
      conditions: { image: other },
    });
    expect(changed.data.slice(0, 32)).toEqual(drawn.data.slice(0, 32));
    expect(changed.data.slice(32)).not.toEqual(drawn.data.slice(32));
    // By hand: the sampler on the same denoiser.
    const streams = sampleStreams(1, [0]);
    const schedule = linearSchedule({ T: 40 });
    const xT = streams[0]!.fillNormal(new Float32Array(16));
    const end = await drainSampler(
      samplers.ddpm.run(sampler.denoiser(), float32([1, 1, 4, 4], xT), {
        schedule,
        timesteps: timesteps(40, 3, { spacing: 'linspace' }),
        streams,
        conditions: { image: float32([1, 1, 4, 4], condImages.data.slice(0, 16)) },
      }),
    );
    expect(end.data).toEqual(drawn.data.slice(0, 16));
  });

  test('says so where the image is missing, of another size, or not wanted', async () => {
    const sampler = await open();
    const draw = (model: ImageModel & Parameters<typeof sampleImages>[0], given?: FloatArray) =>
      sampleImages(model, {
        seed: 1,
        count: 3,
        sampler: 'ddpm',
        steps: 3,
        ...(given && { conditions: { image: given } }),
      });
    await expect(draw(sampler)).rejects.toThrow(
      'sample: this model is conditioned on image, and none is given; add image, f32[3, 1, 4, 4], to the conditions',
    );
    await expect(draw(sampler, float32([3, 1, 2, 2], new Float32Array(12)))).rejects.toThrow(
      'sample: the condition image is f32[3, 1, 2, 2], expected f32[3, 1, 4, 4]',
    );
    await expect(draw(exact, condImages)).rejects.toThrow(
      'sample: this model is not conditioned on image; it takes no conditions',
    );
    await expect(sampler.denoiser()(normals([1, 1, 4, 4], 'x'), [3], {})).rejects.toThrow(
      'denoiser: this model is conditioned on image, and none is given; add image, f32[1, 1, 4, 4], to the conditions',
    );
  });
});
