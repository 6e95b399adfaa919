import { describeType, sameShape, sizeOf } from '../dtype.ts';
import { apply, reapply, defineOp, type Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { reshape, sum } from './structure.ts';

export const channelAffineOp = defineOp<'channelAffine', Record<string, never>>({
  name: 'channelAffine',
  recompute: reapply,
  infer([x, scale, shift, addend]) {
    if (x!.shape.length < 2) throw new Error(`channelAffine: needs [B, C, ...], got ${describeType(x!)}`);
    for (const p of [scale!, shift!])
      if (!sameShape(p.shape, x!.shape.slice(0, 2)))
        throw new Error(
          `channelAffine: scale and shift must be [${x!.shape.slice(0, 2).join(', ')}], got ${describeType(p)}`,
        );
    if (addend && !sameShape(addend.shape, x!.shape))
      throw new Error(`channelAffine: x is ${describeType(x!)}, the addend ${describeType(addend)}`);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  evaluate([x, scale, shift, addend]) {
    const area = sizeOf(x!.shape.slice(2));
    return [
      x!.data.map(
        (v, i) =>
          v * scale!.data[Math.floor(i / area)]! + shift!.data[Math.floor(i / area)]! + (addend ? addend.data[i]! : 0),
      ),
    ];
  },
  vjp([g], { inputs: [x, scale, , addend] }) {
    if (!g) return [];
    const pixels = x!.shape.slice(2).map((_, i) => i + 2);
    return [mul(g, overPixels(scale!, x!)), sum(mul(g, x!), pixels), sum(g, pixels), addend && g];
  },
});

/** `[B, C]` as `[B, C, 1, ...]`, to broadcast over the pixels of x. */
function overPixels(perChannel: Tensor, x: Tensor): Tensor {
  return reshape(perChannel, [...perChannel.shape, ...x.shape.slice(2).map(() => 1)]);
}

/**
 * Scales and shifts every channel of every image by its own numbers, in one pass where the engine can:
 *
 *     y[b, c, …] = x[b, c, …] · scale[b, c] + shift[b, c] + addend[b, c, …]
 *
 * @param x       [B, C, ...]
 * @param scale   [B, C]
 * @param shift   [B, C]
 * @param addend  [B, C, ...]; default 0
 */
export function channelAffine(x: Tensor, scale: Tensor, shift: Tensor, addend?: Tensor): Tensor {
  return apply(channelAffineOp, addend ? [x, scale, shift, addend] : [x, scale, shift], {});
}
