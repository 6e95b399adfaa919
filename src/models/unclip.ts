/** DALL·E 2's networks as networks that denoise: the prior of image embeddings, and the decoder of images. */
import { broadcastTo, concat, constant, float32, type Tensor } from '../core/index.ts';
import type { ConditionInput } from '../diffusion/conditions.ts';
import { Module, type Context } from '../nn/index.ts';
import type { DenoisingNetwork } from './denoising-network.ts';
import type { PriorTransformer } from './prior-transformer.ts';
import { textConditionNames } from './text-conditioned.ts';
import type { UnCLIPTextProjModel } from './unclip-text-proj.ts';
import type { UNet2DConditionModel } from './unet-2d-condition.ts';
import { heightAndWidthOf } from './unet-2d-condition/config.ts';

/** The names of the conditions on an image embedding; those on a text are `textConditionNames`. */
export const imageConditionNames = {
  /** [B, D] the CLIP image embedding. */
  embeds: 'image_embeds',
  /** [B] 1 where it counts, 0 where it is left out. */
  present: 'image_present',
} as const;

/** The conditions on a caption: its hidden states, which of its tokens are there, its embedding. */
export function captionConditions(tokens: number, width: number, pooledWidth: number): ConditionInput[] {
  return [
    { name: textConditionNames.states, dtype: 'f32', shape: [tokens, width] },
    { name: textConditionNames.mask, dtype: 'f32', shape: [tokens] },
    { name: textConditionNames.pooled, dtype: 'f32', shape: [pooledWidth] },
  ];
}

/**
 * A prior as a network that denoises standardized image embeddings [D] under a caption.
 *
 * @throws if it predicts embeddings of another width than it takes, or takes no hidden states
 */
export function priorNetwork(prior: PriorTransformer): DenoisingNetwork {
  const { embeddingDim, numEmbeddings, encoderHidProjType, addedEmbType } = prior.config;
  const { embeddingProjDim, clipEmbedDim } = prior.widths;
  if (clipEmbedDim !== embeddingDim)
    throw new Error(
      `prior: clipEmbedDim is ${clipEmbedDim}, and an embedding that is denoised has embeddingDim, ${embeddingDim}; leave it out`,
    );
  if (encoderHidProjType === null || addedEmbType === null)
    throw new Error(
      'prior: encoderHidProjType and addedEmbType of a prior under a caption are not null; leave them out',
    );
  return {
    className: 'PriorTransformer',
    module: prior,
    config: prior.config,
    sample: [embeddingDim],
    outputs: [clipEmbedDim],
    conditions: captionConditions(numEmbeddings, embeddingDim, embeddingProjDim),
    denoise: (ctx, xt, t, given) =>
      prior.forward(ctx, xt, t, {
        projEmbedding: given[textConditionNames.pooled]!,
        encoderHiddenStates: given[textConditionNames.states]!,
        attentionMask: given[textConditionNames.mask]!,
      }),
  };
}

/** A decoder's two networks; in a folder of diffusers each has one of its own. */
export class UnCLIPDecoder extends Module {
  readonly decoder: UNet2DConditionModel;
  readonly textProj: UnCLIPTextProjModel;

  /** @throws if the U-Net does not take what the projection makes */
  constructor(decoder: UNet2DConditionModel, textProj: UnCLIPTextProjModel) {
    super();
    const { timeEmbedDim, crossAttentionDim } = textProj.config;
    const taken = (name: string) => decoder.inputs.find((each) => each.name === name)?.shape;
    const [labels, states] = [taken('classLabels'), taken('encoderHiddenStates')];
    if (decoder.config.classEmbedType === 'timestep' || labels?.length !== 1 || labels[0] !== timeEmbedDim)
      throw new Error(
        `decoder: classEmbedType ${JSON.stringify(decoder.config.classEmbedType)} takes ${labels === undefined ? 'nothing' : `[${labels.join(', ')}]`}, and the embeddings are a vector of timeEmbedDim, ${timeEmbedDim}; "identity" takes one as wide as its time embedding`,
      );
    if (states?.[1] !== crossAttentionDim)
      throw new Error(
        `decoder: attends to ${states === undefined ? 'no tokens' : `tokens of ${states[1]} values`}, and the projection makes crossAttentionDim, ${crossAttentionDim}`,
      );
    const needed = decoder.inputs.find(
      ({ name, optional }) => !optional && name !== 'encoderHiddenStates' && name !== 'classLabels',
    );
    if (needed)
      throw new Error(`decoder: the network needs ${needed.name}, which a caption and an image embedding have not`);
    this.decoder = decoder;
    this.textProj = textProj;
  }

  /**
   * @param xt  [B, C, H, W]
   * @param t   [B]
   * @param given  by the names of `textConditionNames` and `imageConditionNames`
   * @returns   [B, outChannels, H, W]
   */
  forward(ctx: Context, xt: Tensor, t: Tensor, given: Readonly<Record<string, Tensor>>): Tensor {
    const { states, timeEmbeds } = this.textProj.forward(ctx, {
      imageEmbeds: given[imageConditionNames.embeds]!,
      imagePresent: given[imageConditionNames.present]!,
      textEmbeds: given[textConditionNames.pooled]!,
      encoderHiddenStates: given[textConditionNames.states]!,
    });
    const mask = given[textConditionNames.mask]!;
    const tokens = this.textProj.config.clipExtraContextTokens;
    const ones = constant(float32([1, tokens], new Float32Array(tokens).fill(1)));
    return this.decoder.forward(ctx, xt, t, {
      encoderHiddenStates: states,
      // The image's tokens are always there.
      encoderAttentionMask: concat([broadcastTo(ones, [mask.shape[0]!, tokens]), mask], 1),
      classLabels: timeEmbeds,
    });
  }
}

/** What a decoder's conditions look like. */
export interface UnCLIPDecoderOptions {
  /** L: tokens of a caption, padding included. */
  readonly maxTokens: number;
}

/**
 * A decoder as a network that denoises images under an image embedding and a caption.
 *
 * @throws if the U-Net does not say how large its images are
 */
export function unclipDecoderNetwork(module: UnCLIPDecoder, { maxTokens }: UnCLIPDecoderOptions): DenoisingNetwork {
  const { decoder, textProj } = module;
  const { inChannels, outChannels, sampleSize } = decoder.config;
  if (sampleSize === null) throw new Error('decoder: the network has no sampleSize; set it to the size of the images');
  const size = heightAndWidthOf(sampleSize);
  const width = textProj.config.clipEmbeddingsDim;
  return {
    className: 'UNet2DConditionModel',
    module,
    config: decoder.config,
    sample: [inChannels, ...size],
    outputs: [outChannels, ...size],
    conditions: [
      ...captionConditions(maxTokens, width, width),
      { name: imageConditionNames.embeds, dtype: 'f32', shape: [width] },
      { name: imageConditionNames.present, dtype: 'f32', shape: [] },
    ],
    denoise: (ctx, xt, t, given) => module.forward(ctx, xt, t, given),
  };
}
