/** Random crops that a super-resolution stage is trained on. */
import { heightAndWidth } from '../data/index.ts';

/** What of a configuration says how large crops may be. */
export interface CroppedConfig {
  readonly data: { readonly size: number | readonly [number, number] };
  readonly objective: { readonly superResolution?: { readonly factor: number } | undefined };
  readonly model: { readonly blockOutChannels: readonly number[] };
}

/**
 * Height and width of the crops, or undefined where whole images are shown.
 *
 * @throws if images are cropped that are not enlarged, or a crop is larger than an image or no whole number of blocks
 */
export function croppedSize(
  side: number | null,
  { data: { size }, objective: { superResolution }, model: { blockOutChannels } }: CroppedConfig,
): readonly [number, number] | undefined {
  if (side === null) return undefined;
  if (!superResolution)
    throw new Error(
      'config.data.randomCrop: crops are for objective.superResolution; only what enlarges images knows the rest of them',
    );
  const factor = superResolution.factor * 2 ** (blockOutChannels.length - 1);
  if (side > Math.min(...heightAndWidth(size)) || side % superResolution.factor !== 0)
    throw new Error(
      `config.data.randomCrop: expected a multiple of ${superResolution.factor} of at most ${Math.min(...heightAndWidth(size))} pixels, such as ${Math.max(1, Math.floor(Math.min(...heightAndWidth(size)) / factor)) * factor}, got ${side}`,
    );
  return [side, side];
}
