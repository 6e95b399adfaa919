import { setImmediate } from 'node:timers/promises';
import {
  axisTicks,
  checkExtension,
  checkWritable,
  logTicks,
  plotMarks,
  renderFigure,
  seriesColors,
  writePng,
  type Figure,
  type Point,
} from '../../data/index.ts';
import {
  classConditions,
  classDatasetDenoiser,
  datasetDenoiser,
  denoisingLossByNoise,
  hasSteps,
  spreadTimes,
  type Denoiser,
  type LossAtTime,
  type NetworkProcess,
  type NoiseSchedule,
} from '../../diffusion/index.ts';
import { imageShapeOf } from '../../pipelines/index.ts';
import { openData } from '../open-data.ts';
import type { DeviceOptions } from '../device-options.ts';
import { checkOutside } from '../check-apart.ts';
import { allImages, checkNeedsNoText, samplerOf } from '../open-images.ts';
import { withImages } from '../with-images.ts';
import { createProgress } from '../progress.ts';

/** The options of `kuosan loss-by-noise`. */
export interface LossByNoiseCommandOptions extends DeviceOptions {
  readonly data: string;
  readonly levels: number;
  readonly draws: number;
  readonly out: string;
  readonly seed: number;
  readonly variant?: string;
  readonly batchSize: number;
}

export async function runLossByNoise(source: string, options: LossByNoiseCommandOptions): Promise<void> {
  const { data, levels, draws, out, seed, batchSize } = options;
  checkExtension(out, '.png');
  await checkWritable(out);
  await checkOutside({ '--out': out }, [data]);
  await withImages(source, options, async (opened, signal) => {
    if (opened.generator.takes.image?.use === 'required')
      throw new Error(
        `${source}: this model is conditioned on an image, and its irreducible loss is unknown; take a model without image conditioning`,
      );
    checkNeedsNoText(opened, 'loss-by-noise');
    const sampler = samplerOf(opened, 'loss-by-noise');
    const noise = sampler.process;
    const [channels, height, width] = imageShapeOf(sampler.shape);
    const labelled = opened.generator.takes.classes;
    const takesClasses = labelled !== undefined;
    const { schedule } = noise;
    const dataset = await openData(data, { size: [height, width], channels: channels as 1 | 3 });
    if (takesClasses && !dataset.labels) throw new Error(`${source}: this model takes classes, and ${data} has none`);
    const [known, found] = [labelled?.names?.length, dataset.classNames?.length];
    if (takesClasses && known !== undefined && found !== undefined && found > known)
      throw new Error(
        `${source}: this model knows ${known} classes, and ${data} has ${found}; give the images that it was trained on`,
      );
    const images = allImages(dataset);
    const times = spreadTimes(noise, levels);
    const measure = async (denoise: Denoiser, what: string) => {
      const progress = createProgress(what, times.length * draws);
      try {
        return await denoisingLossByNoise(
          async (xt, t, asked) => (await setImmediate(), denoise(xt, t, asked)),
          images,
          schedule,
          {
            times,
            draws,
            batchSize,
            seed,
            signal,
            onProgress: (done, total) => progress.update(done, `of ${total} noisy images`),
            ...(takesClasses && {
              conditions: (places: readonly number[]) =>
                classConditions(places.map((place) => dataset.labels![place]!)),
            }),
          },
        );
      } finally {
        progress.stop();
      }
    };
    const network = await measure(sampler.plainDenoiser, 'network');
    const exact = await measure(
      takesClasses ? classDatasetDenoiser(schedule, images, dataset.labels!) : datasetDenoiser(schedule, images),
      'exact denoiser',
    );
    await writePng(
      out,
      await renderFigure(layLossByNoise(network, exact, noise, `${source} on ${data}, ${dataset.count} images`)),
    );
    for (const line of describe(network, exact, schedule)) process.stdout.write(`${line}\n`);
    process.stdout.write(
      `${out}: written; seed ${seed}, ${draws} noisy images at each level, on ${opened.generator.device}\n`,
    );
  });
}

function describe(network: readonly LossAtTime[], exact: readonly LossAtTime[], schedule: NoiseSchedule): string[] {
  const number = (value: number) =>
    (value < 1e-9 ? '0' : value < 1e-3 ? value.toExponential(1).replace('e-', 'e−') : value.toPrecision(3)).padStart(9);
  const mean = (losses: readonly LossAtTime[]) => losses.reduce((sum, { loss }) => sum + loss, 0) / losses.length;
  return [
    "mean squared error of ε̂ (± standard error), and the irreducible loss on this data (the exact denoiser's):",
    '     t      σ/α    network        ±  irreducible        ±',
    ...network.map(
      ({ t, loss, standardError }, i) =>
        `${(hasSteps(schedule) ? String(t) : t.toPrecision(3)).padStart(6)}${number(schedule.sigma(t) / schedule.alpha(t))}  ${number(loss)}${number(standardError)}    ${number(exact[i]!.loss)}${number(exact[i]!.standardError)}`,
    ),
    `mean over the levels: network ${mean(network).toPrecision(4)}, irreducible ${mean(exact).toPrecision(4)}`,
  ];
}

function layLossByNoise(
  network: readonly LossAtTime[],
  exact: readonly LossAtTime[],
  { preconditioning: { networkTime }, networkTimes: { from, to, label } }: NetworkProcess,
  subtitle: string,
): Figure {
  const losses = network.map(({ loss }) => loss).filter((loss) => loss > 0);
  // At most a decade below the network: further down the irreducible loss is negligible, and would flatten the rest.
  const ticks = logTicks(Math.min(...losses) / 10, Math.max(...losses, ...exact.map(({ loss }) => loss)));
  const points = (of: readonly LossAtTime[]) =>
    of.map(({ t, loss }): Point => [networkTime(t), Math.max(loss, ticks[0]!)]);
  const marks = plotMarks({
    at: [68, 104],
    width: 640,
    height: 320,
    title: '',
    x: { domain: [from, to], ticks: axisTicks({ from, to }), label },
    y: { domain: [ticks[0]!, ticks.at(-1)!], ticks, scale: 'log' },
    series: [
      { label: 'network', color: seriesColors[0]!, points: points(network) },
      { label: 'irreducible loss (exact denoiser)', color: seriesColors[1]!, points: points(exact) },
    ],
  });
  return {
    width: 740,
    height: 476,
    marks: [
      { kind: 'text', at: [68, 32], text: 'Mean squared error of the predicted ε by noise level', size: 17 },
      { kind: 'text', at: [68, 54], text: subtitle, size: 13, color: '#666' },
      ...marks,
    ],
  };
}
