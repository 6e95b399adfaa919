/** Means and maxima over windows of images. */
import { describeType, sizeOf, type Shape, type Type } from '../dtype.ts';
import { apply, constant, defineOp, type Tensor } from '../tensor.ts';
import { equal } from './compare.ts';
import { conv2dInputGrad } from './conv.ts';
import { add, div, mul } from './elementwise.ts';
import { sumPool, upsampleNearest } from './resample.ts';
import { cast, full, reshape, slice, unslice } from './structure.ts';

/** How windows lie on an image, in ONNX's order of axes. */
export interface PoolAttrs {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Bitmap added at the top, left, bottom and right. */
  readonly pads: readonly [number, number, number, number];
}

function outputType(name: string, x: Type, { kernel, strides, pads }: PoolAttrs): Type {
  if (x.shape.length !== 4) throw new Error(`${name}: needs [B, C, H, W], got ${describeType(x)}`);
  if (![...kernel, ...strides].every((n) => Number.isInteger(n) && n > 0))
    throw new Error(
      `${name}: windows of ${kernel.join(' × ')} in strides of ${strides.join(' and ')}; needs positive integers`,
    );
  // A window has a pixel of the image in it.
  if (!pads.every((n, i) => Number.isInteger(n) && n >= 0 && n < kernel[i % 2]!))
    throw new Error(`${name}: pads [${pads.join(', ')}] must be less than the windows of ${kernel.join(' × ')}`);
  const extents = [0, 1].map(
    (axis) => Math.floor((x.shape[axis + 2]! + pads[axis]! + pads[axis + 2]! - kernel[axis]!) / strides[axis]!) + 1,
  );
  if (extents.some((n) => n < 1))
    throw new Error(
      `${name}: a window of ${kernel.join(' × ')} does not fit into ${describeType(x)} with pads [${pads.join(', ')}]`,
    );
  return { shape: [...x.shape.slice(0, 2), ...extents], dtype: x.dtype };
}

/** Calls `visit` with the offsets (in x, output) of every pixel of every window. */
function eachPixel(
  [, , height, width]: Shape,
  [batch, channels, outHeight, outWidth]: Shape,
  { kernel, strides, pads }: PoolAttrs,
  visit: (xAt: number, yAt: number) => void,
): void {
  for (let plane = 0, yAt = 0; plane < batch! * channels!; plane++) {
    for (let oy = 0; oy < outHeight!; oy++) {
      for (let ox = 0; ox < outWidth!; ox++, yAt++) {
        const [top, left] = [oy * strides[0] - pads[0], ox * strides[1] - pads[1]];
        for (let y = Math.max(top, 0); y < Math.min(top + kernel[0], height!); y++) {
          for (let x = Math.max(left, 0); x < Math.min(left + kernel[1], width!); x++)
            visit((plane * height! + y) * width! + x, yAt);
        }
      }
    }
  }
}

/** The side of the squares that tile the image, if that is what the windows are. */
function tileSide(
  { kernel: [side, across], strides, pads }: PoolAttrs,
  [, , height, width]: Shape,
): number | undefined {
  const tiles =
    side === across &&
    strides.every((n) => n === side) &&
    pads.every((n) => n === 0) &&
    height! % side === 0 &&
    width! % side === 0;
  return tiles ? side : undefined;
}

export const avgPool2dOp = defineOp<'avgPool2d', PoolAttrs>({
  name: 'avgPool2d',
  infer: ([x], attrs) => [outputType('avgPool2d', x!, attrs)],
  evaluate([x], attrs, [out]) {
    const y = new Float64Array(sizeOf(out!.shape));
    const share = 1 / (attrs.kernel[0] * attrs.kernel[1]);
    eachPixel(x!.shape, out!.shape, attrs, (xAt, yAt) => {
      y[yAt]! += share * x!.data[xAt]!;
    });
    return [y];
  },
  vjp([g], { inputs: [x], attrs }) {
    if (!g) return [];
    const {
      kernel: [kh, kw],
      strides,
      pads,
    } = attrs;
    const side = tileSide(attrs, x!.shape);
    if (side !== undefined) return [upsampleNearest(mul(g, 1 / (side * side)), side)];
    // A mean is a convolution of one channel with a kernel of equal weights.
    const [batch, channels, height, width] = x!.shape as [number, number, number, number];
    const planes = reshape(g, [batch * channels, 1, ...g.shape.slice(2)]);
    return [
      reshape(
        conv2dInputGrad(planes, full([1, 1, kh, kw], 1 / (kh * kw), g.dtype), [batch * channels, 1, height, width], {
          strides,
          pads,
        }),
        x!.shape,
      ),
    ];
  },
});

export const maxPool2dOp = defineOp<'maxPool2d', PoolAttrs>({
  name: 'maxPool2d',
  infer: ([x], attrs) => [outputType('maxPool2d', x!, attrs)],
  evaluate([x], attrs, [out]) {
    const y = new Float64Array(sizeOf(out!.shape)).fill(-Infinity);
    eachPixel(x!.shape, out!.shape, attrs, (xAt, yAt) => {
      y[yAt] = Math.max(y[yAt]!, x!.data[xAt]!);
    });
    return [y];
  },
  /** Each window's gradient goes to the pixels that equal its maximum, in equal shares. */
  vjp([g], { inputs: [x], outputs: [y], attrs }) {
    if (!g) return [];
    const side = tileSide(attrs, x!.shape);
    if (side !== undefined) {
      const largest = cast(equal(x!, upsampleNearest(y!, side)), x!.dtype);
      return [mul(largest, upsampleNearest(div(g, sumPool(largest, side)), side))];
    }
    const shape = y!.shape;
    const taps = windowTaps(x!.shape, shape, attrs).map((tap) => ({
      ...tap,
      largest: cast(
        equal(slice(x!, tap.inX, tap.sizes, [1, 1, ...attrs.strides]), slice(y!, tap.inY, tap.sizes)),
        x!.dtype,
      ),
    }));
    const share = div(
      g,
      taps.map(({ largest, inY }) => unslice(largest, shape, inY)).reduce((a, b) => add(a, b)),
    );
    // Added up on the grid of windows, which has few pixels; only the sums of the places in a stride are spread apart.
    const phases = new Map<string, { readonly phase: readonly [number, number]; readonly parts: Tensor[] }>();
    const grid = [
      ...x!.shape.slice(0, 2),
      ...attrs.strides.map((stride, axis) => Math.ceil(x!.shape[axis + 2]! / stride)),
    ];
    for (const { largest, sizes, inX, inY } of taps) {
      const [row, column] = inX.slice(2) as [number, number];
      const phase = [row % attrs.strides[0], column % attrs.strides[1]] as const;
      const part = unslice(mul(largest, slice(share, inY, sizes)), grid, [
        0,
        0,
        Math.floor(row / attrs.strides[0]),
        Math.floor(column / attrs.strides[1]),
      ]);
      const found = phases.get(phase.join());
      if (found) found.parts.push(part);
      else phases.set(phase.join(), { phase, parts: [part] });
    }
    return [
      [...phases.values()]
        .map(({ phase, parts }) =>
          spread(
            parts.reduce((a, b) => add(a, b)),
            x!.shape,
            phase,
            attrs.strides,
          ),
        )
        .reduce((a, b) => add(a, b)),
    ];
  },
});

/** An image with the pixels of `grid` at one place of each stride and zeros between them. */
function spread(
  grid: Tensor,
  shape: Shape,
  phase: readonly [number, number],
  [stride, across]: readonly [number, number],
): Tensor {
  const [height, width] = shape.slice(2) as [number, number];
  const [rows, columns] = [Math.ceil((height - phase[0]) / stride), Math.ceil((width - phase[1]) / across)];
  if (stride !== across || stride === 1)
    return unslice(
      slice(grid, [0, 0, 0, 0], [...shape.slice(0, 2), rows, columns]),
      shape,
      [0, 0, ...phase],
      [1, 1, stride, across],
    );
  // Repeating and masking is eight times as fast as padding single pixels.
  const mask = Float32Array.from({ length: height * width }, (_, i) =>
    Number(Math.floor(i / width) % stride === phase[0] && (i % width) % stride === phase[1]),
  );
  const repeated = slice(upsampleNearest(grid, stride), [0, 0, 0, 0], shape);
  return mul(repeated, cast(constant({ shape: [1, 1, height, width], dtype: 'f32', data: mask }), grid.dtype));
}

/** For each place in a window: the block of outputs whose window has a pixel of the image there, and where these begin. */
function windowTaps(
  [batch, channels, ...extents]: Shape,
  [, , ...outExtents]: Shape,
  { kernel, strides, pads }: PoolAttrs,
) {
  const along = (axis: 0 | 1, offset: number) => {
    const shift = offset - pads[axis]!;
    const first = Math.max(0, Math.ceil(-shift / strides[axis]!));
    const last = Math.min(outExtents[axis]! - 1, Math.floor((extents[axis]! - 1 - shift) / strides[axis]!));
    return { first, size: last - first + 1, start: first * strides[axis]! + shift };
  };
  const taps: { readonly sizes: Shape; readonly inX: readonly number[]; readonly inY: readonly number[] }[] = [];
  for (let u = 0; u < kernel[0]; u++) {
    for (let v = 0; v < kernel[1]; v++) {
      const [rows, columns] = [along(0, u), along(1, v)];
      if (rows.size > 0 && columns.size > 0)
        taps.push({
          sizes: [batch!, channels!, rows.size, columns.size],
          inX: [0, 0, rows.start, columns.start],
          inY: [0, 0, rows.first, columns.first],
        });
    }
  }
  return taps;
}

function poolAttrs(
  kernel: number | readonly [number, number],
  { strides, pads = [0, 0, 0, 0] }: Partial<Omit<PoolAttrs, 'kernel'>>,
): PoolAttrs {
  const extents = typeof kernel === 'number' ? ([kernel, kernel] as const) : kernel;
  return { kernel: extents, strides: strides ?? extents, pads };
}

/**
 * The mean of each window of an image: [B, C, H, W] → [B, C, H′, W′] with H′ = ⌊(H + pads − kernel) / stride⌋ + 1.
 *
 * @param kernel  height and width of a window, or one number for both
 * @param options.strides       default: the windows lie side by side
 * @param options.pads          zeros at the top, left, bottom and right; default none
 * @param options.countPadding  whether these zeros count as pixels of the mean; default true, as in PyTorch
 */
export function avgPool2d(
  x: Tensor,
  kernel: number | readonly [number, number],
  { countPadding = true, ...options }: Partial<Omit<PoolAttrs, 'kernel'>> & { readonly countPadding?: boolean } = {},
): Tensor {
  const attrs = poolAttrs(kernel, options);
  const means = apply(avgPool2dOp, [x], attrs);
  if (countPadding || attrs.pads.every((n) => n === 0)) return means;
  const [height, width] = means.shape.slice(2) as [number, number];
  const pixels = new Float32Array(height * width);
  eachPixel([1, 1, ...x.shape.slice(2)], [1, 1, height, width], attrs, (_, yAt) => {
    pixels[yAt]!++;
  });
  return mul(
    means,
    constant({
      shape: [1, 1, height, width],
      dtype: 'f32',
      data: pixels.map((n) => (attrs.kernel[0] * attrs.kernel[1]) / n),
    }),
  );
}

/**
 * The largest pixel of each window of an image: [B, C, H, W] → [B, C, H′, W′], sizes as for `avgPool2d`. Padding is
 * never the largest. The gradient of a window goes in equal shares to all pixels that are as large as its largest.
 */
export function maxPool2d(
  x: Tensor,
  kernel: number | readonly [number, number],
  options: Partial<Omit<PoolAttrs, 'kernel'>> = {},
): Tensor {
  return apply(maxPool2dOp, [x], poolAttrs(kernel, options));
}
