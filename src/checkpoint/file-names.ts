/** Diffusers' index of a pipeline. */
export const indexFile = 'model_index.json';
/** A network's configuration, in its folder or in a flat one. */
export const configFile = 'config.json';
/** A noise schedule and what the network predicts. */
export const schedulerFile = 'scheduler_config.json';
