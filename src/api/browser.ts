/** What of this layer also runs in a browser: it loads nothing of Node. */
export type { GeneratedImage, PngEncoder, RgbaPixels } from './generated-image.ts';
export { modelOver, togetherDefault, type GenerateOptions, type Model } from './model.ts';
