export * from './browser.ts';
export { type AnimationOptions, animationDefaults, encodeGif, writeGif } from './figures/animation.ts';
export { captionsOf, metadataColumns } from './sets/captions.ts';
export { defaultCacheDir } from '../files/default-cache-dir.ts';
export { fingerprintOf } from './sets/dataset.ts';
export { openTextCache, type TextCacheOptions } from './embeddings/text-cache.ts';
export { contentKey, type EmbeddingCache, openEmbeddingCache } from './embeddings/embedding-cache.ts';
export { type EmbeddedImages, embedImages, type EmbedOptions, type ImageEncoder } from './embeddings/embed-images.ts';
export { buildEmoji, type BuiltEmoji, emojiDefaults, type EmojiOptions } from './emoji/build-emoji.ts';
export { buildIcons, iconDefaults, type IconOptions } from './icons/build-icons.ts';
export { type IconCounts } from './icons/describe-icons.ts';
export { cleanLicenses, type IconSet, iconSetNames, type IconSource } from './icons/icon-sets.ts';
export { type IconSplitEntry, type IconSplitOptions, splitIcons } from './icons/icon-splits.ts';
export { type BuiltFolder } from './packages/built-folder.ts';
export { type SplitEntry, splitEmoji, type SplitOptions } from './emoji/splits.ts';
export {
  emojiStyleNames,
  emojiStyles,
  type EmojiImages,
  type EmojiStyle,
  type EmojiStyleName,
} from './emoji/styles.ts';
export { type FoundPackage, type PackageNeed } from './packages/find-packages.ts';
export { type Figure, figureDefaults, type Mark, type Point, renderFigure, textWidth } from './figures/figure.ts';
export { layClassGrid } from './figures/class-grid.ts';
export { layRows, type TitledRow } from './figures/row-grid.ts';
export {
  type Crop,
  decodeDefaults,
  decodeImage,
  type DecodeOptions,
  encodePng,
  ImageError,
  maxInputPixels,
  readImage,
  readImageSize,
  writePng,
} from './images/image.ts';
export { decodeMask, type DecodedMask, transparentPart } from './images/decode-mask.ts';
export { builtInDatasets, openDataset, testPartOf } from './sets/open-dataset.ts';
export { openDefaults, type OpenOptions } from './images/open-options.ts';
export { MissingDataError, notHere } from './sets/missing-data.ts';
export { type Axis, axisTicks, logTicks, type Plot, plotMarks, type Series, seriesColors } from './figures/plot.ts';
export { imageFiles } from './sets/folder.ts';
export { type Emoji, type EmojiIndex, notoEmojiFolder, readEmojiIndex } from './sets/noto-emoji.ts';
export { type Resample, resampleToCover } from './images/resample.ts';
export { traceDefaults, traceIcon, type TraceOptions } from './images/trace-icon.ts';
export { type MetadataField, fingerprintWithFields, readFields } from './sets/fields.ts';
export { takeListed } from './sets/take-listed.ts';
export { readTexts, type Texts } from './texts/texts.ts';
export { type TrainedTokenizer, trainTokenizer, type TrainTokenizerOptions } from './texts/train-tokenizer.ts';
export {
  appendWhole,
  checkExtension,
  checkWritable,
  writeFileWhole,
  writing,
  WriteError,
} from '../files/write-file.ts';
