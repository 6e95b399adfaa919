/** What of this layer also runs in a browser: it loads nothing of Node. */
export { type Batch, batchAt, batchIndices, type BatchOptions, imagesAt } from './batches/batches.ts';
export { type ImageBatch, imageBatches } from './batches/image-batches.ts';
export {
  byteAlphabet,
  clipSpecialTokens,
  clipTokenizerJson,
  endOfWord,
  leastVocabSize,
} from './texts/clip-tokenizer-json.ts';
export {
  type CaptionAugmentation,
  type CaptionBatch,
  captionBatchAt,
  type CaptionBatchOptions,
  mostTags,
} from './batches/caption-batches.ts';
export { cleanCaption } from './texts/clean-caption.ts';
export { fillTemplate, plainTemplates, templateProblem } from './texts/template.ts';
export { gridDefaults, type GridOptions, layGrid } from './figures/grid.ts';
export { heightAndWidth, type ImageSize } from './images/image-size.ts';
export { byteToUnit, enlargeBitmap, fromBitmaps, type Bitmap, toBitmaps, toRgb, unitToByte } from './images/bitmap.ts';
export { resampleToCover, type Resample } from './images/resample.ts';
export { renderTerminal, terminalDefaults, type TerminalOptions } from './figures/terminal.ts';
export {
  checkDistinct,
  type EncodedTexts,
  readTokenizer,
  type Tokenizer,
  type TokenizerOptions,
} from './texts/tokenizer.ts';
export type { TextCache, TextRecord } from './embeddings/text-cache.ts';
export type { Dataset, DatasetContent, SkippedImage } from './sets/dataset.ts';
export { allPixels, imagesInMemory, type ImageStore } from './images/image-store.ts';
