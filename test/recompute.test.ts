import { afterAll, describe, expect, test } from 'vitest';
import {
  evaluate,
  float32,
  grad,
  input,
  meanSquaredError,
  program,
  RandomStream,
  sizeOf,
  type HostArray,
  type Values,
} from '../src/core/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { bind, initialValues } from '../src/nn/index.ts';
import { cpuLowerings } from '../src/onnx/lower-cpu.ts';
import { toOnnx } from '../src/onnx/to-onnx.ts';
import { denoisingLoss } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { trainingPrograms } from '../src/train/index.ts';

const executors = [
  createNodeExecutor({ threads: 1, worker: false, cpuKernels: 'standard' }),
  createNodeExecutor({ threads: 1, worker: false }),
];
afterAll(() => Promise.all(executors.map((executor) => executor.dispose())));

/** Loss and gradients of a U-Net with every kind of block, its weights as inputs. */
function lossAndGradients(recompute: boolean, { size, batch }: { size: number; batch: number }) {
  const unet = new UNet2DModel({
    blockOutChannels: [16, 16],
    layersPerBlock: 1,
    downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D'],
    upBlockTypes: ['AttnUpBlock2D', 'UpBlock2D'],
    normNumGroups: 8,
    attentionHeadDim: null,
  });
  const ctx = bind(unet, { training: true });
  const x = input('x', [batch, 3, size, size]);
  const loss = meanSquaredError(unet.forward(ctx, x, input('t', [batch])), x);
  const names = [...ctx.parameters.keys()];
  const gradients = grad(loss, [...ctx.parameters.values()], { recompute });
  const compiled = program({
    outputs: { loss, ...Object.fromEntries(gradients.map((g, i) => [`d/${names[i]!}`, g])) },
  });
  return { compiled, weights: initialValues(unet, 3) };
}

const images = (shape: readonly number[]) =>
  float32(shape, new RandomStream(1, 'recompute').fillNormal(new Float32Array(sizeOf(shape))));

function relativeDifference(a: Record<string, HostArray>, b: Record<string, HostArray>): number {
  let worst = 0;
  for (const [name, { data }] of Object.entries(a)) {
    const [x, y] = [data as Float32Array, b[name]!.data as Float32Array];
    const scale = Math.max(1e-3, ...x.map(Math.abs));
    x.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - y[i]!) / scale);
    });
  }
  return worst;
}

describe('values computed again for the gradients', () => {
  const small = { size: 16, batch: 2 } as const;

  test('are the same values: in float64 the gradients agree to rounding', () => {
    const results = [false, true].map((recompute) => {
      const { compiled, weights } = lossAndGradients(recompute, small);
      const x = images([small.batch, 3, small.size, small.size]);
      const float64 = ({ shape, dtype, data }: HostArray): Values => ({
        shape,
        dtype,
        data: Float64Array.from(data as Float32Array),
      });
      const leaf = (_: string, name: string) =>
        name === 'x'
          ? float64(x)
          : name === 't'
            ? { shape: [small.batch], dtype: 'f32' as const, data: Float64Array.of(3, 700) }
            : float64(weights.get(name)!);
      return { outputs: evaluate(compiled, leaf).outputs, nodes: compiled.nodes.length };
    });
    expect(results[1]!.nodes).toBeGreaterThan(results[0]!.nodes);
    for (const [name, { data }] of results[0]!.outputs) {
      const again = results[1]!.outputs.get(name)!.data;
      data.forEach((value, i) =>
        expect(Math.abs(value - again[i]!), name).toBeLessThan(1e-11 * Math.max(1, Math.abs(value))),
      );
    }
  }, 60_000);

  test.each([
    ['standard operators', 0],
    ['blocked kernels', 1],
  ] as const)(
    'give the same loss and gradients with %s',
    async (_, which) => {
      const results = [];
      for (const recompute of [false, true]) {
        const { compiled, weights } = lossAndGradients(recompute, small);
        const executable = await executors[which]!.compile(compiled);
        const store = await executors[which]!.createStore(compiled.reads, weights);
        results.push(
          await executable.run(store, {
            x: images([small.batch, 3, small.size, small.size]),
            t: float32([small.batch], Float32Array.of(3, 700)),
          }),
        );
      }
      expect(results[1]!['loss']!.data[0]).toBeCloseTo(results[0]!['loss']!.data[0] as number, 6);
      // Float32: sums of some thousand terms, rounded in another order.
      expect(relativeDifference(results[0]!, results[1]!)).toBeLessThan(1e-4);
    },
    60_000,
  );

  // Of DDPM's U-Net for 32 × 32. What one layer's own gradients take stays; of the rest a third is left.
  test('take little more than half the memory of a training step', () => {
    const batch = 16;
    const unet = new UNet2DModel({
      sampleSize: 32,
      blockOutChannels: [64, 128, 128],
      layersPerBlock: 2,
      attentionHeadDim: null,
      downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D'],
      upBlockTypes: ['UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
    });
    for (const accumulation of [1, 2]) {
      const [kept, again] = [false, true].map((recompute) => {
        const programs = trainingPrograms({
          module: unet,
          loss: (ctx) => denoisingLoss(unet, ctx, batch),
          optimizer: { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
          clipNorm: 1,
          accumulation,
          recompute,
        });
        return toOnnx((programs.step ?? programs.accumulate)!, { lowerings: cpuLowerings(16) }).peakBytes;
      });
      expect(again! / kept!).toBeLessThan(0.6);
    }
  }, 60_000);
});
