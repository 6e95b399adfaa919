/**
 * A DDPM of points in the plane, trained from nothing in seconds.
 *
 * Algorithm 1:  x_0 ~ data, t ~ U, ε ~ N(0, I);  gradient step on ‖ε − ε_θ(√ᾱ_t x_0 + √(1−ᾱ_t) ε, t)‖²
 * Algorithm 2:  from x_T ~ N(0, I) back to x_0 with ε_θ in the place of ε
 *
 * The data are a spiral; the network is four layers that see the point and sines of the time. spiral.png shows the data and
 * what is drawn.
 *
 *     npx tsx examples/05-train-2d.ts [steps]
 */
import {
  concat,
  float32,
  input,
  meanSquaredError,
  program,
  RandomStream,
  silu,
  type FloatArray,
  type Tensor,
} from 'kuosan/core';
import { plotMarks, renderFigure, seriesColors, writePng, type Mark, type Point } from 'kuosan/data';
import {
  ddpm,
  drainSampler,
  drawTrainingNoise,
  fromPrediction,
  initialNoise,
  linearSchedule,
  timesteps,
} from 'kuosan/diffusion';
import { bind, Linear, Module, Timesteps, type Context } from 'kuosan/nn';
import { createNodeExecutor } from 'kuosan/runtime/node';
import { Trainer, trainSchema } from 'kuosan/train';

const steps = Number(process.argv[2] ?? 4000);
const [batchSize, width] = [256, 128];
const schedule = linearSchedule({ T: 200 });

/** Points on a spiral, a little off it: [count, 2]. */
function spiral(count: number, random: RandomStream): FloatArray {
  return float32(
    [count, 2],
    Array.from({ length: count }, () => {
      const turn = 1 + 2 * Math.sqrt(random.uniform());
      return [
        (turn * Math.cos(Math.PI * turn)) / 2 + 0.03 * random.normal(),
        (turn * Math.sin(Math.PI * turn)) / 2 + 0.03 * random.normal(),
      ];
    }).flat(),
  );
}

class PointDenoiser extends Module {
  readonly times = new Timesteps(32, { flipSinToCos: false, freqShift: 1 });
  readonly layers = [
    new Linear(2 + 32, width),
    new Linear(width, width),
    new Linear(width, width),
    new Linear(width, 2),
  ];

  /** @param xt  [B, 2];  @param t  [B];  @returns  [B, 2] ε̂ */
  forward(ctx: Context, xt: Tensor, t: Tensor): Tensor {
    const first = concat([xt, this.times.forward(ctx, t)], 1);
    return this.layers.reduce((x, layer, i) => layer.forward(ctx, i === 0 ? x : silu(x)), first);
  }
}

const network = new PointDenoiser();
const executor = createNodeExecutor({ threads: 1 });
const trainer = await Trainer.open(
  executor,
  {
    module: network,
    loss: (ctx) =>
      meanSquaredError(
        network.forward(ctx, input('xt', [batchSize, 2]), input('t', [batchSize])),
        input('eps', [batchSize, 2]),
        [1],
      ),
    inputs(batch) {
      const x0 = spiral(batchSize, new RandomStream(0, 'spiral', batch));
      const { t, noise, signalScale, noiseScale } = drawTrainingNoise(
        schedule,
        x0.shape,
        new RandomStream(0, 'noise', batch),
      );
      const xt = x0.data.map((x, i) => signalScale.data[i >> 1]! * x + noiseScale.data[i >> 1]! * noise.data[i]!);
      return { xt: float32(x0.shape, xt), t: float32([batchSize], t), eps: noise };
    },
  },
  trainSchema.parse({
    steps,
    batchSize,
    learningRate: 2e-3,
    lrSchedule: 'cosine',
    warmupSteps: 50,
    ema: { decay: 0.99 },
  }),
);
while (trainer.step < steps) {
  const { step, loss } = await trainer.advance();
  if (step % Math.ceil(steps / 8) === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
}

const count = 1000;
const ctx = bind(network, { prefix: 'ema/' });
const predict = await executor.compile(
  program({ outputs: { eps: network.forward(ctx, input('xt', [count, 2]), input('t', [count])) } }),
);
const denoise = fromPrediction(
  async (xt, t) => (await predict.run(trainer.store, { xt, t: float32([count], t) }))['eps']! as FloatArray,
  schedule,
  'epsilon',
);
const streams = Array.from({ length: count }, (_, i) => new RandomStream(1, 'sample', i));
const drawn = await drainSampler(
  ddpm(denoise, initialNoise([count, 2], streams), { schedule, timesteps: timesteps(schedule.T, schedule.T), streams }),
);
await executor.dispose();

// How far from the spiral: the distance to the nearest of many points of it.
const data = spiral(2000, new RandomStream(2, 'spiral'));
const pointsOf = ({ data: values }: FloatArray) =>
  Array.from({ length: values.length / 2 }, (_, i): Point => [values[2 * i]!, values[2 * i + 1]!]);
const distance = ([x, y]: Point) => Math.min(...pointsOf(data).map(([u, v]) => Math.hypot(x - u, y - v)));
const distances = pointsOf(drawn)
  .map(distance)
  .sort((a, b) => a - b);
console.log(
  `half of the ${count} points drawn lie within ${distances[count / 2]!.toFixed(3)} of the spiral, nine in ten within ${distances[0.9 * count]!.toFixed(3)}`,
);

const axis = { domain: [-2, 2], ticks: [-2, -1, 0, 1, 2] } as const;
const marks = [data, drawn].flatMap((values, i): Mark[] => [
  ...plotMarks({
    at: [50 + i * 340, 60],
    width: 300,
    height: 300,
    title: i === 0 ? 'data' : 'drawn',
    x: axis,
    y: axis,
    series: [],
  }),
  ...pointsOf(values)
    .slice(0, count)
    .filter((point) => point.every((v) => Math.abs(v) < 2))
    .map(([x, y]): Mark => ({
      kind: 'dot',
      at: [50 + i * 340 + (x + 2) * 75, 360 - (y + 2) * 75],
      radius: 1,
      color: seriesColors[i]!,
    })),
]);
await writePng('spiral.png', await renderFigure({ width: 720, height: 400, marks }));
console.log('spiral.png: written');
