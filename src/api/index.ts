/** The programs that people write first: `import { openClip, openModel } from 'kuosan'`. */
export type { GeneratedImage, RgbaPixels } from './generated-image.ts';
export type { GenerateOptions, Model } from './model.ts';
export { openModel, type ComputeOptions, type OpenModelOptions } from './open-model.ts';
export { openClip, type ClipClassifyOptions, type Clip, type ImageInput, type OpenClipOptions } from './open-clip.ts';
export type { SamplerName } from '../diffusion/samplers.ts';
export type { RankedLabel } from '../pipelines/zero-shot.ts';
