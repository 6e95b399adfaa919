/** The programs that people write first, in a page: `import { openModel } from 'kuosan/web'`. */
export type { GeneratedImage, GenerateOptions, Model, RgbaPixels } from '../browser.ts';
export { openWebModel as openModel, type WebModelOptions } from './open-web-model.ts';
export type { SamplerName } from '../../diffusion/samplers.ts';
