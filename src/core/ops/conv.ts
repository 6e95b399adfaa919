/** Two-dimensional convolution and its two gradients, which are each other's gradients too. */
import { describeType, sizeOf, type Shape, type Type } from '../dtype.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';
import { add } from './elementwise.ts';
import { reshape, sum } from './structure.ts';

/** Attributes of a convolution, in ONNX's order of axes. */
export interface Conv2dAttrs {
  /** Vertical and horizontal stride. */
  readonly strides: readonly [number, number];
  /** Zeros added at the top, left, bottom and right. */
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
}

/** The extents a convolution runs over, all checked. */
function geometry(name: string, x: Shape, w: Shape, { strides, pads, dilations, groups }: Conv2dAttrs) {
  if (x.length !== 4 || w.length !== 4)
    throw new Error(`${name}: needs [B, C, H, W] and [O, I, kh, kw], got [${x.join(', ')}] and [${w.join(', ')}]`);
  const [batch, inChannels, height, width] = x as readonly [number, number, number, number];
  const [outChannels, groupChannels, kh, kw] = w as readonly [number, number, number, number];
  if (inChannels !== groupChannels * groups)
    throw new Error(
      `${name}: x has ${inChannels} channels, the kernel takes ${groupChannels * groups} (x is [${x.join(', ')}], kernel [${w.join(', ')}], groups ${groups})`,
    );
  if (outChannels % groups !== 0)
    throw new Error(`${name}: ${outChannels} output channels do not split into ${groups} groups`);
  const outHeight = Math.floor((height + pads[0] + pads[2] - (kh - 1) * dilations[0] - 1) / strides[0]) + 1;
  const outWidth = Math.floor((width + pads[1] + pads[3] - (kw - 1) * dilations[1] - 1) / strides[1]) + 1;
  if (outHeight < 1 || outWidth < 1)
    throw new Error(
      `${name}: a kernel of ${kh} × ${kw} does not fit into [${x.join(', ')}] with pads [${pads.join(', ')}]`,
    );
  return {
    batch,
    inChannels,
    height,
    width,
    outChannels,
    groupChannels,
    kh,
    kw,
    outHeight,
    outWidth,
    groupOut: outChannels / groups,
  };
}

/** Calls `visit` with the offsets (in x, kernel, output) of every product of the convolution. */
function eachProduct(
  x: Shape,
  w: Shape,
  attrs: Conv2dAttrs,
  visit: (xAt: number, wAt: number, yAt: number) => void,
): void {
  const g = geometry('conv2d', x, w, attrs);
  for (let b = 0; b < g.batch; b++) {
    for (let o = 0; o < g.outChannels; o++) {
      const firstChannel = Math.floor(o / g.groupOut) * g.groupChannels;
      for (let c = 0; c < g.groupChannels; c++) {
        for (let ky = 0; ky < g.kh; ky++) {
          for (let kx = 0; kx < g.kw; kx++) {
            const wAt = ((o * g.groupChannels + c) * g.kh + ky) * g.kw + kx;
            for (let oy = 0; oy < g.outHeight; oy++) {
              const iy = oy * attrs.strides[0] + ky * attrs.dilations[0] - attrs.pads[0];
              if (iy < 0 || iy >= g.height) continue;
              for (let ox = 0; ox < g.outWidth; ox++) {
                const ix = ox * attrs.strides[1] + kx * attrs.dilations[1] - attrs.pads[1];
                if (ix < 0 || ix >= g.width) continue;
                visit(
                  ((b * g.inChannels + firstChannel + c) * g.height + iy) * g.width + ix,
                  wAt,
                  ((b * g.outChannels + o) * g.outHeight + oy) * g.outWidth + ox,
                );
              }
            }
          }
        }
      }
    }
  }
}

function outputShape(name: string, x: Shape, w: Shape, attrs: Conv2dAttrs): Shape {
  const g = geometry(name, x, w, attrs);
  return [g.batch, g.outChannels, g.outHeight, g.outWidth];
}

function requireOutput(name: string, dy: Type, expected: Shape): void {
  if (dy.shape.join() !== expected.join())
    throw new Error(`${name}: the output gradient is ${describeType(dy)}, expected [${expected.join(', ')}]`);
}

export const conv2dOp = defineOp<'conv2d', Conv2dAttrs>({
  name: 'conv2d',
  infer([x, w, bias], attrs) {
    const shape = outputShape('conv2d', x!.shape, w!.shape, attrs);
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== w!.shape[0]))
      throw new Error(`conv2d: bias ${describeType(bias)} for ${w!.shape[0]} output channels`);
    return [{ shape, dtype: x!.dtype }];
  },
  evaluate([x, w, bias], attrs, [out]) {
    const y = new Float64Array(sizeOf(out!.shape));
    const area = out!.shape[2]! * out!.shape[3]!;
    if (bias) for (let i = 0; i < y.length; i++) y[i] = bias.data[Math.floor(i / area) % bias.data.length]!;
    eachProduct(x!.shape, w!.shape, attrs, (xAt, wAt, yAt) => {
      y[yAt]! += x!.data[xAt]! * w!.data[wAt]!;
    });
    return [y];
  },
  vjp([g], { inputs: [x, w, bias], attrs }) {
    if (!g) return [];
    return [
      conv2dInputGrad(g, w!, x!.shape, attrs),
      conv2dWeightGrad(x!, g, w!.shape, attrs),
      ...(bias ? [sum(g, [0, 2, 3])] : []),
    ];
  },
});

export const conv2dInputGradOp = defineOp<'conv2dInputGrad', Conv2dAttrs & { inputShape: Shape }>({
  name: 'conv2dInputGrad',
  infer([dy, w], { inputShape, ...attrs }) {
    requireOutput('conv2dInputGrad', dy!, outputShape('conv2dInputGrad', inputShape, w!.shape, attrs));
    return [{ shape: inputShape, dtype: dy!.dtype }];
  },
  evaluate([dy, w], { inputShape, ...attrs }) {
    const dx = new Float64Array(sizeOf(inputShape));
    eachProduct(inputShape, w!.shape, attrs, (xAt, wAt, yAt) => {
      dx[xAt]! += dy!.data[yAt]! * w!.data[wAt]!;
    });
    return [dx];
  },
  vjp([g], { inputs: [dy, w], attrs: { inputShape: _, ...attrs } }) {
    if (!g) return [];
    return [conv2d(g, w!, undefined, attrs), conv2dWeightGrad(g, dy!, w!.shape, attrs)];
  },
});

export const conv2dWeightGradOp = defineOp<'conv2dWeightGrad', Conv2dAttrs & { weightShape: Shape }>({
  name: 'conv2dWeightGrad',
  infer([x, dy], { weightShape, ...attrs }) {
    requireOutput('conv2dWeightGrad', dy!, outputShape('conv2dWeightGrad', x!.shape, weightShape, attrs));
    return [{ shape: weightShape, dtype: x!.dtype }];
  },
  evaluate([x, dy], { weightShape, ...attrs }) {
    const dw = new Float64Array(sizeOf(weightShape));
    eachProduct(x!.shape, weightShape, attrs, (xAt, wAt, yAt) => {
      dw[wAt]! += x!.data[xAt]! * dy!.data[yAt]!;
    });
    return [dw];
  },
  vjp([g], { inputs: [x, dy], attrs: { weightShape: _, ...attrs } }) {
    if (!g) return [];
    return [conv2dInputGrad(dy!, g, x!.shape, attrs), conv2d(x!, g, undefined, attrs)];
  },
});

const conv2dDefaults: Conv2dAttrs = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 };

/**
 * Cross-correlation, as every deep-learning library calls a convolution:
 *
 *     y[b, o, i, j] = bias[o] + Σ_{c, u, v} x[b, c, i·s + u·d − p, j·s + v·d − p] · w[o, c, u, v]
 *
 * @param x     [B, C, H, W]
 * @param w     [O, C / groups, kh, kw]
 * @param bias  [O]
 * @returns     [B, O, H′, W′]
 */
export function conv2d(x: Tensor, w: Tensor, bias?: Tensor, attrs: Partial<Conv2dAttrs> = {}): Tensor {
  return apply(conv2dOp, bias ? [x, w, bias] : [x, w], { ...conv2dDefaults, ...attrs });
}

/** The gradient of a convolution by its input: `dy [B, O, H′, W′]`, `w [O, C / groups, kh, kw]` → `inputShape`. */
export function conv2dInputGrad(dy: Tensor, w: Tensor, inputShape: Shape, attrs: Partial<Conv2dAttrs> = {}): Tensor {
  return apply(conv2dInputGradOp, [dy, w], { ...conv2dDefaults, ...attrs, inputShape });
}

/** The gradient of a convolution by its kernel: `x [B, C, H, W]`, `dy [B, O, H′, W′]` → `weightShape`. */
export function conv2dWeightGrad(x: Tensor, dy: Tensor, weightShape: Shape, attrs: Partial<Conv2dAttrs> = {}): Tensor {
  return apply(conv2dWeightGradOp, [x, dy], { ...conv2dDefaults, ...attrs, weightShape });
}

/**
 * Transposed convolution: the transpose of `conv2d` by its input, which spreads each pixel over a kernel's area.
 *
 *     H′ = (H − 1) · stride − pads + dilation · (kh − 1) + outputPadding + 1
 *
 * @param x     [B, C, H, W]
 * @param w     [C, O / groups, kh, kw]
 * @param bias  [O]
 * @param attrs.pads           rows and columns cut off at the top, left, bottom and right
 * @param attrs.outputPadding  rows and columns more at the bottom and right, each less than its stride: which of the
 *                             extents that `conv2d` would take to H and W is meant
 * @returns     [B, O, H′, W′]
 */
export function convTranspose2d(
  x: Tensor,
  w: Tensor,
  bias?: Tensor,
  {
    outputPadding = [0, 0],
    ...given
  }: Partial<Conv2dAttrs> & { readonly outputPadding?: readonly [number, number] } = {},
): Tensor {
  const attrs = { ...conv2dDefaults, ...given };
  if (x.shape.length !== 4 || w.shape.length !== 4 || x.shape[1] !== w.shape[0])
    throw new Error(
      `convTranspose2d: needs [B, C, H, W] and [C, O / groups, kh, kw], got ${describeType(x)} and ${describeType(w)}`,
    );
  if (!outputPadding.every((n, axis) => Number.isInteger(n) && n >= 0 && n < attrs.strides[axis]!))
    throw new Error(
      `convTranspose2d: the output padding [${outputPadding.join(', ')}] must be less than the strides [${attrs.strides.join(', ')}]`,
    );
  const outChannels = w.shape[1]! * attrs.groups;
  const extents = [0, 1].map(
    (axis) =>
      (x.shape[axis + 2]! - 1) * attrs.strides[axis]! -
      attrs.pads[axis]! -
      attrs.pads[axis + 2]! +
      attrs.dilations[axis]! * (w.shape[axis + 2]! - 1) +
      outputPadding[axis]! +
      1,
  );
  if (extents.some((n) => n < 1))
    throw new Error(
      `convTranspose2d: pads [${attrs.pads.join(', ')}] leave nothing of ${describeType(x)} under a kernel of ${w.shape.slice(2).join(' × ')}`,
    );
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outChannels))
    throw new Error(`convTranspose2d: bias ${describeType(bias)} for ${outChannels} output channels`);
  const y = conv2dInputGrad(x, w, [x.shape[0]!, outChannels, ...extents], attrs);
  return bias ? add(y, reshape(bias, [1, outChannels, 1, 1])) : y;
}
