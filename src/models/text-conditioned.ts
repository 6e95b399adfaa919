/** A U-Net under a text as a network that denoises: which conditions it takes, by name, and how they reach its inputs. */
import { concat, mul, type Tensor } from '../core/index.ts';
import { type ConditionInput, imageName } from '../diffusion/conditions.ts';
import type { DenoisingNetwork } from './denoising-network.ts';
import { heightAndWidthOf } from './unet-2d-condition/config.ts';
import type { UNet2DConditionModel } from './unet-2d-condition.ts';

/** The names of the conditions of a network under a text. */
export const textConditionNames = {
  /** [B, L, D] the encoder's hidden states, zero where there is no token. */
  states: 'encoder_hidden_states',
  /** [B, L] 1 for a token, 0 for padding. */
  mask: 'encoder_attention_mask',
  /** [B, P] the pooled embedding. */
  pooled: 'text_embeds',
  /** [B] the level of the noise on an image of low resolution, a time of the forward process. */
  noiseLevel: 'noise_level',
} as const;

/** Conditions of a network under a text that no text says: its image of low resolution. Guidance leaves them as they are. */
export const lowResolutionConditions: readonly string[] = [imageName, textConditionNames.noiseLevel];

/** A field of the data as a condition: a style, a set. */
export interface FieldCondition {
  readonly name: string;
  /** Its values, in the order of their numbers. */
  readonly values: readonly string[];
}

/** What a network is conditioned on besides the hidden states. */
export interface TextConditionedOptions {
  /** L: tokens of a text, padding included. */
  readonly maxTokens: number;
  /** P: the width of the pooled embedding that is added to the time embedding; absent, it is not. */
  readonly pooledWidth?: number | undefined;
  readonly fields?: readonly FieldCondition[] | undefined;
  /** Height and width of the samples; default the network's sampleSize. */
  readonly sampleSize?: readonly [number, number] | undefined;
}

/**
 * The width of the vector that pooled text and fields make, [√P · pooled, one-hot of each field]: the network's
 * `projectionClassEmbeddingsInputDim`. A normalized embedding has values near 1/√P, and a layer of random weights should
 * see it as large as the ones of the fields.
 */
export function conditionVectorWidth({
  pooledWidth = 0,
  fields = [],
}: Pick<TextConditionedOptions, 'pooledWidth' | 'fields'>): number {
  return fields.reduce((width, { values }) => width + values.length, pooledWidth);
}

/**
 * A `UNet2DConditionModel` as a network that denoises under a text.
 *
 * Its conditions are `encoder_hidden_states` [L, D] and `encoder_attention_mask` [L]; with `classEmbedType: projection` or
 * `simple_projection` also `text_embeds` [P] and each field as a one-hot vector, all zeros for "not said", concatenated to the
 * class embedding's vector; with `classEmbedType: timestep` the `noise_level` of an image of low resolution.
 *
 * @throws if the network has no size of samples, its vector has another width than the conditions, or it takes what is not a text
 */
export function textConditioned(
  unet: UNet2DConditionModel,
  { maxTokens, pooledWidth, fields = [], sampleSize: asked }: TextConditionedOptions,
): DenoisingNetwork {
  const { config } = unet;
  const { inChannels, outChannels, classEmbedType, projectionClassEmbeddingsInputDim } = config;
  const sampleSize = asked ?? config.sampleSize;
  if (sampleSize === null)
    throw new Error('textConditioned: the network has no sampleSize; set it to the size of the images');
  const width = conditionVectorWidth({ pooledWidth, fields });
  const takesVector = classEmbedType === 'projection' || classEmbedType === 'simple_projection';
  if (takesVector && projectionClassEmbeddingsInputDim !== width)
    throw new Error(
      `textConditioned: projectionClassEmbeddingsInputDim is ${projectionClassEmbeddingsInputDim}, but pooled text and fields make a vector of ${width}`,
    );
  if (!takesVector && width > 0)
    throw new Error(
      `textConditioned: pooled text and fields need classEmbedType "projection" or "simple_projection", got ${JSON.stringify(classEmbedType)}`,
    );
  if (classEmbedType === 'identity' || config.numClassEmbeds !== null)
    throw new Error('textConditioned: classes of a network under a text are fields; leave numClassEmbeds out');
  const other = unet.inputs.find(
    ({ name, optional }) => !optional && name !== 'encoderHiddenStates' && name !== 'classLabels',
  );
  if (other) throw new Error(`textConditioned: the network needs ${other.name}, which no text has`);
  const states = unet.inputs.find(({ name }) => name === 'encoderHiddenStates');
  if (!states) throw new Error('textConditioned: the network takes no text');
  const [height, widthOfSample] = heightAndWidthOf(sampleSize);
  const conditions: ConditionInput[] = [
    { name: textConditionNames.states, dtype: 'f32', shape: [maxTokens, states.shape[1]!] },
    { name: textConditionNames.mask, dtype: 'f32', shape: [maxTokens] },
    ...(pooledWidth === undefined
      ? []
      : [{ name: textConditionNames.pooled, dtype: 'f32' as const, shape: [pooledWidth] }]),
    ...fields.map(({ name, values }) => ({ name, dtype: 'f32' as const, shape: [values.length] })),
    ...(classEmbedType === 'timestep'
      ? [{ name: textConditionNames.noiseLevel, dtype: 'f32' as const, shape: [] }]
      : []),
  ];
  return {
    className: 'UNet2DConditionModel',
    module: unet,
    config,
    sample: [inChannels, height, widthOfSample],
    outputs: [outChannels, height, widthOfSample],
    conditions,
    denoise(ctx, xt, t, given) {
      return unet.forward(ctx, xt, t, {
        encoderHiddenStates: given[textConditionNames.states],
        encoderAttentionMask: given[textConditionNames.mask],
        classLabels: takesVector ? vector(given) : given[textConditionNames.noiseLevel],
      });
    },
  };

  function vector(given: Readonly<Record<string, Tensor>>): Tensor {
    const pooled = pooledWidth === undefined ? [] : [mul(given[textConditionNames.pooled]!, Math.sqrt(pooledWidth))];
    const parts = [...pooled, ...fields.map(({ name }) => given[name]!)];
    return parts.length === 1 ? parts[0]! : concat(parts, 1);
  }
}
