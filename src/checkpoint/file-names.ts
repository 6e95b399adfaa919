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
export const cardFile = 'README.md';
