import { add, mul, sub, type Tensor } from '../../core/index.ts';

/** How the decay of the moving average ramps up. */
export interface EmaOptions {
  /** The largest decay, reached after the warm-up. */
  readonly decay: number;
  /** False: (1 + n) / (10 + n). True: 1 − (1 + n / invGamma)^(−power). */
  readonly useEmaWarmup?: boolean;
  readonly invGamma?: number;
  readonly power?: number;
}

/**
 * The decay of the moving average of the weights at its `update`-th update, as diffusers' `EMAModel` ramps it up, so
 * that early on the average follows the weights instead of the random start.
 *
 * @param update  counted from 1; n = update − 1, and the first takes the weights as they are
 * @see diffusers `training_utils.EMAModel.get_decay`
 */
export function emaDecay(
  update: number,
  { decay, useEmaWarmup = false, invGamma = 1, power = 2 / 3 }: EmaOptions,
): number {
  const n = Math.max(0, update - 1);
  if (n === 0) return 0;
  return Math.min(decay, useEmaWarmup ? 1 - (1 + n / invGamma) ** -power : (1 + n) / (10 + n));
}

/** average ← average + (1 − decay) (value − average). */
export function emaUpdate(average: Tensor, value: Tensor, oneMinusDecay: Tensor): Tensor {
  return add(average, mul(oneMinusDecay, sub(value, average)));
}
