import { float32, type FloatArray } from '../../core/dtype.ts';
import { checkSameShape, sampleSize } from '../array-arithmetic.ts';

/** Below this angle the sines cannot be divided with enough digits, and the arc is its chord. */
const smallestAngle = 1e-6;

/**
 * The noise a part of the way from one to another, along the arc between them, sample by sample.
 *
 *     sin((1 − u)Ω)/sin Ω · a + sin(uΩ)/sin Ω · b,   cos Ω = a·b/(‖a‖ ‖b‖)
 *
 * Noise of many values lies near a sphere of radius √n, and on a straight line between two of its points the middle has
 * 0.7 of that length, which is no noise a network has seen. At 0 it is a itself and at 1 it is b, bit for bit.
 *
 * @param a  [B, ...]
 * @param b  [B, ...] the shape of a
 * @param u  0 … 1
 * @throws if the shapes differ or u is outside; if two are opposite, between which no arc is the shortest
 * @see Shoemake 1985, section 3.3; Song, Meng & Ermon 2021, appendix D.5 — https://arxiv.org/abs/2010.02502
 */
export function slerp(a: FloatArray, b: FloatArray, u: number): FloatArray {
  checkSameShape('slerp', 'the second end', b, a);
  if (!(u >= 0 && u <= 1)) throw new Error(`slerp: u must lie in 0 … 1, got ${u}`);
  const count = a.shape[0] ?? 0;
  const size = sampleSize('slerp', a, count, 'samples');
  const out = new Float32Array(a.data.length);
  for (let n = 0; n < count; n++) {
    let [dot, squareA, squareB] = [0, 0, 0];
    for (let i = n * size; i < (n + 1) * size; i++) {
      dot += a.data[i]! * b.data[i]!;
      squareA += a.data[i]! ** 2;
      squareB += b.data[i]! ** 2;
    }
    const angle = Math.acos(Math.max(-1, Math.min(1, dot / Math.sqrt(squareA * squareB || 1))));
    if (Math.PI - angle < smallestAngle)
      throw new Error(
        `slerp: the ends of sample ${n} are opposite, so the way between them is not defined; move one of them a little`,
      );
    const [ofA, ofB] =
      angle < smallestAngle
        ? [1 - u, u]
        : [Math.sin((1 - u) * angle) / Math.sin(angle), Math.sin(u * angle) / Math.sin(angle)];
    for (let i = n * size; i < (n + 1) * size; i++) out[i] = ofA * a.data[i]! + ofB * b.data[i]!;
  }
  return float32(a.shape, out);
}
