/** The networks that a folder of one denoising network holds: one row each. */
import type { DenoisingNetwork } from '../models/index.ts';
import { type NetworkComponent, unet2DComponent } from './component.ts';

/** A denoising network as a part of a folder. */
export interface DenoisingPart {
  /** The name of its folder, as in diffusers' pipelines. */
  readonly name: string;
  readonly component: NetworkComponent<DenoisingNetwork>;
}

/** By class: networks that need nothing but a scheduler to be sampled. */
export const denoisingParts: Readonly<Record<string, DenoisingPart>> = {
  UNet2DModel: { name: 'unet', component: unet2DComponent as unknown as NetworkComponent<DenoisingNetwork> },
};

/** The classes of these networks. */
export const denoisingClasses: readonly string[] = Object.keys(denoisingParts);

/**
 * The part that a network is.
 *
 * @throws if no folder is written for its class
 */
export function denoisingPartOf({ className }: Pick<DenoisingNetwork, 'className'>): DenoisingPart {
  const found = Object.hasOwn(denoisingParts, className) ? denoisingParts[className] : undefined;
  if (!found)
    throw new Error(
      `checkpoint: no folder holds a ${className} alone; one of ${denoisingClasses.join(', ')}, or write it as a part with writePipelineFolder`,
    );
  return found;
}
