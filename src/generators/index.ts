export { cascade, type CascadeStage } from './cascade.ts';
export {
  defaultStrength,
  diffusionGenerator,
  type DiffusionGenerator,
  type DiffusionSource,
  samplingProgress,
  samplingStage,
} from './diffusion.ts';
export {
  clipOf,
  componentsRequest,
  interpolationRequest,
  preservedEta,
  reranked,
  textDiffRequest,
  variationRequest,
  type ClipRequest,
} from './clip-requests.ts';
export { ifTokens, openIF, openIFSuperResolution } from './deepfloyd-if.ts';
export { exactGenerator } from './exact.ts';
export {
  type FirstStage,
  generateImages,
  type GenerateProgress,
  type GenerateRequest,
  type GeneratorClip,
  type GeneratorInputs,
  type ImageGenerator,
  type RequestConditions,
} from './image-generator.ts';
export type { GeneratorContext, GeneratorOpener } from './generator-context.ts';
export { generatorOpeners, openGenerator, type OpenGeneratorOptions } from './open-generator.ts';
export { fullRequest, type FullRequest } from './request.ts';
export { textGenerator, type TextGeneratorSource, textToImageNetwork } from './text-generator.ts';
export { openTextToImage } from './text-to-image.ts';
export { type TextToImageFacts, textToImageFacts, textToImageSettings } from './text-to-image-facts.ts';
export { openUnCLIP, unclipFacts, unclipSettings, unclipStages, type UnCLIPFacts } from './unclip.ts';
