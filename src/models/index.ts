export { bertConfig, bertConfigSchema, BertModel, bertTensorName, type BertConfig, type BertOptions } from './bert.ts';
export { fromHuggingFace, parseConfig, snakeCaseKeys, toHuggingFace, withFloats } from './config.ts';
export {
  CLIPModel,
  CLIPTextModel,
  CLIPTextModelWithProjection,
  CLIPVisionModel,
  CLIPVisionModelWithProjection,
  imageTowerConfig,
  unitVectors,
  type CLIPImageTower,
  type CLIPOutput,
} from './clip.ts';
export {
  clipConfig,
  clipTextConfig,
  clipVisionConfig,
  type CLIPConfig,
  type CLIPOptions,
  type CLIPTextConfig,
  type CLIPTextOptions,
  type CLIPVisionConfig,
  type CLIPVisionOptions,
} from './clip/config.ts';
export {
  configFromShapes,
  fromOpenAINames,
  hasOpenAINames,
  openAIBlockNames,
  openAIBlocks,
  openAINames,
} from './clip/openai-names.ts';
export {
  clipPixels,
  type ClipPreprocessing,
  clipPreprocessing,
  clipPreprocessingJson,
  type ClipResample,
  openAIPreprocessing,
} from './clip/preprocess.ts';
export { legacyEosTokenId, type TowerOutput } from './clip/text-tower.ts';
export { concatenating, conditionTensors, ofSize, type DenoisingNetwork } from './denoising-network.ts';
export {
  conditionVectorWidth,
  type FieldCondition,
  lowResolutionConditions,
  textConditioned,
  type TextConditionedOptions,
  textConditionNames,
} from './text-conditioned.ts';
export {
  AutoregressivePrior,
  autoregressivePriorConfigSchema,
  similarityName,
  type AutoregressivePriorConfig,
  type AutoregressivePriorOptions,
  type PrefixStates,
} from './autoregressive-prior.ts';
export {
  PriorTransformer,
  priorTransformerConfigSchema,
  type PriorConditions,
  type PriorTransformerConfig,
  type PriorTransformerOptions,
} from './prior-transformer.ts';
export {
  imageConditionNames,
  priorNetwork,
  UnCLIPDecoder,
  unclipDecoderNetwork,
  type UnCLIPDecoderOptions,
} from './unclip.ts';
export {
  UnCLIPTextProjModel,
  unclipTextProjConfigSchema,
  type UnCLIPConditions,
  type UnCLIPStates,
  type UnCLIPTextProjConfig,
  type UnCLIPTextProjOptions,
} from './unclip-text-proj.ts';
export { UNet2DModel } from './unet-2d.ts';
export { asDiffusersRuns } from './unet-2d/as-diffusers-runs.ts';
export { unet2DConfigSchema, type UNet2DConfig, type UNet2DOptions } from './unet-2d/config.ts';
export { UNet2DConditionModel, type TextConditions, type TextInput } from './unet-2d-condition.ts';
export {
  unet2DConditionConfigSchema,
  type UNet2DConditionConfig,
  type UNet2DConditionOptions,
} from './unet-2d-condition/config.ts';
export { presentTensorName } from './unet-2d/old-names.ts';
export {
  type Classification,
  ImageClassifier,
  imageClassifierConfigSchema,
  type ImageClassifierConfig,
} from './image-classifier.ts';
export { inceptionSize, InceptionV3, type InceptionVariant } from './inception-v3.ts';
export {
  textEncoderClasses,
  textEncoderClassOf,
  textEncoderNetwork,
  type TextEncoderClass,
  type TextEncoderNetwork,
  type EncoderStates,
} from './text-encoder.ts';
export { t5Config, t5ConfigSchema, T5EncoderModel, t5TensorName, type T5Config, type T5Options } from './t5-encoder.ts';
