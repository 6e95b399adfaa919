/** The programs that people write first, in a page: `import { openModel } from 'kuosan/web'`. */
export type { GeneratedImage, RgbaPixels } from '../generated-image.ts';
export type { GenerateOptions, Model } from '../model.ts';
export { openWebModel as openModel, type WebModelOptions } from './open-web-model.ts';
export type { SamplerName } from '../../diffusion/index.ts';
