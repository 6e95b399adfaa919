export { fromHuggingFace, parseConfig, toHuggingFace } from './config.ts';
export { UNet2DModel, unet2DConfigSchema, type UNet2DConfig, type UNet2DOptions } from './unet-2d.ts';
