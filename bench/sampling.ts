/**
 * How long images take to be drawn: 3 × 32 × 32 by DDIM with the network of 6.47 million parameters, the whole loop,
 * next to diffusers' `UNet2DModel` and `DDIMScheduler` with the same weights, noise and times, which have to draw the same.
 *
 * Ours draws in batches of the size that `kuosan sample` takes; a peer in those that it is fastest with. A block is a few steps of some images, since what counts
 * is the time of a step of an image; `--whole` also generates 256 images in 50 steps once on the fastest side of each.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeModelFolder } from '../src/checkpoint/index.ts';
import { float32, RandomStream, type Executor, type HostArrays } from '../src/core/index.ts';
import { initialNoise } from '../src/diffusion/index.ts';
import { readNpy, writeNpy } from '../src/formats/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { sampleImages, openSampler, sampleStreams, type ImageSampler } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { contest, summarize } from './contest.ts';
import { networkOf, imageOf, unetConfig } from './network.ts';
import { startPeer, type Peer } from './peer.ts';
import { outcomeOf, printOutcomes, progress, rounded, sayHowLong, type Settings } from './question.ts';
import { digits, layTable, percent } from './table.ts';

const [seed, width] = [0, 64];
/** All images, and the steps of each. */
const whole = { count: 256, steps: 50 };
/** What is drawn at a time where sides take turns: divided by every size of batch. */
const block = { count: 64, steps: 2 };
const batchSizes = [8, 16, 32, 64];
/** As `openSampler` and every command take where nobody says: measured in docs/performance.md. */
const ownBatch = 16;
/** What the sides have to agree on: whole ways of a few images, and how far they may be apart. */
const [checked, tolerance] = [{ count: 8, steps: 50 }, 1e-3];

interface Order {
  readonly batch: number;
  readonly count: number;
  readonly steps: number;
}

/** Somebody who draws the first images of the seed, and how long it took. */
interface Painter {
  draw(order: Order): Promise<{ readonly ms: number; readonly images: () => Promise<Float32Array> }>;
  stop(): Promise<void>;
}

export async function sampling(settings: Settings): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kuosan-bench-'));
  const painters: Record<string, Painter> = {};
  try {
    await openSides(painters, folder, settings);
    const best: Record<string, number> = { kuosan: ownBatch };
    const rows: string[][] = [];
    for (const [name, painter] of Object.entries(painters)) {
      if (name in best) continue;
      progress(`${name}: batches of ${batchSizes.join(', ')}`);
      const blocks = await contest(
        Object.fromEntries(batchSizes.map((batch) => [batch, turns(painter, { ...block, steps: 1, batch })])),
        { rounds: 3, repeat: 1 },
      );
      const times = batchSizes.map((batch) => summarize(blocks[batch]!).median);
      best[name] = batchSizes[times.indexOf(Math.min(...times))]!;
      rows.push([name, ...times.map(digits)]);
    }
    if (rows.length > 0)
      console.log(
        `ms of a step of an image, by the images computed together\n${layTable([['', ...batchSizes.map(String)], ...rows])}\n`,
      );

    await compare(painters, checked, best);
    progress('all sides in turn');
    const sides = Object.fromEntries(
      Object.entries(painters).map(([name, painter]) => [name, turns(painter, { ...block, batch: best[name]! })]),
    );
    const outcome = outcomeOf(
      'a step of an image',
      await contest(sides, { rounds: settings.rounds, repeat: 1, onEstimate: sayHowLong }),
    );
    printOutcomes('sampling', [outcome]);
    if (settings.whole) await drawAll(painters, best, outcome.best);
  } finally {
    for (const painter of Object.values(painters)) await painter.stop();
    await rm(folder, { recursive: true });
  }
}

/** Ours, and diffusers' in each variant that starts; what cannot take part is said on the console. */
async function openSides(
  painters: Record<string, Painter>,
  folder: string,
  { threads, variants }: Settings,
): Promise<void> {
  const config = unetConfig(width, 1);
  // An untrained network says nothing at first, and if it said ε, every pixel would be clipped: what it paints then is no test.
  const scheduler = { ...config.scheduler, predictionType: 'sample' } as const;
  const unet = networkOf(config);
  const weights = eloquent(initialValues(unet, seed));
  const imageShape = imageOf(config);
  const executor = createNodeExecutor({ threads });
  painters['kuosan'] = ownSide(executor, (batchSize) =>
    openSampler(executor, { network: unet, scheduler, weights, batchSize }),
  );
  const model = join(folder, 'model');
  await writeModelFolder(model, { network: unet, weights, scheduler });
  const noise = join(folder, 'noise.npy');
  const numbers = Array.from({ length: whole.count }, (_, i) => i);
  await writeFile(noise, writeNpy(initialNoise([whole.count, ...imageShape], sampleStreams(seed, numbers))));
  for (const variant of variants) {
    const peer = await startPeer('ddim.py', { model, noise, variant, threads });
    // The first drawing compiles; what cannot (torch.compile needs a C++ compiler) is found here.
    const trouble =
      typeof peer === 'string'
        ? peer
        : await peer.ask({ batch: 1, count: 1, steps: 1 }).then(
            () => undefined,
            (error: Error) => error.message,
          );
    if (typeof peer === 'string' || trouble !== undefined) {
      console.log(`without diffusers' ${variant}: ${trouble}`);
      if (typeof peer !== 'string') await peer.stop();
    } else painters[variant] = peerSide(peer, join(folder, `${variant}.npy`));
  }
}

/** Weights of normals, of a size that keeps that of what passes through them. */
function eloquent(weights: HostArrays): HostArrays {
  return new Map(
    [...weights].map(([name, value], i) => {
      if (value.shape.length < 2) return [name, value];
      const scale = Math.sqrt(value.shape[0]! / value.data.length);
      return [
        name,
        float32(
          value.shape,
          new RandomStream(seed, 'bench weights', i)
            .fillNormal(new Float32Array(value.data.length))
            .map((z) => scale * z),
        ),
      ];
    }),
  );
}

function ownSide(executor: Executor, open: (batchSize: number) => Promise<ImageSampler>): Painter {
  const samplers = new Map<number, ImageSampler>();
  return {
    async draw({ batch, count, steps }) {
      if (!samplers.has(batch)) samplers.set(batch, await open(batch));
      const start = performance.now();
      const { data } = await sampleImages(samplers.get(batch)!, { seed, count, sampler: 'ddim', steps });
      return { ms: performance.now() - start, images: async () => data };
    },
    stop: () => executor.dispose(),
  };
}

function peerSide(peer: Peer, out: string): Painter {
  return {
    draw: async (order) => ({
      ms: (await peer.ask({ ...order, out }))['ms'] as number,
      images: async () => readNpy(await readFile(out)).data as Float32Array,
    }),
    stop: () => peer.stop(),
  };
}

/** Milliseconds of a step of an image, drawing after drawing. */
function turns(painter: Painter, order: Order) {
  return async (repeat: number) => {
    const times: number[] = [];
    for (let i = 0; i < repeat; i++) times.push((await painter.draw(order)).ms / (order.count * order.steps));
    return times;
  };
}

/** @throws unless all sides generate the same images */
async function compare(
  painters: Readonly<Record<string, Painter>>,
  work: Omit<Order, 'batch'>,
  best: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  const drawn: Record<string, { readonly ms: number; readonly images: Float32Array }> = {};
  for (const [name, painter] of Object.entries(painters)) {
    progress(`${name}: ${work.count} images in ${work.steps} steps`);
    const { ms, images } = await painter.draw({ ...work, batch: best[name]! });
    drawn[name] = { ms, images: await images() };
  }
  const ours = drawn['kuosan']!.images;
  const clipped = ours.filter((x) => Math.abs(x) === 1).length / ours.length;
  const deviation = Math.sqrt(ours.reduce((sum, x) => sum + x * x, 0) / ours.length);
  console.log(
    `${work.count} images in ${work.steps} steps: deviation ${deviation.toFixed(2)}, ${percent(clipped)} clipped`,
  );
  for (const [name, { images }] of Object.entries(drawn)) {
    if (name === 'kuosan') continue;
    const apart = ours.reduce(
      (most, x, i) => Math.max(most, Math.abs(x - images[i]!)),
      images.length === ours.length ? 0 : Infinity,
    );
    console.log(`kuosan and ${name}: ${apart.toExponential(1)} apart at most`);
    if (!(apart <= tolerance))
      throw new Error(
        `sampling: kuosan and ${name} draw different images, ${apart} apart; at most ${tolerance} is rounding`,
      );
  }
  return Object.fromEntries(Object.entries(drawn).map(([name, { ms }]) => [name, ms]));
}

/** All images in all steps, once on each side. */
async function drawAll(
  { kuosan, ...peers }: Readonly<Record<string, Painter>>,
  best: Readonly<Record<string, number>>,
  fastest: string | null,
): Promise<void> {
  const ms = await compare({ kuosan: kuosan!, ...(fastest !== null && { [fastest]: peers[fastest]! }) }, whole, best);
  const seconds = Object.entries(ms).map(
    ([name, time]) => `${name} ${digits(time / 1000)} s in batches of ${best[name]}`,
  );
  console.log(
    `${whole.count} images in ${whole.steps} steps: ${seconds.join(', ')}${fastest === null ? '' : `, ratio ${(ms[fastest]! / ms['kuosan']!).toFixed(2)}`}`,
  );
  console.log(JSON.stringify({ question: 'sampling, whole', ms: rounded(ms), batch: best }));
}
