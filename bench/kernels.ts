/**
 * Single operators in GFLOP/s: matrix products and 3 × 3 convolutions with their two gradients, ours through an executor
 * (operands and results stay in its store) next to PyTorch's, and next to the fastest large product of either.
 *
 * A convolution alone changes its operands' layout and its result's back; six in a row do so once, as in a network.
 */
import {
  allocate,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  matmul,
  program,
  RandomStream,
  sizeOf,
  state,
  storeSpec,
  type Executor,
  type HostArray,
  type Program,
  type Shape,
  type Tensor,
} from '../src/core/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { contest, timed, type Side } from './contest.ts';
import { startPeer, type Peer } from './peer.ts';
import { measureCases, outcomeOf, rounded, sayIfNoisy, type Outcome, type Settings } from './question.ts';
import { digits, layTable, percent } from './table.ts';

type Kernel = 'matmul' | 'matmul_t' | 'conv' | 'chain' | 'conv_dx' | 'conv_dw';

/** One operator on operands of given shapes. A run does it `copies` times on operands of their own, so that a call's cost is shared. */
export interface Case {
  readonly name: string;
  readonly kernel: Kernel;
  readonly x: Shape;
  readonly w: Shape;
  readonly copies: number;
}

const square = (n: number, copies: number): Case => ({
  name: `matmul ${n}³`,
  kernel: 'matmul',
  x: [n, n],
  w: [n, n],
  copies,
});
const convolutions = [
  [64, 32],
  [32, 32],
  [128, 16],
  [128, 8],
  [256, 8],
].flatMap(([channels, side]): Case[] => {
  const [x, w] = [
    [16, channels!, side!, side!],
    [channels!, channels!, 3, 3],
  ];
  const shape = x.join('×');
  return [
    { name: `conv ${shape}`, kernel: 'conv', x, w, copies: 4 },
    { name: `conv ${shape}, six in a row`, kernel: 'chain', x, w, copies: 6 },
    { name: `conv ${shape}, input gradient`, kernel: 'conv_dx', x, w, copies: 4 },
    { name: `conv ${shape}, weight gradient`, kernel: 'conv_dw', x, w, copies: 4 },
  ];
});
const cases: readonly Case[] = [
  square(2048, 1),
  square(1024, 2),
  square(512, 8),
  { name: 'attention Q·Kᵀ 16×256×128', kernel: 'matmul_t', x: [16, 256, 128], w: [16, 256, 128], copies: 4 },
  { name: 'attention P·V 16×256×256', kernel: 'matmul', x: [16, 256, 256], w: [16, 256, 128], copies: 4 },
  ...convolutions,
];

interface Measured {
  readonly outcome: Outcome;
  readonly flops: number;
}

/** Layouts of PyTorch's operands. */
const layouts = ['contiguous', 'channels_last'];

export async function kernels(settings: Settings): Promise<void> {
  const { threads, rounds, variants } = settings;
  const executors = {
    kuosan: createNodeExecutor({ threads, worker: false }),
    standard: createNodeExecutor({ threads, worker: false, cpuKernels: 'standard' }),
  };
  const peer = variants.length > 0 ? await startPeer('operators.py', { threads }) : 'not asked for';
  if (typeof peer === 'string') console.log(`without PyTorch: ${peer}`);
  const measure = async (subject: Case): Promise<Measured> => {
    const flops = subject.copies * flopsOf(subject);
    // Blocks of some 50 ms.
    const repeat = Math.min(50, Math.max(3, Math.round(0.05 / (flops / 2e11))));
    const ours = {
      kuosan: await openKernel(executors.kuosan, subject),
      standard: await openKernel(executors.standard, subject),
    };
    const theirs =
      typeof peer === 'string'
        ? {}
        : Object.fromEntries(
            layouts
              .filter((layout) => layout === 'contiguous' || subject.x.length === 4)
              .map((layout) => [layout, peerSide(peer, subject, layout)]),
          );
    const blocks = await contest(
      { kuosan: timed(ours.kuosan.run), standard: timed(ours.standard.run), ...theirs },
      { rounds, repeat },
    );
    for (const side of Object.values(ours)) await side.dispose();
    return { outcome: outcomeOf(subject.name, blocks), flops };
  };
  const lineOf = ({ outcome, flops }: Measured) =>
    `${outcome.case}: ${Object.entries(outcome.sides)
      .map(([side, { median }]) => `${side} ${digits(rate(flops, median))}`)
      .join(', ')} GFLOP/s`;
  const measured = await measureCases(cases, { nameOf: ({ name }) => name, measure, lineOf }, settings);
  if (typeof peer !== 'string') await peer.stop();
  for (const executor of Object.values(executors)) await executor.dispose();
  if (measured.length > 0) print(measured);
}

function rate(flops: number, ms: number | undefined): number {
  return ms === undefined ? NaN : flops / ms / 1e6;
}

function print(measured: readonly Measured[]): void {
  const ceiling = Math.max(
    ...measured
      .filter(({ outcome }) => outcome.case.startsWith('matmul'))
      .flatMap(({ outcome, flops }) => Object.values(outcome.sides).map(({ min }) => rate(flops, min))),
  );
  const names = ['kuosan', 'standard', ...layouts];
  console.log(
    `\n${layTable([
      ['GFLOP/s', ...names, 'of ceiling', 'ratio', 'quartiles', 'of minima'],
      ...measured.map(({ outcome: { case: name, sides, ratio }, flops }) => [
        name,
        ...names.map((side) => digits(rate(flops, sides[side]?.median))),
        Number.isFinite(ceiling) ? percent(rate(flops, sides['kuosan']!.median) / ceiling) : '–',
        ...(ratio
          ? [ratio.median.toFixed(2), ratio.quartiles.map((x) => x.toFixed(2)).join('–'), ratio.ofMinima.toFixed(2)]
          : ['–', '–', '–']),
      ]),
    ])}${Number.isFinite(ceiling) ? `\nceiling: ${digits(ceiling)} GFLOP/s, the fastest product of square matrices by either side` : ''}`,
  );
  sayIfNoisy(measured.map(({ outcome }) => outcome));
  console.log(
    JSON.stringify({
      question: 'kernels',
      ceiling: rounded(ceiling),
      outcomes: measured.map(({ outcome, flops }) => rounded({ ...outcome, gflop: flops / 1e9 })),
    }),
  );
}

/** FLOPs of one application. */
export function flopsOf({ kernel, x, w }: Case): number {
  if (kernel === 'matmul') return 2 * sizeOf(x) * w.at(-1)!;
  if (kernel === 'matmul_t') return 2 * sizeOf(x) * w.at(-2)!;
  return 2 * x[0]! * x[2]! * x[3]! * sizeOf(w);
}

function peerSide(peer: Peer, { kernel, x, w, copies }: Case, layout: string): Side {
  return async (repeat) => (await peer.ask({ kernel, x, w, copies, layout, repeat }))['ms'] as number[];
}

/** The operator on an executor, its operands and results in a store. */
export async function openKernel(
  executor: Executor,
  subject: Case,
): Promise<{ run(): Promise<unknown>; dispose(): Promise<void> }> {
  const compiled = kernelProgram(subject);
  const executable = await executor.compile(compiled);
  const spec = storeSpec([compiled]);
  const random = new RandomStream(0, 'bench kernels');
  const store = await executor.createStore(
    spec,
    new Map(
      Object.entries(spec).map(([name, { shape, dtype }]): [string, HostArray] => {
        const data = allocate(dtype, sizeOf(shape)) as Float32Array;
        return [name, { shape, dtype, data: random.fillNormal(data) }];
      }),
    ),
  );
  return { run: () => executable.run(store, {}), dispose: async () => (await executable.dispose(), store.dispose()) };
}

/** The operator `copies` times, from entries of a store into entries of it. */
function kernelProgram({ kernel, x: xShape, w: wShape, copies }: Case): Program {
  const pads = [1, 1, 1, 1] as const;
  const weights = Array.from({ length: copies }, (_, i) => state(`w${i}`, wShape));
  if (kernel === 'chain')
    return program({ writes: { y: weights.reduce((h, w) => conv2d(h, w, undefined, { pads }), state('x', xShape)) } });
  const apply = (i: number): Tensor => {
    const [x, w] = [state(`x${i}`, xShape), weights[i]!];
    switch (kernel) {
      case 'matmul':
        return matmul(x, w);
      case 'matmul_t':
        return matmul(x, w, { transB: true });
      case 'conv':
        return conv2d(x, w, undefined, { pads });
      // Channels in and out are as many here, so the gradient of the output has the shape of x.
      case 'conv_dx':
        return conv2dInputGrad(x, w, xShape, { pads });
      case 'conv_dw':
        return conv2dWeightGrad(x, state(`dy${i}`, xShape), wShape, { pads });
    }
  };
  return program({ writes: Object.fromEntries(weights.map((_, i) => [`y${i}`, apply(i)])) });
}
