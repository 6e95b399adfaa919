/** Finds out whether this processor's ONNX Runtime has the blocked kernels that `cpuLowerings` uses, by trying them. */
import {
  add,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  float32,
  groupNorm,
  input,
  mul,
  program,
  RandomStream,
  reshape,
  sigmoid,
  silu,
  sizeOf,
  sum,
  sumPool,
  upsampleNearest,
  type HostArray,
  type Program,
  type Tensor,
} from '../core/index.ts';
import { blockSizeModel, cpuLowerings, toOnnx, type Lowerings } from '../onnx/index.ts';
import { loadOnnxRuntime } from './onnx-runtime.ts';

/** Whole blocks of every size there is: 16 channels with AVX-512, 8 on other x86, and most other processors have none. */
const probeChannels = 64;

/**
 * The kernels sum in another order than the standard ones; this network's values are of order 1 and its sums are of a
 * few hundred terms. A wrong block size gives differences of order 1.
 */
const tolerance = 1e-3;

/**
 * The block size of this processor's kernels, or null where it has none or they do not give the results of standard
 * operators. Runs three tiny sessions: some 50 ms.
 */
export async function probeBlockSize(): Promise<number | null> {
  const block = await foundBlockSize();
  return block !== null && (await blockedKernelsAgree(block)) ? block : null;
}

async function foundBlockSize(): Promise<number | null> {
  try {
    const x = float32(
      [1, probeChannels, 1, 2],
      Float32Array.from({ length: 2 * probeChannels }, (_, i) => i),
    );
    const [y] = await run(blockSizeModel(probeChannels), { x }, ['y']);
    const block = y!.indexOf(1);
    return block > 1 && probeChannels % block === 0 ? block : null;
  } catch {
    // The operators are internal to ONNX Runtime: a build without them refuses the model.
    return null;
  }
}

/** True if convolution, normalization, resampling and all gradients come out with this block size as without. */
export async function blockedKernelsAgree(block: number): Promise<boolean> {
  const network = everyBlockedKernel(block);
  try {
    const [standard, blocked] = [await outputsOf(network, {}), await outputsOf(network, cpuLowerings(block))];
    return standard.every((expected, i) => largestDifference(blocked[i]!, expected) <= tolerance);
  } catch {
    return false;
  }
}

/** Images that are not square and channels that differ, so that no exchange of axes goes unseen. */
function everyBlockedKernel(block: number): Program {
  const [inChannels, outChannels] = [2 * block, 3 * block];
  const x = input('x', [block, inChannels, 4, 6]);
  const w = input('w', [outChannels, inChannels, 3, 3]);
  const perChannel = input('perChannel', [outChannels]);
  const pads = [1, 1, 1, 1] as const;
  const shifted = add(
    conv2d(x, w, perChannel, { pads }),
    reshape(input('shift', [block, outChannels]), [block, outChannels, 1, 1]),
  );
  const normalized = groupNorm(shifted, perChannel, perChannel, { groups: block, eps: 1e-5 });
  const h = silu(normalized);
  const [pixels, added] = [
    [2, 3],
    add(conv2d(x, w, perChannel, { pads }), conv2d(h, input('square', [outChannels, outChannels, 1, 1]))),
  ] as const;
  const halved = conv2d(x, w, perChannel, { strides: [2, 2], pads: [0, 0, 1, 1] });
  const outputs: Record<string, Tensor> = {
    h,
    halved,
    added,
    products: sum(mul(h, normalized), pixels),
    halfSilu: mul(sigmoid(h), silu(h)),
    up: upsampleNearest(h, 2),
    pooled: sumPool(h, 2),
    dx: conv2dInputGrad(h, w, x.shape, { pads }),
    dw: conv2dWeightGrad(x, h, w.shape, { pads }),
  };
  return program({ outputs });
}

function outputsOf(network: Program, lowerings: Partial<Lowerings>): Promise<readonly Float32Array[]> {
  const { bytes, inputs, outputs } = toOnnx(network, { lowerings });
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [name, float32(shape, smallNumbers(name, sizeOf(shape)))]),
  );
  return run(bytes, values, Object.keys(outputs));
}

async function run(
  model: Uint8Array,
  inputs: Readonly<Record<string, HostArray>>,
  outputs: readonly string[],
): Promise<readonly Float32Array[]> {
  const ort = loadOnnxRuntime('cpu');
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const results = await session.run(
      Object.fromEntries(
        Object.entries(inputs).map(([name, { data, shape }]) => [
          name,
          new ort.Tensor('float32', data as Float32Array, shape),
        ]),
      ),
    );
    return outputs.map((name) => results[name]!.data as Float32Array);
  } finally {
    await session.release();
  }
}

function smallNumbers(name: string, size: number): Float32Array {
  const random = new RandomStream(0, `probe ${name}`);
  return Float32Array.from({ length: size }, () => random.uniform() - 0.5);
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  // Written so that NaN counts as different.
  for (let i = 0; i < b.length; i++) if (!(Math.abs(a[i]! - b[i]!) <= largest)) largest = Math.abs(a[i]! - b[i]!);
  return largest;
}
