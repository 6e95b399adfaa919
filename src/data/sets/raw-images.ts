import { fitImages, isQuickFit, quickFit, type RawImages } from '../images/fit-images.ts';
import { heightAndWidth } from '../images/image-size.ts';
import { imagesInMemory } from '../images/image-store.ts';
import { decodedAs, type OpenOptions } from '../images/open-options.ts';
import { cached, type Cached } from './cache.ts';
import { checkMemory } from './check-memory.ts';
import { fingerprintOf } from './dataset.ts';
import type { Decoded } from './kept-images.ts';

/** Where raw images come from. */
export interface RawSource {
  /** As messages call it. */
  readonly path: string;
  /** Identifies it in the cache. */
  readonly name: readonly unknown[];
  /** Changes whenever the content does. */
  readonly key: () => string;
}

/** A data set of images that a file holds as arrays: resized and cached, or, where they only have to be copied, made anew each time. */
export async function openRawImages(
  raw: RawImages,
  decoded: Decoded,
  { path, name, key }: RawSource,
  options: OpenOptions,
): Promise<Cached> {
  const { channels } = options;
  const [height, width] = heightAndWidth(options.size);
  const space = { source: path, count: raw.count, height, width, channels };
  if (!isQuickFit(raw, options))
    return cached(options.cacheDir, JSON.stringify([...name, ...decodedAs(options)]), key(), () => ({
      ...space,
      async decode(put) {
        await fitImages(raw, options, put);
        return decoded;
      },
    }));
  checkMemory(space);
  const images = imagesInMemory(quickFit(raw, options), height * width * channels);
  const content = { ...decoded, images, height, width, channels };
  return { content, fingerprint: fingerprintOf(content), fromCache: false };
}
