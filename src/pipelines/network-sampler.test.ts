import { describe, expect, test } from 'vitest';
import { createInterpreter, float32, freeze, RandomStream } from '../core/index.ts';
import {
  classConditions,
  classifierFreeGuidance,
  clipping,
  linearSchedule,
  networkProcess,
  schedulerConfig,
} from '../diffusion/index.ts';
import { UNet2DModel } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { denoiserProgram } from './denoising-loss.ts';
import { sampleImages, sampleStreams } from './image-sampler.ts';
import { openSampler } from './network-sampler.ts';
import { oneLevelUnet } from '../../test/tiny-models.ts';

describe('guidance of a network that learns its variance', () => {
  // Two classes and one for "any"; one channel, and the variance of its pixels next to it.
  const unet = new UNet2DModel({ ...oneLevelUnet, inChannels: 1, outChannels: 2, numClassEmbeds: 3 });
  const nullClass = 2;
  // The last layers of a fresh network and of its branches are almost zero: every class would get the same.
  const weights = new Map(
    [...initialValues(unet, 1)].map(([name, value]) => [
      name,
      /conv2\.weight$|conv_out\.weight$/.test(name)
        ? float32(
            value.shape,
            new RandomStream(1, name).fillNormal(new Float32Array(value.data.length)).map((z) => z / 6),
          )
        : value,
    ]),
  );
  const scheduler = schedulerConfig({
    numTrainTimesteps: 40,
    varianceType: 'learned_range',
    predictionType: 'v_prediction',
  });
  const imageShape = [1, 4, 4] as const;
  const [size, scale, labels] = [16, 3, [1, 0]];
  const times = [39, 26, 13, 0];

  /** What the network says with a label: v̂ and (its own word + 1)/2, of both images. */
  async function network(
    xt: Float32Array,
    t: number,
    classes: readonly number[],
  ): Promise<{ v: Float32Array; fraction: Float32Array }> {
    const executor = createInterpreter();
    const executable = await executor.compile(freeze(denoiserProgram(unet, 2), weights));
    const { out_sample: out } = await executable.run(null, {
      sample: float32([2, ...imageShape], xt),
      timestep: float32([2], [t, t]),
      ...classConditions(classes),
    });
    const half = (first: number) =>
      Float32Array.from({ length: 2 * size }, (_, i) =>
        Number(out!.data[Math.floor(i / size) * 2 * size + first * size + (i % size)]),
      );
    return { v: half(0), fraction: half(1).map((word) => (word + 1) / 2) };
  }

  /** Algorithm 2 by hand, with the mean guided and the variance of the given branch. */
  async function byHand(varianceOf: 'conditional' | 'unconditional'): Promise<number[]> {
    const schedule = linearSchedule({ T: 40 });
    const streams = sampleStreams(7, [0, 1]);
    const normals = () => streams.flatMap((stream) => [...stream.fillNormal(new Float32Array(size))]);
    let xt = normals();
    for (const [step, t] of times.entries()) {
      const z = normals();
      const [c, u] = [
        await network(Float32Array.from(xt), t, labels),
        await network(Float32Array.from(xt), t, [nullClass, nullClass]),
      ];
      const next = times[step + 1];
      const [abar, abarNext] = [schedule.alphaBar(t), next === undefined ? 1 : schedule.alphaBar(next)];
      const beta = 1 - abar / abarNext;
      const small = ((1 - abarNext) / (1 - abar)) * beta;
      const { fraction } = varianceOf === 'conditional' ? c : u;
      xt = xt.map((x, i) => {
        const v = u.v[i]! + scale * (c.v[i]! - u.v[i]!);
        const x0 = Math.min(Math.max(Math.sqrt(abar) * x - Math.sqrt(1 - abar) * v, -1), 1);
        const mean =
          ((Math.sqrt(abarNext) * beta) / (1 - abar)) * x0 +
          ((Math.sqrt(abar / abarNext) * (1 - abarNext)) / (1 - abar)) * x;
        return next === undefined
          ? mean
          : mean + Math.exp(0.5 * (fraction[i]! * Math.log(beta) + (1 - fraction[i]!) * Math.log(small))) * z[i]!;
      });
    }
    return xt;
  }

  const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a, (x, i) => Math.abs(x - b[i]!)).reduce((most, x) => Math.max(most, x), 0);

  test('guides the mean of ancestral sampling, with the variance of the conditional branch', async () => {
    const sampler = await openSampler(createInterpreter(), {
      network: unet,
      scheduler,
      weights,
      nothing: classConditions([nullClass]),
      batchSize: 2,
    });
    const drawn = await sampleImages(sampler, {
      sampler: 'ddpm',
      steps: 4,
      seed: 7,
      count: 2,
      conditions: classConditions(labels),
      guidanceScale: scale,
    });
    // Single precision, over four steps.
    expect(largest(drawn.data, await byHand('conditional'))).toBeLessThan(2e-5);
    expect(largest(drawn.data, await byHand('unconditional'))).toBeGreaterThan(0.01);
    const unguided = await sampleImages(sampler, {
      sampler: 'ddpm',
      steps: 4,
      seed: 7,
      count: 2,
      conditions: classConditions(labels),
    });
    expect(largest(drawn.data, unguided.data)).toBeGreaterThan(0.01);
  });

  test('takes rescale and interval to the wrapper, whose fraction stays the conditional one', async () => {
    const sampler = await openSampler(createInterpreter(), {
      network: unet,
      scheduler,
      weights,
      nothing: classConditions([nullClass]),
      batchSize: 2,
    });
    const { schedule, preconditioning } = networkProcess(scheduler);
    const xt = float32([2, ...imageShape], new RandomStream(3, 'x', 0).fillNormal(new Float32Array(2 * size)));
    const level = schedule.sigma(20) / schedule.alpha(20);
    const nothing = classConditions([nullClass]);
    for (const [rescale, interval] of [
      [0.7, [0, Infinity]],
      [0, [level, Infinity]],
      [0.4, [0, level]],
    ] as const) {
      const wrapped = clipping(
        classifierFreeGuidance(sampler.plainDenoiser, {
          schedule,
          scale,
          nothing,
          rescale,
          interval,
          asked: preconditioning,
        }),
        schedule,
      );
      const opened = sampler.denoiser({ guidanceScale: scale, guidanceRescale: rescale, guidanceInterval: interval });
      // One image inside of the interval or at its end, one outside where it has one.
      const t = [20, interval[0] === 0 ? 30 : 10];
      const conditions = classConditions(labels);
      const found = await opened(xt, t, { conditions });
      expect(found).toEqual(await wrapped(xt, t, { conditions }));
      expect(found.varianceFraction).toEqual((await sampler.plainDenoiser(xt, t, { conditions })).varianceFraction);
    }
  });
});

test('images that are not finite are said, with their number and the step', async () => {
  const unet = new UNet2DModel({ ...oneLevelUnet, inChannels: 1, outChannels: 1 });
  // Finite weights whose products are not.
  const weights = new Map(
    [...initialValues(unet, 1)].map(([name, value]) => [
      name,
      name === 'conv_out.weight' ? float32(value.shape, new Float32Array(value.data.length).fill(3e38)) : value,
    ]),
  );
  const sampler = await openSampler(createInterpreter(), {
    network: unet,
    scheduler: schedulerConfig({ numTrainTimesteps: 40, clipSample: false }),
    weights,
    batchSize: 2,
  });
  await expect(sampleImages(sampler, { seed: 0, count: 2, first: 5, sampler: 'ddim', steps: 4 })).rejects.toThrow(
    /^sample: image 5 holds (NaN|-?Infinity) after step 1 of 4; take an earlier checkpoint/,
  );
  await sampler.dispose();
});
