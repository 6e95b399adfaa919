/** Diffusers' index of a pipeline. */
export const indexFile = 'model_index.json';
/** A network's configuration, in its folder or in a flat one. */
export const configFile = 'config.json';
/** A noise schedule and what the network predicts. */
export const schedulerFile = 'scheduler_config.json';
/** The class of a folder of text to image in its index. */
export const textToImageClass = 'TextToImagePipeline';
/** The class of a folder of stages in its index, which lists their folders under `stages`. */
export const cascadeClass = 'CascadePipeline';
/** The folder of a frozen text encoder. */
export const textEncoderFolder = 'text_encoder';
/** The folder of a whole frozen CLIP in a run's checkpoint. */
export const frozenClipFolder = 'clip';
/** The class of a prior's folder in its index: `prior`, the CLIP, and `prior_scheduler` where it is a diffusion prior. */
export const priorClass = 'UnCLIPPriorPipeline';
/** The class of a decoder's folder in its index: `decoder`, `text_proj`, `decoder_scheduler` and the CLIP. */
export const decoderClass = 'UnCLIPDecoderPipeline';
/** diffusers' classes of a whole DALL·E 2. */
export const unclipClasses = ['UnCLIPPipeline', 'UnCLIPImageVariationPipeline'] as const;
/** Ours of one with an autoregressive prior, which diffusers does not have. */
export const autoregressiveUnCLIPClass = 'AutoregressiveUnCLIPPipeline';
/** diffusers' classes of DeepFloyd IF: what generates images of a text, and what enlarges them. */
export const ifClasses = { base: 'IFPipeline', superResolution: 'IFSuperResolutionPipeline' } as const;
/** Every class of a whole DALL·E 2. */
export const wholeUnCLIPClasses: readonly string[] = [...unclipClasses, autoregressiveUnCLIPClass];
export const cardFile = 'README.md';
