import { afterAll, describe, expect, test } from 'vitest';
import { conv2dWeightGrad, float32, input, program, type Conv2dAttrs, type Shape } from '../src/core/index.ts';
import { BlockedValues } from '../src/onnx/blocked.ts';
import { toOnnx, type Lowerings } from '../src/onnx/index.ts';
import { weightGradBy } from '../src/onnx/lower-cpu-weight-grad.ts';
import { weightGradCosts, type WeightGradStrategy } from '../src/onnx/weight-grad-strategy.ts';
import { probeBlockSize } from '../src/runtime/cpu-kernels.ts';
import { nodeEngine } from '../src/runtime/node-engine.ts';
import { SessionHost } from '../src/runtime/session-host.ts';
import { draw, largestDifference, runReference } from './op-check.ts';

/** The strategies are the processor's own: without blocked kernels there is only the standard one, which the op cases try. */
const block = await probeBlockSize();
const host = new SessionHost(nodeEngine({ device: 'cpu', threads: 1 }));
afterAll(() => host.close());

interface Convolution {
  readonly title: string;
  readonly x: Shape;
  readonly w: Shape;
  readonly attrs?: Partial<Conv2dAttrs>;
  readonly allow: readonly WeightGradStrategy[];
}

/** Channels of 16 and 32 are whole blocks of every size there is; images are not square, and channels differ. */
const convolutions: readonly Convolution[] = [
  { title: '3 × 3', x: [16, 32, 4, 6], w: [16, 32, 3, 3], attrs: { pads: [1, 1, 1, 1] }, allow: ['taps', 'blocked'] },
  {
    title: '3 × 3 of stride 2, padded unevenly, two blocks of batch',
    x: [32, 16, 4, 6],
    w: [32, 16, 3, 3],
    attrs: { strides: [2, 2], pads: [0, 0, 1, 1] },
    allow: ['taps', 'blocked'],
  },
  {
    title: '3 × 3 of a batch that fills no block',
    x: [4, 32, 8, 3],
    w: [16, 32, 3, 3],
    attrs: { pads: [1, 1, 1, 1] },
    allow: ['taps', 'bands'],
  },
  { title: 'one pixel', x: [16, 32, 2, 3], w: [16, 32, 1, 1], allow: ['taps', 'pixels', 'images', 'blocked'] },
  {
    title: 'one pixel of a batch that fills no block',
    x: [8, 16, 4, 3],
    w: [32, 16, 1, 1],
    allow: ['taps', 'pixels', 'images', 'bands'],
  },
  { title: 'one pixel, of one image', x: [1, 16, 5, 3], w: [32, 16, 1, 1], allow: ['taps', 'pixels', 'images'] },
  {
    title: 'one pixel of stride 2, which leaves a row over',
    x: [3, 16, 4, 5],
    w: [32, 16, 1, 1],
    attrs: { strides: [2, 2] },
    allow: ['taps', 'pixels', 'images'],
  },
  {
    title: 'one pixel of another stride down than across',
    x: [2, 32, 6, 5],
    w: [16, 32, 1, 1],
    attrs: { strides: [3, 1] },
    allow: ['taps', 'pixels', 'images'],
  },
  {
    title: 'one pixel, channels that fill no block',
    x: [3, 5, 4, 3],
    w: [7, 5, 1, 1],
    attrs: { strides: [1, 2] },
    allow: ['taps', 'images'],
  },
  {
    title: 'one pixel, padded',
    x: [16, 16, 3, 4],
    w: [16, 16, 1, 1],
    attrs: { pads: [1, 1, 1, 1] },
    allow: ['taps', 'blocked'],
  },
];

describe.skipIf(block === null).each(convolutions)(
  'the weight gradient of $title',
  ({ x: xShape, w: wShape, attrs = {}, allow }) => {
    const { strides = [1, 1], pads = [0, 0, 0, 0] } = attrs;
    const [batch, inChannels, ...image] = xShape as [number, number, number, number];
    const [outChannels, , ...kernel] = wShape as [number, number, number, number];
    const out = (axis: 0 | 1) =>
      Math.floor((image[axis]! + pads[axis]! + pads[axis + 2]! - kernel[axis]!) / strides[axis]!) + 1;
    const shapes = [xShape, [batch, outChannels, out(0), out(1)]];
    const p = program({
      outputs: { dw: conv2dWeightGrad(input('x0', xShape), input('x1', shapes[1]!), wShape, attrs) },
    });
    const values = draw({
      op: 'conv2dWeightGrad',
      title: '',
      shapes,
      range: [-0.5, 0.5],
      build: () => p.outputs['dw']!,
    });
    const expected = runReference(p, values).get('dw')!.data;

    test('has the ways that are tried here', () => {
      const costs = weightGradCosts({
        block: 16,
        batch,
        inChannels,
        outChannels,
        image,
        output: [out(0), out(1)],
        kernel,
        strides,
        pads,
        dilations: [1, 1],
        groups: 1,
        arriveBlocked: [true, true],
      });
      expect(Object.keys(costs).sort()).toEqual([...allow].sort());
    });

    const wholeBlocks = inChannels % 16 === 0 && outChannels % 16 === 0;
    const ways = allow.flatMap((strategy) =>
      (wholeBlocks ? [true, false] : [false]).map((arriveBlocked) => ({
        strategy,
        arrive: arriveBlocked ? 'blocked' : 'in order',
      })),
    );
    test.each(ways)('is the same by $strategy of images that arrive $arrive', async ({ strategy, arrive }) => {
      const lowerings: Partial<Lowerings> = {
        conv2dWeightGrad(graph, operands, node) {
          const blocked = new BlockedValues(graph, block!);
          const arrived =
            arrive === 'blocked'
              ? operands.map((value, i) => blocked.name(blocked.reorderIn(value), node.inputs[i]!.shape[1]!))
              : operands;
          return [weightGradBy(strategy, graph, blocked, arrived, node)];
        },
      };
      const handle = await host.load(toOnnx(p, { lowerings }), { optimize: false });
      const { dw } = await host.run(
        handle,
        null,
        Object.fromEntries(values.map(({ shape, data }, i) => [`x${i}`, float32(shape, Float32Array.from(data))])),
      );
      // Float32 sums of some hundred terms below 1/4.
      expect(largestDifference(dw!.data as Float32Array, expected)).toBeLessThan(1e-5);
      await host.unload(handle);
    });
  },
);
