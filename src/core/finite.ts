/** The place of the first value that is not finite, NaN or an infinity; −1 if there is none. */
export function firstNotFinite(data: ArrayLike<number>): number {
  // A loop: models have a billion values.
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i]!)) return i;
  return -1;
}
