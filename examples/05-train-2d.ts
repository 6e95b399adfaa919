/**
 * A DDPM of points in the plane, trained from nothing in seconds.
 *
 * Algorithm 1:  x_0 ~ data, t ~ U, ε ~ N(0, I);  gradient step on ‖ε − ε_θ(√ᾱ_t x_0 + √(1−ᾱ_t) ε, t)‖²
 * Algorithm 2:  from x_T ~ N(0, I) back to x_0 with ε_θ in the place of ε
 *
 * The data are a spiral; the network is four layers of the point and sines of the time. Nothing here knows of images: a
 * `DenoisingNetwork` is trained and sampled, whatever its samples are. spiral.png shows the data and the samples.
 *
 *     npx tsx examples/05-train-2d.ts [steps]
 */
import { concat, float32, RandomStream, silu, type FloatArray, type Tensor } from 'kuosan/core';
import { plotMarks, renderFigure, seriesColors, writePng, type Mark, type Point } from 'kuosan/data';
import { networkProcess, objectiveDefaults, schedulerConfig } from 'kuosan/diffusion';
import type { DenoisingNetwork } from 'kuosan/models';
import { Linear, Module, Timesteps, type Context } from 'kuosan/nn';
import { denoisingTask, openSampler, sampleImages } from 'kuosan/pipelines';
import { createNodeExecutor } from 'kuosan/runtime/node';
import { Trainer, trainSchema } from 'kuosan/train';

const steps = Number(process.argv[2] ?? 4000);
const [batchSize, width, count] = [256, 128, 1000];
const scheduler = schedulerConfig({ numTrainTimesteps: 200, clipSample: false });

/** Points on a spiral, a little off it: [size, 2]. */
function spiral(size: number, random: RandomStream): FloatArray {
  const points = Array.from({ length: size }, () => {
    const turn = 1 + 2 * Math.sqrt(random.uniform());
    const off = () => 0.03 * random.normal();
    return [(turn * Math.cos(Math.PI * turn)) / 2 + off(), (turn * Math.sin(Math.PI * turn)) / 2 + off()];
  });
  return float32([size, 2], points.flat());
}

class PointDenoiser extends Module implements DenoisingNetwork {
  readonly className = 'PointDenoiser';
  readonly config = {};
  readonly sample = [2];
  readonly outputs = [2];
  readonly conditions = [];
  readonly times = new Timesteps(32, { flipSinToCos: false, freqShift: 1 });
  readonly layers = [2 + 32, width, width, width].map((inputs, i) => new Linear(inputs, i === 3 ? 2 : width));

  get module(): this {
    return this;
  }

  /** @param xt  [B, 2];  @param t  [B];  @returns  [B, 2] ε̂ */
  forward(ctx: Context, xt: Tensor, t: Tensor): Tensor {
    const first = concat([xt, this.times.forward(ctx, t)], 1);
    return this.layers.reduce((x, layer, i) => layer.forward(ctx, i === 0 ? x : silu(x)), first);
  }

  denoise(...inputs: Parameters<PointDenoiser['forward']>): Tensor {
    return this.forward(...inputs);
  }
}

const network = new PointDenoiser();
const executor = createNodeExecutor({ threads: 1 });
const task = denoisingTask({
  network,
  process: networkProcess(scheduler),
  objective: objectiveDefaults,
  examples: { batch: (number, size) => ({ x0: spiral(size, new RandomStream(0, 'spiral', number)) }) },
  batchSize,
  seed: 0,
});
const settings = { learningRate: 2e-3, lrSchedule: 'cosine', warmupSteps: 50, ema: { decay: 0.99 } } as const;
const trainer = await Trainer.open(executor, task, trainSchema.parse({ steps, batchSize, ...settings }));
while (trainer.step < steps) {
  const { step, loss } = await trainer.advance();
  if (step % Math.ceil(steps / 8) === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
}

const weights = { store: trainer.store, prefix: 'ema/' };
const sampler = await openSampler(executor, { network, scheduler, weights, batchSize: count });
const samples = await sampleImages(sampler, { seed: 1, count, sampler: 'ddpm', steps: 200 });
await executor.dispose();

// The distance to the spiral: to the nearest of many points of it.
const data = spiral(2000, new RandomStream(2, 'spiral'));
const pointsOf = ({ data: values }: FloatArray) =>
  Array.from({ length: values.length / 2 }, (_, i): Point => [values[2 * i]!, values[2 * i + 1]!]);
const distance = ([x, y]: Point) => Math.min(...pointsOf(data).map(([u, v]) => Math.hypot(x - u, y - v)));
const distances = Float64Array.from(pointsOf(samples), distance).sort();
const [half, most] = [0.5, 0.9].map((share) => distances[share * count]!.toFixed(3));
console.log(`half of the ${count} points drawn lie within ${half} of the spiral, nine in ten within ${most}`);

const axis = { domain: [-2, 2], ticks: [-2, -1, 0, 1, 2] } as const;
const marks = Object.entries({ data, samples }).flatMap(([title, values], i): Mark[] => {
  const color = seriesColors[i]!;
  const dot = ([x, y]: Point): Mark => ({ kind: 'dot', at: [200 + i * 340 + 75 * x, 210 - 75 * y], radius: 1, color });
  const inside = pointsOf(values).filter(([x, y]) => Math.abs(x) < 2 && Math.abs(y) < 2);
  const frame = { at: [50 + i * 340, 60] as Point, width: 300, height: 300 };
  return [...plotMarks({ ...frame, title, x: axis, y: axis, series: [] }), ...inside.slice(0, count).map(dot)];
});
await writePng('spiral.png', await renderFigure({ width: 720, height: 400, marks }));
console.log('spiral.png: written');
