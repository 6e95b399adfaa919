/**
 * Which way to the weight gradient of a convolution takes the processor least time, from its shapes alone: nothing is
 * measured when a program is compiled, so the same program becomes the same graph on every machine with the same block.
 */

/**
 * Ways to a weight gradient dW[o, i, u, v] = Σ_{n, y, z} dY[n, o, y, z] · x[n, i, y·s + u − p, z·s + v − p]:
 *
 * - `taps`: channels first, one product of matrices for each tap (u, v) over batch and pixels; any shape.
 * - `pixels`: of a kernel of one pixel, channels last, one product over batch and pixels.
 * - `images`: of a kernel of one pixel, one product for each image, and their sum.
 * - `blocked`: one convolution in the blocked layout, with the batch as channels and dY as kernel.
 * - `bands`: the same for a batch that fills no blocks, of bands of the images' rows.
 */
export type WeightGradStrategy = 'taps' | 'pixels' | 'images' | 'blocked' | 'bands';

/** What decides: the shapes of x [B, I, H, W], of dY [B, O, H', W'] and of the kernel, and how x and dY arrive. */
export interface WeightGradProblem {
  /** Channels in a block. */
  readonly block: number;
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly image: readonly [height: number, width: number];
  readonly output: readonly [height: number, width: number];
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
  /** Whether x and dY are there in the blocked layout. */
  readonly arriveBlocked: readonly [x: boolean, dy: boolean];
}

/**
 * Nanoseconds on one thread of an AMD EPYC (Zen 5, AVX-512), fitted so that the choice loses least over 1,285 shapes of
 * 1 × 1 and 3 × 3 kernels (docs/performance.md). What counts is their ratios; for another processor they are a guess.
 */
const costs = {
  /** To start an operator. */
  operator: 2500,
  /** For a byte of an operator that only moves values (40 GB/s); more for each byte beyond `nearBytes`, the size of a level-2 cache. */
  moved: 0.025,
  far: 0.02,
  nearBytes: 1e6,
  /** For a byte that is picked one value at a time, as Slice does along the innermost axis (5 GB/s). */
  picked: 0.21,
  /** For a byte of weights that Transpose turns from taps outside to taps inside (4 GB/s). */
  tapsTurned: 0.25,
  /** For an operation of a product of matrices (230 GFLOP/s). */
  product: 0.0043,
  /** For a byte of its operands, which it packs: of the whole batch and of one image after the other. */
  packedWhole: 0.066,
  packedByImage: 0.01,
  /** For a byte of the images' products that are added up (6 GB/s). */
  added: 0.16,
  /** For an operation of a convolution whose kernel of the engine has one, two or four blocks of output channels to share each value it reads among (165, 255, 295 GFLOP/s). */
  convolved: { one: 0.0061, two: 0.0039, four: 0.0034 },
  /** For a byte of dY as a convolution's kernel, which every block of input channels and row of taps reads again (36 GB/s). */
  kernelRead: 0.028,
} as const;

/** The strategy of the least cost; of equal ones, the first in the order of the type. */
export function weightGradStrategy(problem: WeightGradProblem): WeightGradStrategy {
  const estimates = Object.entries(weightGradCosts(problem)) as [WeightGradStrategy, number][];
  return estimates.reduce((best, next) => (next[1] < best[1] ? next : best))[0];
}

/** Nanoseconds that each strategy would take, of those that the shapes allow. */
export function weightGradCosts(problem: WeightGradProblem): Readonly<Partial<Record<WeightGradStrategy, number>>> {
  const {
    block,
    groups,
    kernel: [kh, kw],
    pads,
    dilations,
    inChannels,
    outChannels,
    batch,
    output: [outHeight],
  } = problem;
  if (groups !== 1) return { taps: 0 }; // There is no other.
  const wholeBlocks = inChannels % block === 0 && outChannels % block === 0;
  const onePixel = kh * kw === 1 && pads.every((n) => n === 0);
  const bands = bandsOf(batch, block);
  const asConvolution =
    wholeBlocks && dilations.every((d) => d === 1) && readMargins(problem).below >= 0 && outHeight % bands === 0;
  return {
    taps: tapsCost(problem),
    ...(onePixel && wholeBlocks && { pixels: pixelsCost(problem) }),
    ...(onePixel && { images: imagesCost(problem) }),
    ...(asConvolution && { [bands === 1 ? 'blocked' : 'bands']: convolutionCost(problem, bands) }),
  };
}

/** Bands into which each image is cut, so that those of the batch fill blocks. */
export function bandsOf(batch: number, block: number): number {
  return block / greatestCommonDivisor(batch, block);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Padding at the bottom and at the right without what a stride leaves over at the end, which no tap reads; negative where that is more. */
export function readMargins({
  image,
  output,
  kernel,
  strides,
  pads: [top, left],
}: Pick<WeightGradProblem, 'image' | 'output' | 'kernel' | 'strides' | 'pads'>): {
  readonly below: number;
  readonly after: number;
} {
  const end = (axis: 0 | 1, before: number) => (output[axis] - 1) * strides[axis] + kernel[axis] - image[axis] - before;
  return { below: end(0, top), after: end(1, left) };
}

/** Bytes of x, of what a stride takes of it, of dY and of dW; operations of all products. */
function sizes({
  batch,
  inChannels,
  outChannels,
  image: [height, width],
  output: [outHeight, outWidth],
  kernel: [kh, kw],
}: WeightGradProblem) {
  const [read, pixels, pairs] = [batch * height * width, batch * outHeight * outWidth, inChannels * outChannels];
  return {
    x: 4 * read * inChannels,
    taken: 4 * pixels * inChannels,
    dy: 4 * pixels * outChannels,
    dw: 4 * pairs * kh * kw,
    flops: 2 * pixels * pairs * kh * kw,
  };
}

const far = (bytes: number) => costs.far * Math.max(0, bytes - costs.nearBytes);
const moved = (bytes: number, times = 1) => times * (costs.moved * bytes + far(bytes));

function tapsCost(problem: WeightGradProblem): number {
  const {
    kernel: [kh, kw],
    strides,
    arriveBlocked,
  } = problem;
  const { x, taken, dy, dw, flops } = sizes(problem);
  const taps = kh * kw;
  const inOrder = moved(x, arriveBlocked[0] ? 2 : 1) + moved(dy, arriveBlocked[1] ? 2 : 1);
  const products = costs.product * flops + taps * (costs.packedWhole * (taken + dy) + far(taken) + far(dy));
  const turned = taps > 1 ? costs.tapsTurned * dw : 0;
  const shifted =
    strides[0] * strides[1] === 1
      ? moved(x, kw - 1) + moved(dy, kh - 1)
      : (taps > 1 ? moved(x) : 0) + costs.picked * ((kw * x) / strides[1] + taps * taken);
  return inOrder + shifted + products + turned + costs.operator * (4 + 2 * taps);
}

function pixelsCost(problem: WeightGradProblem): number {
  const { taken, dy, flops } = sizes(problem);
  return (
    blockingCost(problem) +
    takenCost(problem, true) +
    moved(taken) +
    moved(dy) +
    costs.product * flops +
    costs.packedWhole * (taken + dy) +
    far(taken) +
    far(dy) +
    3 * costs.operator
  );
}

function imagesCost(problem: WeightGradProblem): number {
  const { batch, arriveBlocked } = problem;
  const { taken, dy, dw, flops } = sizes(problem);
  const inOrder = (arriveBlocked[0] ? moved(taken) : 0) + (arriveBlocked[1] ? moved(dy) : 0);
  const sum = batch > 1 ? costs.added * batch * dw + costs.operator : 0;
  return (
    takenCost(problem, arriveBlocked[0]) +
    inOrder +
    costs.product * flops +
    costs.packedByImage * (taken + dy) +
    far(taken) +
    far(dy) +
    sum +
    3 * costs.operator
  );
}

/** To take every second pixel, or whichever the strides take: of blocked images, blocks at a time. */
function takenCost(problem: WeightGradProblem, blocked: boolean): number {
  const { taken } = sizes(problem);
  if (problem.strides.every((s) => s === 1)) return 0;
  return (blocked ? moved(taken) : costs.picked * taken) + costs.operator;
}

/** To block what arrives in order. */
function blockingCost(problem: WeightGradProblem): number {
  const { x, dy } = sizes(problem);
  return (problem.arriveBlocked[0] ? 0 : moved(x)) + (problem.arriveBlocked[1] ? 0 : moved(dy));
}

function convolutionCost(problem: WeightGradProblem, bands: number): number {
  const {
    block,
    batch,
    inChannels,
    outChannels,
    image: [height, width],
    output: [outHeight],
    kernel: [kh, kw],
    strides,
    pads: [, left],
  } = problem;
  const { x, dy, dw, flops } = sizes(problem);
  const severalBlocks = batch * bands > block;
  const padded = (x * (left + width + readMargins(problem).after)) / width;
  const banded = (padded * bands * ((outHeight / bands - 1) * strides[0] + kh)) / height;
  // Padded, cut and joined, with the rows that bands share in both; or only padded.
  const cut =
    bands > 1
      ? moved(padded) + moved(banded, 2) + moved(dy) + costs.operator * (3 + bands)
      : kh * kw > 1
        ? moved(x) + costs.operator
        : 0;
  const image = bands > 1 ? banded : x;
  const batchInnermost =
    (moved(image) + moved(dy)) * (severalBlocks ? 2 : 1) + costs.operator * (severalBlocks ? 2 : 0);
  const convolution = flops * costPerOperation(outChannels / block) + (costs.kernelRead * dy * kh * inChannels) / block;
  return blockingCost(problem) + cut + batchInnermost + convolution + moved(dw, 3) + 6 * costs.operator;
}

/** Four blocks of output channels at a time, then what is left of them. */
function costPerOperation(blocks: number): number {
  const { one, two, four } = costs.convolved;
  const left = blocks % 4;
  return ((blocks - left) * four + left * [0, one, two, (two + four) / 2][left]!) / blocks;
}
