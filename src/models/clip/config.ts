/** The configuration of `CLIPModel` and of its towers: transformers' options under our spelling, checked. */
import { z } from 'zod';
import { quoteJson } from '../../formats/quote.ts';
import { activations, type ActivationName } from '../../nn/index.ts';
import { parseConfig } from '../config.ts';
import { transformersConfig } from '../transformers-config.ts';
import { isObject, type JsonObject } from '../../formats/json-object.ts';

const positive = z.number().int().positive();
const tokenId = z.number().int().nonnegative();
const activationNames = Object.keys(activations) as [ActivationName, ...ActivationName[]];

/** What both towers have. */
const shared = {
  /** The function inside the blocks. OpenAI's weights need `quick_gelu`; most of OpenCLIP's `gelu`. */
  hiddenAct: z.enum(activationNames).default('quick_gelu'),
  /** Added to the variance in layer norm. */
  layerNormEps: z.number().positive().default(1e-5),
  /** The share of attention weights set to zero in training. */
  attentionDropout: z.number().min(0).lt(1).default(0),
  /** Width of the embedding that a tower alone projects to; a whole model's own `projectionDim` goes before it. */
  projectionDim: positive.default(512),
  /** Standard deviation of patches' first weights. */
  initializerRange: z.number().nonnegative().default(0.02),
  /** Scales all standard deviations of first weights. */
  initializerFactor: z.number().positive().default(1),
};

/** The text tower: a transformer in which every token sees those before it. */
export const clipTextConfigSchema = z.strictObject({
  /** Tokens of the vocabulary. @unit tokens */
  vocabSize: positive.default(49408),
  /** Width of the transformer. */
  hiddenSize: positive.default(512),
  /** Width of the layer inside each block's perceptron. */
  intermediateSize: positive.default(2048),
  /** Transformer blocks. */
  numHiddenLayers: positive.default(12),
  /** Attention heads, which share the width. */
  numAttentionHeads: positive.default(8),
  /** The most tokens of a text, its first and last one counted. @unit tokens */
  maxPositionEmbeddings: positive.default(77),
  ...shared,
  /** The token that fills short texts. */
  padTokenId: tokenId.nullable().default(1),
  /** The token before each text. */
  bosTokenId: tokenId.nullable().default(49406),
  /**
   * The token at whose first position the text's embedding is read. 2 is how early checkpoints say it wrongly: like
   * transformers, we then read at the largest id.
   */
  eosTokenId: tokenId.default(49407),
});

/** The image tower: a vision transformer. */
export const clipVisionConfigSchema = z.strictObject({
  /** Width of the transformer. */
  hiddenSize: positive.default(768),
  /** Width of the layer inside each block's perceptron. */
  intermediateSize: positive.default(3072),
  /** Transformer blocks. */
  numHiddenLayers: positive.default(12),
  /** Attention heads, which share the width. */
  numAttentionHeads: positive.default(12),
  /** Channels of the images. */
  numChannels: positive.default(3),
  /** Height and width of the images. @unit pixels */
  imageSize: positive.default(224),
  /** Height and width of a patch; what is left over at the right and bottom is not looked at. @unit pixels */
  patchSize: positive.default(32),
  ...shared,
});

/** The whole model. */
export const clipConfigSchema = z.strictObject({
  /** The text tower. */
  textConfig: clipTextConfigSchema.prefault({}),
  /** The image tower. */
  visionConfig: clipVisionConfigSchema.prefault({}),
  /** Width of the embeddings that both towers share. */
  projectionDim: positive.default(512),
  /** ln(1 / temperature) at the start; 2.6592 is ln(1 / 0.07). */
  logitScaleInitValue: z.number().default(2.6592),
  /** Scales all standard deviations of first weights. */
  initializerFactor: z.number().positive().default(1),
});

/** A checked configuration with every default filled in. */
export type CLIPTextConfig = z.output<typeof clipTextConfigSchema>;
/** A checked configuration with every default filled in. */
export type CLIPVisionConfig = z.output<typeof clipVisionConfigSchema>;
/** A checked configuration with every default filled in. */
export type CLIPConfig = z.output<typeof clipConfigSchema>;
/** A configuration as a person writes it: every field is optional. */
export type CLIPTextOptions = z.input<typeof clipTextConfigSchema>;
/** A configuration as a person writes it: every field is optional. */
export type CLIPVisionOptions = z.input<typeof clipVisionConfigSchema>;
/** A configuration as a person writes it: every field is optional. */
export type CLIPOptions = z.input<typeof clipConfigSchema>;

/** @throws if options contradict each other, in one line that names them */
export function checkTower(
  tower: string,
  { hiddenSize, numAttentionHeads }: Pick<CLIPTextConfig, 'hiddenSize' | 'numAttentionHeads'>,
): void {
  if (hiddenSize % numAttentionHeads !== 0)
    throw new Error(
      `clip: ${tower}: hiddenSize ${hiddenSize} does not split into ${numAttentionHeads} heads (numAttentionHeads)`,
    );
}

/** What an image tower was given by the writers of all models, and has no use for. */
const textOnly = new Set(['bos_token_id', 'eos_token_id', 'pad_token_id', 'vocab_size']);
/** Legacy keys next to the towers in a whole model's configuration. */
const wholeOnly = new Set(['bos_token_id', 'eos_token_id', 'pad_token_id', 'text_config_dict', 'vision_config_dict']);

/**
 * A text tower's configuration as transformers writes it.
 *
 * @throws one line that names a key that is unknown or has no such value
 */
export function clipTextConfig(json: JsonObject, where: string): CLIPTextConfig {
  return parseConfig(clipTextConfigSchema, transformersConfig(json), where);
}

/** An image tower's configuration as transformers writes it; see `clipTextConfig`. */
export function clipVisionConfig(json: JsonObject, where: string): CLIPVisionConfig {
  return parseConfig(clipVisionConfigSchema, transformersConfig(json, textOnly), where);
}

/**
 * A whole model's configuration as transformers writes it. Early ones hold each tower's twice; then what is under
 * `text_config_dict` and `vision_config_dict` counts, as it does there.
 *
 * @throws one line that names a key that is unknown or has no such value
 */
export function clipConfig(json: JsonObject, where: string): CLIPConfig {
  const tower = (key: string) => {
    let whole: JsonObject = {};
    for (const part of [json[key], json[`${key}_dict`]]) {
      if (isObject(part)) whole = { ...whole, ...part };
      else if (part !== undefined && part !== null)
        throw new Error(`${where}.${key}: expected an object, got ${quoteJson(part)}`);
    }
    return whole;
  };
  const { textConfig: _text, visionConfig: _vision, ...own } = transformersConfig(json, wholeOnly);
  return parseConfig(
    clipConfigSchema,
    {
      ...own,
      textConfig: transformersConfig(tower('text_config')),
      visionConfig: transformersConfig(tower('vision_config'), textOnly),
    },
    where,
  );
}
