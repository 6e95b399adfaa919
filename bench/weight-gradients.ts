/**
 * Every way to a convolution's weight gradient, over a grid of shapes, in CPU time of one thread; and what it costs to
 * believe the model that chooses among them (src/onnx/weight-grad-strategy.ts).
 *
 * Operands are in the blocked layout already, as they are in a network, so each way pays for the layout it wants. The
 * processor's time, not the clock's: other processes do not count, but for the caches they take.
 */
import {
  conv2dWeightGrad,
  float32,
  program,
  RandomStream,
  sizeOf,
  state,
  storeSpec,
  type HostArray,
} from '../src/core/index.ts';
import { BlockedValues } from '../src/onnx/blocked.ts';
import { toOnnx, type Lowerings } from '../src/onnx/index.ts';
import { weightGradBy } from '../src/onnx/lower-cpu-weight-grad.ts';
import {
  weightGradCosts,
  weightGradStrategy,
  type WeightGradProblem,
  type WeightGradStrategy,
} from '../src/onnx/weight-grad-strategy.ts';
import { probeBlockSize } from '../src/runtime/cpu-kernels.ts';
import { nodeEngine } from '../src/runtime/node-engine.ts';
import { SessionHost } from '../src/runtime/session-host.ts';
import { measureCases, rounded, type Settings } from './question.ts';
import { digits, layTable, percent } from './table.ts';

/** Microseconds by strategy, the least of some runs. */
type Times = Partial<Record<WeightGradStrategy, number>>;
interface Measured {
  readonly problem: WeightGradProblem;
  readonly us: Times;
}

/** Larger ones take long and say nothing new. */
const [mostFlops, mostBytes] = [3e9, 64e6];

export async function weightGradients(settings: Settings): Promise<void> {
  const block = await probeBlockSize();
  if (block === null) return console.log('this processor has no blocked kernels, and so no choice');
  const host = new SessionHost(nodeEngine({ device: 'cpu', threads: 1 }));
  const measured = await measureCases(
    grid(block),
    {
      nameOf,
      measure: async (problem): Promise<Measured> => ({ problem, us: await timesOf(host, problem, settings.rounds) }),
      lineOf: ({ problem, us }) =>
        `${nameOf(problem)}: ${Object.entries(us)
          .map(([strategy, time]) => `${strategy} ${digits(time)}`)
          .join(', ')} µs`,
    },
    settings,
  );
  await host.close();
  if (measured.length > 0) print(measured);
}

function grid(block: number): WeightGradProblem[] {
  const channels = [
    [16, 16],
    [32, 32],
    [64, 64],
    [64, 128],
    [192, 64],
    [128, 128],
    [256, 256],
    [512, 512],
  ] as const;
  return [3, 1]
    .flatMap((extent) =>
      [1, 2].flatMap((stride) =>
        channels.flatMap(([inChannels, outChannels]) =>
          [4, 8, 16, 32, 64].flatMap((side) =>
            [1, 4, 8, 16, 32].map((batch): WeightGradProblem => ({
              block,
              batch,
              inChannels,
              outChannels,
              image: [side, side],
              output: [side / stride, side / stride],
              kernel: [extent, extent],
              strides: [stride, stride],
              pads: extent === 1 ? [0, 0, 0, 0] : stride === 1 ? [1, 1, 1, 1] : [0, 0, 1, 1],
              dilations: [1, 1],
              groups: 1,
              arriveBlocked: [true, true],
            })),
          ),
        ),
      ),
    )
    .filter(
      (problem) =>
        flopsOf(problem) <= mostFlops &&
        bytesOf(problem) <= mostBytes &&
        Object.keys(weightGradCosts(problem)).length > 1,
    );
}

const shapesOf = ({ batch, inChannels, outChannels, image, output }: WeightGradProblem) => ({
  x: [batch, inChannels, ...image],
  dy: [batch, outChannels, ...output],
});
const bytesOf = (problem: WeightGradProblem) =>
  4 * Object.values(shapesOf(problem)).reduce((total, shape) => total + sizeOf(shape), 0);
const flopsOf = ({ batch, inChannels, outChannels, output, kernel }: WeightGradProblem) =>
  2 * batch * inChannels * outChannels * sizeOf(output) * sizeOf(kernel);
const nameOf = ({ batch, inChannels, outChannels, image, kernel, strides }: WeightGradProblem) =>
  `${kernel.join('×')} / ${strides[0]}, ${inChannels} → ${outChannels}, ${batch} of ${image.join('×')}`;

async function timesOf(host: SessionHost, problem: WeightGradProblem, rounds: number): Promise<Times> {
  const { block, inChannels, outChannels, kernel, strides, pads } = problem;
  const { x, dy } = shapesOf(problem);
  // Small ones several times on operands of their own, so that a call's cost is shared.
  const copies = Math.max(1, Math.min(4, Math.floor(6e6 / bytesOf(problem))));
  const weightShape = [outChannels, inChannels, ...kernel];
  const gradients = Array.from({ length: copies }, (_, i) => [
    `dw${i}`,
    conv2dWeightGrad(state(`x${i}`, x), state(`dy${i}`, dy), weightShape, { strides, pads }),
  ]);
  const p = program({ writes: Object.fromEntries(gradients) });
  const spec = storeSpec([p]);
  const store = await host.createStore(
    spec,
    new Map(
      Object.entries(spec).map(([name, { shape }]): [string, HostArray] => [
        name,
        float32(shape, values(sizeOf(shape))),
      ]),
    ),
  );
  const sides = await Promise.all(
    (Object.keys(weightGradCosts(problem)) as WeightGradStrategy[]).map(async (strategy) => {
      const lowerings: Partial<Lowerings> = {
        conv2dWeightGrad(graph, [image, gradient], node) {
          const blocked = new BlockedValues(graph, block);
          return [
            weightGradBy(
              strategy,
              graph,
              blocked,
              [blocked.name(image!, inChannels), blocked.name(gradient!, outChannels)],
              node,
            ),
          ];
        },
      };
      return {
        strategy,
        handle: await host.load(toOnnx(p, { lowerings }), { optimize: false }),
        times: [] as number[],
      };
    }),
  );
  const repeat = Math.max(2, Math.min(5, Math.round(1e9 / copies / flopsOf(problem))));
  for (let round = 0; round <= rounds; round++) {
    for (const { handle, times } of sides) {
      for (let i = 0; i < repeat; i++) {
        const start = process.cpuUsage();
        await host.run(handle, store, {});
        const { user, system } = process.cpuUsage(start);
        if (round > 0) times.push((user + system) / copies); // The first round sizes the engine's buffers.
      }
    }
  }
  for (const { handle } of sides) await host.unload(handle);
  await host.releaseStore(store);
  return Object.fromEntries(sides.map(({ strategy, times }) => [strategy, Math.min(...times)]));
}

/** Normal numbers, the same some thousand again and again. */
function values(size: number): Float32Array {
  const some = new RandomStream(0, 'bench weight gradients').fillNormal(new Float32Array(Math.min(size, 4096)));
  return Float32Array.from({ length: size }, (_, i) => some[i % some.length]!);
}

/** What one rule for choosing loses against the best of each shape. */
function lossOf(measured: readonly Measured[], choose: (problem: WeightGradProblem) => WeightGradStrategy) {
  const pairs = measured.map(({ problem, us }) => [us[choose(problem)]!, Math.min(...Object.values(us))] as const);
  const total = (side: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[side], 0);
  const regrets = pairs.map(([chosen, best]) => chosen / best - 1);
  return {
    best: regrets.filter((regret) => regret === 0).length,
    regret: regrets.reduce((a, b) => a + b, 0) / regrets.length,
    most: Math.max(...regrets),
    timeLost: total(0) / total(1) - 1,
  };
}

function print(measured: readonly Measured[]): void {
  const rules: Readonly<Record<string, (problem: WeightGradProblem) => WeightGradStrategy>> = {
    'the model': weightGradStrategy,
    'a convolution where it can be': (problem) =>
      (['blocked', 'bands', 'taps'] as const).find((strategy) => strategy in weightGradCosts(problem))!,
    'taps always': () => 'taps',
  };
  const groupOf = ({ problem: { kernel, strides } }: Measured) => `${kernel.join('×')}, stride ${strides[0]}`;
  const groups = [...new Set(measured.map(groupOf))].map(
    (group) => [group, measured.filter((one) => groupOf(one) === group)] as const,
  );
  const losses = [...groups, ['all', measured] as const].flatMap(([group, members]) =>
    Object.entries(rules).map(([rule, choose]) => ({
      group,
      shapes: members.length,
      rule,
      ...lossOf(members, choose),
    })),
  );
  console.log(
    `\n${layTable([
      ['kernel', 'shapes', 'rule', 'was the best', 'mean regret', 'most', 'of all time lost'],
      ...losses.map(({ group, shapes, rule, best, regret, most, timeLost }) => [
        group,
        String(shapes),
        rule,
        String(best),
        percent(regret),
        percent(most),
        percent(timeLost),
      ]),
    ])}`,
  );
  const times = measured.map(({ problem, us }) => ({ case: nameOf(problem), chosen: weightGradStrategy(problem), us }));
  console.log(JSON.stringify({ question: 'weight-gradients', losses: rounded(losses), times: rounded(times) }));
}
