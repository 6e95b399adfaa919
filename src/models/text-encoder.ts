/** Networks that encode texts, by the class that they have in transformers: what a pipeline asks of any of them. */
import type { z } from 'zod';
import type { Tensor } from '../core/index.ts';
import { isObject, type JsonObject } from '../formats/json-object.ts';
import type { Context, Module } from '../nn/index.ts';
import { bertConfig, bertConfigSchema, BertModel, bertPublishedName, bertTensorName } from './bert.ts';
import { CLIPTextModel, CLIPTextModelWithProjection } from './clip.ts';
import { clipConfig, clipTextConfig, clipTextConfigSchema, type CLIPTextConfig } from './clip/config.ts';
import { t5Config, t5ConfigSchema, T5EncoderModel, t5PublishedName, t5TensorName } from './t5-encoder.ts';

/** The classes of networks that encode texts. */
export const textEncoderClasses = [
  'BertModel',
  'T5EncoderModel',
  'CLIPTextModel',
  'CLIPTextModelWithProjection',
] as const;
/** The class of a network that encodes texts. */
export type TextEncoderClass = (typeof textEncoderClasses)[number];

/** What a network makes of tokens. */
export interface EncoderStates {
  /** [B, L, D], the last hidden states. */
  readonly hidden: Tensor;
  /** [B, P], the network's own embedding of the whole text; only where it has one. */
  readonly pooled?: Tensor;
}

/** A network that encodes texts. */
export interface TextEncoderNetwork {
  readonly className: TextEncoderClass;
  readonly module: Module;
  /** What transformers calls its kind in `model_type`. */
  readonly modelType: string;
  readonly config: JsonObject;
  /** Of the configuration. */
  readonly schema: z.ZodType;
  readonly vocabSize: number;
  /** D. */
  readonly width: number;
  /** P of the network's own embedding, or null if it has none. */
  readonly pooledWidth: number | null;
  /** The most tokens of a text, or null where positions are relative and any number will do. */
  readonly context: number | null;
  /** The most layers that its configuration asks for; each has weights of its own. */
  readonly layers: number;
  /** CLIP's end token, at which it reads its embedding. */
  readonly eosTokenId?: number;
  /**
   * @param ids      [B, L] of i64
   * @param keyMask  [B, L] of bool: the tokens that are there
   */
  states(ctx: Context, ids: Tensor, keyMask: Tensor): EncoderStates;
  /** The name that a tensor of a checkpoint has in the module, or null if it is no part of it. */
  tensorName(published: string): string | null;
  /** The name in a checkpoint of a tensor of the module. */
  publishedName(name: string): string;
}

/** Who has the weights of which class: other heads on the same encoder, or the whole of which it is a part. */
const holders: readonly (readonly [RegExp, TextEncoderClass])[] = [
  [/^Bert(Model|For\w+)$/, 'BertModel'],
  [/^T5(EncoderModel|Model|ForConditionalGeneration|WithLMHeadModel)$/, 'T5EncoderModel'],
  [/^CLIPTextModel$/, 'CLIPTextModel'],
  [/^CLIP(TextModelWithProjection|Model)$/, 'CLIPTextModelWithProjection'],
];

/** What `model_type` says where the class itself is not named. */
const classOfType: Readonly<Record<string, TextEncoderClass>> = {
  bert: 'BertModel',
  t5: 'T5EncoderModel',
  clip_text_model: 'CLIPTextModel',
  clip: 'CLIPTextModelWithProjection',
};

/** The class that encodes texts in a configuration of transformers, or undefined if there is none. */
export function textEncoderClassOf({ architectures, model_type: type }: JsonObject): TextEncoderClass | undefined {
  const named: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  if (typeof named === 'string') return holders.find(([pattern]) => pattern.test(named))?.[1];
  return typeof type === 'string' && Object.hasOwn(classOfType, type) ? classOfType[type] : undefined;
}

/**
 * Builds a network from a configuration as transformers writes it.
 *
 * @param where  how messages call the file
 * @throws one line that names an option that is unknown, not supported or has no such value
 */
export function textEncoderNetwork(className: TextEncoderClass, json: JsonObject, where: string): TextEncoderNetwork {
  try {
    switch (className) {
      case 'BertModel':
        return bertNetwork(new BertModel(bertConfig(json, where), { addPoolingLayer: false }));
      case 'T5EncoderModel':
        return t5Network(new T5EncoderModel(t5Config(json, where)));
      case 'CLIPTextModel':
        return clipNetwork(className, new CLIPTextModel(clipTextConfig(json, where)));
      case 'CLIPTextModelWithProjection':
        return clipNetwork(className, new CLIPTextModelWithProjection(textConfigOf(json, where)));
    }
  } catch (error) {
    if (error instanceof Error && !error.message.startsWith(where))
      throw new Error(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Of a text tower, or of a whole CLIP. */
function textConfigOf(json: JsonObject, where: string): CLIPTextConfig {
  if (!isObject(json['text_config']) && !isObject(json['text_config_dict'])) return clipTextConfig(json, where);
  const { textConfig, projectionDim } = clipConfig(json, where);
  return { ...textConfig, projectionDim };
}

function bertNetwork(model: BertModel): TextEncoderNetwork {
  const { config } = model;
  return {
    className: 'BertModel',
    modelType: 'bert',
    module: model,
    config,
    schema: bertConfigSchema,
    vocabSize: config.vocabSize,
    width: config.hiddenSize,
    pooledWidth: null,
    context: config.maxPositionEmbeddings,
    layers: config.numHiddenLayers,
    states: (ctx, ids, keyMask) => ({ hidden: model.forward(ctx, ids, keyMask).lastHiddenState }),
    // Its own map over the first token was trained for another task, and many checkpoints leave it out.
    tensorName(published) {
      const name = bertTensorName(published);
      return name?.startsWith('pooler.') ? null : name;
    },
    publishedName: bertPublishedName,
  };
}

function t5Network(model: T5EncoderModel): TextEncoderNetwork {
  const { config } = model;
  return {
    className: 'T5EncoderModel',
    modelType: 't5',
    module: model,
    config,
    schema: t5ConfigSchema,
    vocabSize: config.vocabSize,
    width: config.dModel,
    pooledWidth: null,
    context: null,
    layers: config.numLayers,
    states: (ctx, ids, keyMask) => ({ hidden: model.forward(ctx, ids, keyMask).lastHiddenState }),
    tensorName: t5TensorName,
    publishedName: t5PublishedName,
  };
}

/** Parts of a whole CLIP that a text tower is without. */
const otherThanClipText = /^(vision_model\.|visual_projection\.|logit_scale$)|(^|\.)position_ids$/;

function clipNetwork(
  className: TextEncoderClass,
  model: CLIPTextModel | CLIPTextModelWithProjection,
): TextEncoderNetwork {
  const { config } = model;
  const projects = model instanceof CLIPTextModelWithProjection;
  return {
    className,
    modelType: 'clip_text_model',
    module: model,
    config,
    schema: clipTextConfigSchema,
    vocabSize: config.vocabSize,
    width: config.hiddenSize,
    pooledWidth: projects ? config.projectionDim : config.hiddenSize,
    context: config.maxPositionEmbeddings,
    layers: config.numHiddenLayers,
    eosTokenId: config.eosTokenId,
    states(ctx, ids, keyMask) {
      const { lastHiddenState, pooled } = model.forward(ctx, ids, keyMask);
      return { hidden: lastHiddenState, pooled: projects ? model.textProjection.forward(ctx, pooled) : pooled };
    },
    tensorName(published) {
      if (otherThanClipText.test(published) || (!projects && published.startsWith('text_projection.'))) return null;
      // transformers 5 stores a tower without projection without the tower's name.
      return projects || published.startsWith('text_model.') ? published : `text_model.${published}`;
    },
    publishedName: (name) => name,
  };
}
