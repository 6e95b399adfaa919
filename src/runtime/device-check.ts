/** Whether a device computes what the processor computes, and how much faster. */
import {
  add,
  conv2d,
  float32,
  grad,
  groupNorm,
  input,
  matmul,
  meanSquaredError,
  program,
  RandomStream,
  reshape,
  silu,
  sizeOf,
  softmax,
  transpose,
  type Executable,
  type Executor,
  type HostArray,
  type Program,
} from '../core/index.ts';

/** What comparing a device with the processor has shown. */
export interface DeviceComparison {
  /** The largest difference of a gradient or the loss, relative to the largest value of the same. */
  readonly error: number;
  /** How many times as fast the device is. */
  readonly speedup: number;
}

/** Float32 sums of some thousand terms, in another order. A kernel that is wrong is off by more than that. */
export const tolerableError = 1e-3;

/** About the middle of a small U-Net: large enough to load a GPU, a tenth of a second on two cores. */
const defaultSize = { batch: 16, channels: 64, side: 16 } as const;

/** Runs a step as training does (convolution, normalization, attention and all gradients) on both and compares. */
export async function compareDevices(
  device: Executor,
  reference: Executor,
  { batch, channels, side }: { batch: number; channels: number; side: number } = defaultSize,
): Promise<DeviceComparison> {
  const step = trainingStep(batch, channels, side);
  const random = new RandomStream(0, 'device check');
  const inputs = Object.fromEntries(
    Object.entries(step.inputs).map(([name, { shape }]) => [
      name,
      float32(
        shape,
        random.fillNormal(new Float32Array(sizeOf(shape))).map((z) => z / Math.sqrt(channels)),
      ),
    ]),
  );
  const [got, expected] = [
    await measured(await device.compile(step), inputs),
    await measured(await reference.compile(step), inputs),
  ];
  const errors = Object.entries(expected.outputs).map(([name, value]) => relativeError(got.outputs[name]!, value));
  return { error: Math.max(...errors), speedup: expected.seconds / got.seconds };
}

function trainingStep(batch: number, channels: number, side: number): Program {
  const x = input('x', [batch, channels, side, side]);
  const parameters = [
    input('w1', [channels, channels, 3, 3]),
    input('w2', [channels, channels, 3, 3]),
    input('scale', [channels]),
    input('shift', [channels]),
  ];
  const [w1, w2, scale, shift] = parameters as [typeof x, typeof x, typeof x, typeof x];
  const pads = [1, 1, 1, 1] as const;
  const h = silu(groupNorm(conv2d(x, w1, undefined, { pads }), scale, shift, { groups: 8, eps: 1e-5 }));
  const rows = transpose(reshape(h, [batch, channels, side * side]), [0, 2, 1]); // [B, L, C]
  const attended = matmul(softmax(matmul(rows, rows, { transB: true })), rows);
  const y = conv2d(add(h, reshape(transpose(attended, [0, 2, 1]), x.shape)), w2, undefined, { pads });
  const loss = meanSquaredError(y, x);
  return program({ outputs: { loss, ...Object.fromEntries(grad(loss, parameters).map((g, i) => [`g${i}`, g])) } });
}

/** The outputs, and the time of the fastest of a few runs after one that compiles what there is to compile. */
async function measured(
  executable: Executable,
  inputs: Readonly<Record<string, HostArray>>,
): Promise<{ outputs: Record<string, HostArray>; seconds: number }> {
  const outputs = await executable.run(null, inputs);
  let seconds = Infinity;
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    await executable.run(null, inputs);
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  await executable.dispose();
  return { outputs, seconds };
}

function relativeError(got: HostArray, expected: HostArray): number {
  let [apart, largest] = [0, 0];
  expected.data.forEach((value, i) => {
    const difference = Math.abs(Number(got.data[i]) - Number(value));
    // Written so that NaN counts as different.
    if (!(difference <= apart)) apart = difference;
    largest = Math.max(largest, Math.abs(Number(value)));
  });
  return Number.isNaN(apart) ? Infinity : apart / largest;
}
