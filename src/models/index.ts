export { fromHuggingFace, parseConfig, toHuggingFace } from './config.ts';
export { UNet2DModel, type ClassInput } from './unet-2d.ts';
export { unet2DConfigSchema, type UNet2DConfig, type UNet2DOptions } from './unet-2d/config.ts';
export { presentTensorName } from './unet-2d/old-names.ts';
