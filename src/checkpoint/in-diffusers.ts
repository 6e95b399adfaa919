/** Where a model of ours opens in Python's diffusers. */
import { networkProcess, type SchedulerConfig, type VarianceType } from '../diffusion/index.ts';
import type { UNet2DConfig } from '../models/index.ts';
import { schedulerFileOf } from './scheduler-json.ts';
import type { PlainPipeline } from './schedulers/scheduler-file.ts';

/** What a model is in diffusers. */
export interface InDiffusers {
  /** The pipelines that generate its images as they stand, `model_index.json` naming the first; none if it takes a loop over network and scheduler. */
  readonly pipelines: readonly PlainPipeline[];
  /** The class of `scheduler_config.json`: the one that steps back as the model was trained. */
  readonly scheduler: string;
  /** Why there is no pipeline, in one line with a hint; null where there is one. */
  readonly note: string | null;
}

/**
 * What a network and its process are in diffusers 0.42.
 *
 *     ε, x_0 or v, images from noise alone    DDPMPipeline, and DDIMPipeline unless the variance is learned
 *     a rectified flow, from noise alone         DDPMPipeline, which takes FlowMatchEulerDiscreteScheduler for its own
 *     EDM                                       UNet2DModel and EDMEulerScheduler: no pipeline scales the network's input
 *     with classes, or an image next to x_t     UNet2DModel and the scheduler: no pipeline passes them
 *
 * The network is a `UNet2DModel` in each case.
 */
export function inDiffusers(unet: UNet2DConfig, config: SchedulerConfig): InDiffusers {
  const file = schedulerFileOf(config);
  const obstacle =
    unet.numClassEmbeds !== null || unet.classEmbedType !== null
      ? 'a network with classes'
      : unet.inChannels !== imageChannels(unet, networkProcess(config).varianceType)
        ? 'a network that is conditioned on an image'
        : (file.obstacle ?? (unet.sampleSize === null ? 'a network without a sample_size' : undefined));
  if (obstacle === undefined) return { pipelines: file.pipelines(config), scheduler: file.className, note: null };
  return {
    pipelines: [],
    scheduler: file.className,
    note: `diffusers has no pipeline for ${obstacle}; open it as UNet2DModel (subfolder "unet") with ${file.className} (subfolder "scheduler")`,
  };
}

/** The channels of the images: all that the network gives, or half of them where it learns the variance. */
export function imageChannels({ outChannels }: UNet2DConfig, varianceType: VarianceType): number {
  return varianceType === 'learned_range' ? outChannels / 2 : outChannels;
}
