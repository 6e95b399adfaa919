/** Sizes that a U-Net takes. */

/**
 * Each level but the last halves the images.
 *
 * @throws if they do not halve, with the sizes that fit
 */
export function checkHalves(
  { blockOutChannels }: { readonly blockOutChannels: readonly number[] },
  size: readonly [height: number, width: number],
): void {
  const factor = 2 ** (blockOutChannels.length - 1);
  if (size.every((side) => side % factor === 0)) return;
  const [height, width] = size;
  const near = (round: (value: number) => number) =>
    size.map((side) => Math.max(1, round(side / factor)) * factor).toReversed();
  const fitting = [...new Set([Math.floor, Math.ceil].map((round) => [...new Set(near(round))].join('x')))].join(
    ' or ',
  );
  throw new Error(
    `config.data.size: a network of ${blockOutChannels.length} levels takes multiples of ${factor}, got ${width} × ${height}; --size ${fitting} fits`,
  );
}
