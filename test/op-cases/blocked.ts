import {
  add,
  controlDependency,
  avgPool2d,
  cast,
  channelAffine,
  concat,
  constant,
  conv2d,
  conv2dInputGrad,
  flip,
  float32,
  gelu,
  groupNorm,
  leakyRelu,
  lessEqual,
  matmul,
  maxPool2d,
  mul,
  RandomStream,
  relu,
  reshape,
  silu,
  sizeOf,
  slice,
  softplus,
  sumPool,
  transpose,
  upsampleNearest,
  where,
  type Tensor,
} from '../../src/core/index.ts';
import type { OpCase } from './op-case.ts';

/** Numbers that are part of the program. */
function fixed(shape: readonly number[]): Tensor {
  const random = new RandomStream(3, 'constant kernel');
  return constant(
    float32(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, () => random.uniform() - 0.5),
    ),
  );
}

/**
 * Sizes that ONNX Runtime's blocked kernels take (multiples of 16, so also of 8) and that are next to their limits;
 * too large for central differences, so only the engines are held against the reference.
 */
export const blockedCases: readonly OpCase[] = [
  {
    op: 'conv2d',
    title: '3 × 3, not square',
    shapes: [[16, 16, 3, 5], [32, 16, 3, 3], [32]],
    range: [-0.5, 0.5],
    build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'of stride 2 padded right and bottom',
    shapes: [[16, 32, 4, 6], [16, 32, 3, 3], [16]],
    range: [-0.5, 0.5],
    build: (x, w, b) => conv2d(x!, w!, b, { strides: [2, 2], pads: [0, 0, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'of stride 2 padded everywhere, which leaves a row and a column over',
    shapes: [
      [16, 16, 4, 6],
      [16, 16, 3, 3],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(x!, w!, undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'of one pixel, two blocks of batch',
    shapes: [[32, 48, 2, 3], [16, 48, 1, 1], [16]],
    range: [-0.5, 0.5],
    build: (x, w, b) => conv2d(x!, w!, b),
  },
  {
    op: 'conv2d',
    title: '3 × 3, two blocks of batch',
    shapes: [
      [32, 32, 2, 3],
      [16, 32, 3, 3],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(x!, w!, undefined, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'a batch of half a block, whose images are cut into bands',
    shapes: [
      [8, 16, 4, 3],
      [32, 16, 3, 3],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(x!, w!, undefined, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'a batch of a block and a half, padded unevenly',
    shapes: [
      [24, 16, 4, 3],
      [16, 16, 3, 3],
    ],
    range: [-0.3, 0.3],
    build: (x, w) => conv2d(x!, w!, undefined, { pads: [2, 0, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'of stride 2, in bands of one row',
    shapes: [
      [4, 16, 8, 6],
      [16, 16, 3, 3],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(x!, w!, undefined, { strides: [2, 2], pads: [0, 0, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'of stride 2 padded everywhere, which leaves a row over, in bands',
    shapes: [
      [8, 16, 4, 6],
      [16, 16, 3, 3],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(x!, w!, undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'a batch that is no block',
    shapes: [
      [3, 16, 4, 3],
      [32, 16, 3, 3],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(x!, w!, undefined, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'from three channels',
    shapes: [[2, 3, 5, 4], [16, 3, 3, 3], [16]],
    range: [-0.5, 0.5],
    build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'to three channels',
    shapes: [[2, 16, 5, 4], [3, 16, 3, 3], [3]],
    range: [-0.5, 0.5],
    build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'without padding, an uneven kernel',
    shapes: [
      [16, 16, 4, 5],
      [16, 16, 3, 2],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(x!, w!),
  },
  {
    op: 'conv2d',
    title: 'dilated',
    shapes: [
      [2, 16, 6, 5],
      [16, 16, 3, 3],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(x!, w!, undefined, { dilations: [2, 1], pads: [2, 1, 2, 1] }),
  },
  {
    op: 'groupNorm',
    title: 'of groups across two blocks',
    shapes: [[2, 48, 3, 2], [48], [48]],
    build: (x, g, b) => groupNorm(x!, g!, b!, { groups: 8, eps: 1e-5 }),
  },
  {
    op: 'groupNorm',
    title: 'of a blocked image with a number added to each channel',
    shapes: [[2, 16, 3, 2], [32, 16, 1, 1], [2, 32], [32], [32]],
    build: (x, w, t, g, b) =>
      groupNorm(add(conv2d(x!, w!), reshape(t!, [2, 32, 1, 1])), g!, b!, { groups: 8, eps: 1e-5 }),
  },
  {
    op: 'groupNorm',
    title: 'of a blocked image with one channel a group',
    shapes: [[2, 16, 3, 2], [16], [16]],
    build: (x, g, b) => groupNorm(x!, g!, b!, { groups: 16, eps: 1e-5 }),
  },
  {
    op: 'groupNorm',
    title: 'of a blocked image of many pixels',
    shapes: [[2, 32, 16, 16], [32], [32]],
    far: [998, 1002],
    build: (x, g, b) => groupNorm(x!, g!, b!, { groups: 8, eps: 1e-5 }),
  },
  {
    op: 'channelAffine',
    title: 'of blocked images, added to others',
    shapes: [
      [2, 16, 3, 2],
      [16, 16, 1, 1],
      [2, 16],
      [2, 16],
    ],
    range: [-0.5, 0.5],
    build: (x, w, s, t) => {
      const y = add(conv2d(x!, w!), reshape(t!, [2, 16, 1, 1]));
      return add(channelAffine(y, s!, t!, channelAffine(conv2d(y, w!), s!, t!)), conv2d(mul(y, y), w!));
    },
  },
  {
    op: 'add',
    title: 'of convolutions to each other and to an image that is used again',
    shapes: [[2, 16, 3, 2], [32, 16, 1, 1], [32, 32, 1, 1], [32]],
    range: [-0.5, 0.5],
    build: (x, w, v, b) => {
      const y = add(conv2d(x!, w!, b), conv2d(conv2d(x!, w!), v!));
      const z = add(y, conv2d(y, v!, b));
      return add(conv2d(z, v!), mul(y, z));
    },
  },
  {
    op: 'conv2d',
    title: 'with constant kernels, from three channels to five and doubled on the way',
    shapes: [[2, 3, 3, 2]],
    range: [-0.5, 0.5],
    build: (x) => {
      const first = conv2d(x!, fixed([32, 3, 3, 3]), fixed([32]), { pads: [1, 1, 1, 1] });
      return conv2d(
        conv2d(upsampleNearest(first, 2), fixed([16, 32, 3, 3]), fixed([16]), { pads: [1, 1, 1, 1] }),
        fixed([5, 16, 1, 1]),
        fixed([5]),
      );
    },
  },
  {
    op: 'controlDependency',
    title: 'of blocked images, one with a number added to each channel',
    shapes: [
      [2, 16, 3, 2],
      [16, 16, 1, 1],
      [2, 16],
    ],
    range: [-0.5, 0.5],
    build: (x, w, t) => {
      const y = conv2d(x!, w!);
      const z = controlDependency(add(y, reshape(t!, [2, 16, 1, 1])), x!);
      return add(conv2d(mul(controlDependency(y, z), z), w!), z);
    },
  },
  {
    op: 'silu',
    title: 'between convolutions',
    shapes: [
      [2, 16, 3, 4],
      [16, 16, 1, 1],
      [2, 16],
    ],
    range: [-0.5, 0.5],
    build: (x, w, t) => conv2d(silu(add(conv2d(x!, w!), reshape(t!, [2, 16, 1, 1]))), w!),
  },
  {
    op: 'mul',
    title: 'of a blocked image by a number a channel, a number and another image',
    shapes: [
      [2, 16, 3, 4],
      [16, 16, 1, 1],
      [2, 16],
    ],
    range: [-0.5, 0.5],
    build: (x, w, t) => mul(mul(mul(reshape(t!, [2, 16, 1, 1]), conv2d(x!, w!)), 0.5), x!),
  },
  {
    op: 'concat',
    title: 'of blocked images and its slices',
    shapes: [
      [2, 16, 2, 3],
      [16, 16, 1, 1],
      [16, 48, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w, v) => {
      const y = conv2d(x!, w!);
      return conv2d(slice(concat([y, x!, y, y], 1), [0, 16, 0, 0], [2, 48, 2, 3]), v!);
    },
  },
  {
    op: 'transpose',
    title: 'of a blocked image to rows of pixels and back',
    shapes: [
      [2, 16, 2, 3],
      [16, 16, 1, 1],
      [16, 16],
    ],
    range: [-0.5, 0.5],
    build: (x, w, v) => {
      const rows = matmul(transpose(reshape(conv2d(x!, w!), [2, 16, 6]), [0, 2, 1]), v!);
      return add(conv2d(reshape(transpose(rows, [0, 2, 1]), [2, 16, 2, 3]), w!), x!);
    },
  },
  {
    op: 'upsampleNearest',
    title: 'of a blocked image',
    shapes: [
      [2, 16, 2, 3],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(upsampleNearest(conv2d(x!, w!), 2), w!),
  },
  {
    op: 'upsampleNearest',
    title: 'between convolutions of 3 × 3',
    shapes: [[16, 16, 2, 3], [16, 16, 1, 1], [32, 16, 3, 3], [32]],
    range: [-0.3, 0.3],
    build: (x, w, v, b) => conv2d(upsampleNearest(conv2d(x!, w!), 2), v!, b, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'upsampleNearest',
    title: 'between convolutions, a batch that is no block',
    shapes: [
      [3, 16, 2, 2],
      [16, 16, 1, 1],
      [16, 16, 3, 3],
    ],
    range: [-0.5, 0.5],
    build: (x, w, v) => conv2d(upsampleNearest(conv2d(x!, w!), 2), v!, undefined, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'sumPool',
    title: "of a convolution's input gradient that is used by itself too",
    shapes: [
      [16, 16, 4, 6],
      [16, 16, 3, 3],
    ],
    range: [-0.3, 0.3],
    build: (g, w) => {
      const dx = conv2dInputGrad(g!, w!, [16, 16, 4, 6], { pads: [1, 1, 1, 1] });
      return add(upsampleNearest(sumPool(dx, 2), 2), dx);
    },
  },
  {
    op: 'relu',
    title: 'between convolutions',
    shapes: [
      [2, 16, 3, 4],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(relu(conv2d(x!, w!)), w!),
  },
  {
    op: 'where',
    title: 'of a comparison of blocked images, used in order too',
    shapes: [
      [2, 16, 3, 4],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => {
      const y = conv2d(x!, w!);
      const low = lessEqual(y, 0.1);
      return concat([conv2d(where(low, y, mul(y, y)), w!), cast(slice(low, [0, 0, 0, 0], [2, 5, 3, 4]), 'f32')], 1);
    },
  },
  {
    op: 'maximum',
    title: 'of a blocked image and a number',
    shapes: [
      [2, 16, 3, 4],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(leakyRelu(conv2d(x!, w!), 0.2), w!),
  },
  {
    op: 'gelu',
    title: 'between convolutions',
    shapes: [
      [2, 16, 3, 4],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(softplus(gelu(conv2d(x!, w!))), w!),
  },
  {
    op: 'maxPool2d',
    title: 'of tiles between convolutions',
    shapes: [
      [2, 16, 4, 6],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(maxPool2d(conv2d(x!, w!), 2), w!),
  },
  {
    op: 'maxPool2d',
    title: 'of overlapping windows between convolutions',
    shapes: [
      [2, 16, 5, 6],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(maxPool2d(conv2d(x!, w!), 3, { strides: [2, 2], pads: [1, 1, 1, 1] }), w!),
  },
  {
    op: 'avgPool2d',
    title: 'of tiles between convolutions',
    shapes: [
      [2, 16, 4, 6],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(avgPool2d(conv2d(x!, w!), 2), w!),
  },
  {
    op: 'avgPool2d',
    title: 'of overlapping windows between convolutions',
    shapes: [
      [2, 16, 5, 6],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(avgPool2d(conv2d(x!, w!), 3, { strides: [1, 1], pads: [1, 1, 1, 1] }), w!),
  },
  {
    op: 'slice',
    title: 'turns a blocked image around',
    shapes: [
      [2, 16, 3, 4],
      [16, 16, 1, 1],
    ],
    range: [-0.5, 0.5],
    build: (x, w) => conv2d(flip(conv2d(x!, w!), [1, 3]), w!),
  },
];
