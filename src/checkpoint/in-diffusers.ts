/** Where a model of ours opens in Python's diffusers. */
import { classLabelsName, networkProcess, type SchedulerConfig, type VarianceType } from '../diffusion/index.ts';
import type { DenoisingNetwork } from '../models/index.ts';
import { denoisingPartOf } from './denoising-part.ts';
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
 *     UNet2DModel of ε, x_0 or v, images from noise alone   DDPMPipeline, and DDIMPipeline unless the variance is learned
 *     of a rectified flow, from noise alone                 DDPMPipeline, which takes FlowMatchEulerDiscreteScheduler for its own
 *     of EDM                                                the network and EDMEulerScheduler: no pipeline scales the network's input
 *     with classes, or an image next to x_t                 the network and the scheduler: no pipeline passes them
 *     another network                                       the network and the scheduler
 */
export function inDiffusers(network: DenoisingNetwork, config: SchedulerConfig): InDiffusers {
  const file = schedulerFileOf(config);
  const { name } = denoisingPartOf(network);
  const obstacle = obstacleOf(network, config) ?? file.obstacle ?? unsized(network);
  if (obstacle === undefined) return { pipelines: file.pipelines(config), scheduler: file.className, note: null };
  return {
    pipelines: [],
    scheduler: file.className,
    note: `diffusers has no pipeline for ${obstacle}; open it as ${network.className} (subfolder "${name}") with ${file.className} (subfolder "scheduler")`,
  };
}

/** The networks that the pipelines call with x_t and t alone. */
const plainClasses: readonly string[] = ['UNet2DModel'];

function obstacleOf(network: DenoisingNetwork, config: SchedulerConfig): string | undefined {
  const [condition] = network.conditions;
  if (condition)
    return condition.name === classLabelsName ? 'a network with classes' : `a network with ${condition.name}`;
  const { taken, generated } = channelsOf(network, networkProcess(config).varianceType);
  if (taken !== generated) return 'a network that is conditioned on an image';
  return plainClasses.includes(network.className) ? undefined : `a ${network.className}`;
}

function unsized({ config }: DenoisingNetwork): string | undefined {
  return config['sampleSize'] === null ? 'a network without a sample_size' : undefined;
}

/** Channels that a network takes, and those of its images: all that it predicts, or half of them where it learns the variance. */
export function channelsOf(
  network: DenoisingNetwork,
  varianceType: VarianceType,
): { readonly taken: number; readonly generated: number } {
  // One that takes any size has no shape of samples, and says its channels all the same.
  const { inChannels, outChannels } = network.config as { readonly inChannels?: number; readonly outChannels?: number };
  const taken = inChannels ?? network.sample[0]!;
  const predicted = outChannels ?? network.outputs[0]!;
  return { taken, generated: varianceType === 'learned_range' ? predicted / 2 : predicted };
}
