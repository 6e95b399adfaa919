/** Whole-number resampling of images: repeating pixels and adding up blocks of them, each other's gradients. */
import { describeType, type Shape, type Type } from '../dtype.ts';
import { apply, reapply, defineOp, type Tensor } from '../tensor.ts';
import { broadcastStrides, walk } from './structure.ts';

export interface ResampleAttrs {
  readonly factor: number;
}

function requireImages(name: string, x: Type, factor: number): void {
  if (x.shape.length !== 4) throw new Error(`${name}: needs [B, C, H, W], got ${describeType(x)}`);
  if (!Number.isInteger(factor) || factor < 1)
    throw new Error(`${name}: the factor must be a positive integer, got ${factor}`);
}

/** Calls `visit(fine, coarse)` for every pixel of [B, C, H·f, W·f] with the pixel of [B, C, H, W] above it. */
function eachPixel(
  [batch, channels, height, width]: Shape,
  factor: number,
  visit: (fine: number, coarse: number) => void,
): void {
  const fine = [batch! * channels!, height!, factor, width!, factor];
  walk(fine, broadcastStrides([batch! * channels!, height!, 1, width!, 1], fine), visit);
}

export const upsampleNearestOp = defineOp<'upsampleNearest', ResampleAttrs>({
  name: 'upsampleNearest',
  recompute: reapply,
  infer([x], { factor }) {
    requireImages('upsampleNearest', x!, factor);
    const [batch, channels, height, width] = x!.shape;
    return [{ shape: [batch!, channels!, height! * factor, width! * factor], dtype: x!.dtype }];
  },
  evaluate([x], { factor }, [out]) {
    const y = new Float64Array(out!.shape.reduce((product, extent) => product * extent, 1));
    eachPixel(x!.shape, factor, (fine, coarse) => {
      y[fine] = x!.data[coarse]!;
    });
    return [y];
  },
  vjp: ([g], { attrs: { factor } }) => [g && sumPool(g, factor)],
});

export const sumPoolOp = defineOp<'sumPool', ResampleAttrs>({
  name: 'sumPool',
  infer([x], { factor }) {
    requireImages('sumPool', x!, factor);
    const [batch, channels, height, width] = x!.shape;
    if (height! % factor !== 0 || width! % factor !== 0)
      throw new Error(`sumPool: blocks of ${factor} × ${factor} do not tile ${describeType(x!)}`);
    return [{ shape: [batch!, channels!, height! / factor, width! / factor], dtype: x!.dtype }];
  },
  evaluate([x], { factor }, [out]) {
    const y = new Float64Array(out!.shape.reduce((product, extent) => product * extent, 1));
    eachPixel(out!.shape, factor, (fine, coarse) => {
      y[coarse]! += x!.data[fine]!;
    });
    return [y];
  },
  vjp: ([g], { attrs: { factor } }) => [g && upsampleNearest(g, factor)],
});

/** Repeats every pixel `factor` times in both directions: [B, C, H, W] → [B, C, H·f, W·f]. */
export function upsampleNearest(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : apply(upsampleNearestOp, [x], { factor });
}

/** Adds up blocks of `factor` × `factor` pixels: [B, C, H·f, W·f] → [B, C, H, W]. */
export function sumPool(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : apply(sumPoolOp, [x], { factor });
}
