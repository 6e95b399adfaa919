/** What a network has to be for the losses, the samplers and the export: it predicts what noise was put on a sample, under conditions. */
import { concat, input, type Shape, type Tensor } from '../core/index.ts';
// Not the layer's index: a network needs the names of conditions, not the samplers.
import { type ConditionInput, imageName } from '../diffusion/conditions.ts';
import type { Context, Module } from '../nn/index.ts';

/** A network that denoises samples of any shape: images, latents, embeddings, signals. */
export interface DenoisingNetwork {
  /** Its class in diffusers' or transformers' configurations: `UNet2DModel`. */
  readonly className: string;
  /** What has its parameters; a checkpoint has their names. */
  readonly module: Module;
  /** Its configuration, with names in camelCase. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The extents of one sample: [C, H, W] for images, [D] for embeddings. */
  readonly sample: Shape;
  /** Of one output: the sample's, or with twice the channels (its first axis) where the network learns the variance. */
  readonly outputs: Shape;
  /** What it is conditioned on besides the time. */
  readonly conditions: readonly ConditionInput[];
  /** True if its times are noise levels above 0, as those of a Fourier embedding. */
  readonly takesNoiseLevels?: boolean;
  /**
   * @param xt          [B, ...sample]
   * @param t           [B] times as the process gives them to a network
   * @param conditions  [B, ...] each, by name; exactly those of `conditions`
   * @returns           [B, ...outputs]
   */
  denoise(ctx: Context, xt: Tensor, t: Tensor, conditions: Readonly<Record<string, Tensor>>): Tensor;
}

/**
 * A network whose last channels are those of an image that it is conditioned on: [x_t, image] along the channels. The same
 * graph serves training and sampling.
 *
 * @param channels  of the image
 * @returns a network of samples without these channels, conditioned on `image` [channels, ...] too
 * @throws if it has no more channels than the image
 * @see Saharia et al. 2021 (SR3), section 2.4 — https://arxiv.org/abs/2104.07636
 */
export function concatenating(network: DenoisingNetwork, channels: number): DenoisingNetwork {
  const { className, module, config, conditions, takesNoiseLevels = false } = network;
  const [all = 0, ...rest] = network.sample;
  if (all <= channels)
    throw new Error(`concatenating: the network takes ${all} channels, and the image alone has ${channels}`);
  return {
    className,
    module,
    config,
    takesNoiseLevels,
    sample: [all - channels, ...rest],
    // With another network's outputs: they are those of the sample.
    outputs: network.outputs,
    conditions: [...conditions, { name: imageName, dtype: 'f32', shape: [channels, ...rest] }],
    denoise(ctx, xt, t, { [imageName]: image, ...others }) {
      if (!image) throw new Error('internal: a network that concatenates an image got none');
      return network.denoise(ctx, concat([xt, image], 1), t, others);
    },
  };
}

/** A network of images for images of another size: convolutions take any. */
export function ofSize(network: DenoisingNetwork, size: readonly [height: number, width: number]): DenoisingNetwork {
  const { className, module, config, sample, outputs, conditions, takesNoiseLevels = false } = network;
  return {
    className,
    module,
    config,
    takesNoiseLevels,
    sample: [sample[0]!, ...size],
    outputs: [outputs[0]!, ...size],
    conditions,
    denoise: (ctx, xt, t, given) => network.denoise(ctx, xt, t, given),
  };
}

/** The inputs of a program for a network's conditions, by name: [batchSize, ...]. */
export function conditionTensors(
  { conditions }: Pick<DenoisingNetwork, 'conditions'>,
  batchSize: number,
): Record<string, Tensor> {
  return Object.fromEntries(
    conditions.map(({ name, dtype, shape }) => [name, input(name, [batchSize, ...shape], dtype)]),
  );
}
