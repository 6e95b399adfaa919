/** How curves of runs are drawn: smoothed, and in a range that a few outliers do not decide. */
import type { Points } from './answers.ts';

/**
 * The exponential moving average of a curve, corrected for its start:
 *
 *     m_i = w m_{i−1} + (1 − w) v_i,   drawn is m_i / (1 − w^i)
 *
 * @param weight  w in [0, 1); 0 leaves the curve as it is
 */
export function smoothed(points: Points, weight: number): Points {
  let mean = 0;
  return points.map(([step, value], i) => {
    mean = weight * mean + (1 - weight) * value;
    return [step, mean / (1 - weight ** (i + 1))] as const;
  });
}

/**
 * The range in which curves are drawn: from the least to the greatest value, without the greatest fiftieth, and wider by a
 * twentieth. One value alone has room above and below.
 *
 * @param isLog  whether the range has to be positive
 */
export function rangeOf(curves: readonly Points[], isLog: boolean): readonly [least: number, most: number] {
  const values = curves
    .flatMap((points) => points.map(([, value]) => value))
    .filter((value) => !isLog || value > 0)
    .sort((a, b) => a - b);
  if (values.length === 0) return isLog ? [0.1, 1] : [0, 1];
  const least = values[0]!;
  const most = values[Math.ceil(values.length * 0.98) - 1]!;
  if (isLog) return most > least * (1 + 1e-6) ? [least, most] : [least / 2, least * 2];
  // A constant that was smoothed differs from itself by rounding: ticks so close would be one number.
  const span = most - least > Math.abs(most) * 1e-6 ? most - least : Math.abs(most) || 1;
  const room = span * 0.05;
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
}

/** A number of a few digits, as people read it. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}
