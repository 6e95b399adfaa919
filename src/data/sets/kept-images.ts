/** What the cache's file of a data set says besides its images. */
import { z } from 'zod';
import { imagesAtPlaces, imagesInMemory, type ImageStore, type PutImage } from '../images/image-store.ts';
import type { DatasetContent } from './dataset.ts';
import { StoredImages } from './stored-images.ts';

/** Lists as long as the data set: checked, but not copied. */
const listOf = <T>(is: (each: unknown) => boolean) =>
  z.custom<readonly T[]>((value) => Array.isArray(value) && value.every(is));
const isText = (each: unknown) => typeof each === 'string';
const isPlace = (each: unknown) => Number.isInteger(each) && (each as number) >= 0;
const texts = listOf<string>(isText);
const numbers = listOf<number>(isPlace);

const headerSchema = z.object({
  key: z.string(),
  fingerprint: z.string(),
  count: z.int().positive(),
  height: z.int().positive(),
  width: z.int().positive(),
  channels: z.literal([1, 3]),
  places: numbers.optional(),
  ids: texts,
  labels: numbers.optional(),
  classNames: z.array(z.string()).optional(),
  captions: texts.optional(),
  tags: listOf<readonly string[]>((each) => Array.isArray(each) && each.every(isText)).optional(),
  skipped: z.array(z.object({ id: z.string(), reason: z.string() })),
  notes: z.array(z.string()),
});

/** N images of one size that are to be decoded. */
export type ImageSpace = Pick<DatasetContent, 'count' | 'height' | 'width' | 'channels'> & {
  /** As the user calls them. */
  readonly source: string;
};

/** Images to be decoded, and how. */
export interface Undecoded extends ImageSpace {
  readonly decode: (put: PutImage) => Promise<Decoded>;
}

/** What is known of images when they are decoded. */
export interface Decoded extends Omit<DatasetContent, 'images' | 'height' | 'width' | 'channels'> {
  /** [count] where they were put, if some places were left empty. */
  readonly places?: readonly number[];
  /** Whether it may be otherwise the next time, though nothing changes. */
  readonly temporary?: boolean;
}

/** A data set that is open. */
export interface Kept {
  readonly content: DatasetContent;
  /** `fingerprintOf` the content. */
  readonly fingerprint: string;
}

/** Up to here the pixels of a data set are held in memory: reading them one by one would save little. */
export const mostInMemory = 2 ** 26;

/** The header of a file, under a key that it is looked up by. */
export function headerOf(
  key: string,
  { height, width, channels }: ImageSpace,
  { labels, temporary: _, ...decoded }: Decoded,
  fingerprint: string,
): string {
  return JSON.stringify({
    key,
    fingerprint,
    height,
    width,
    channels,
    ...decoded,
    ...(labels && { labels: [...labels] }),
  });
}

/**
 * The content of a cache file, or undefined when it is damaged, of another version, or was made for another key. Never throws, whatever
 * the file is. Images that stay in the file are checked when they are read.
 */
export function openKept(path: string, key: string): Kept | undefined {
  const opened = StoredImages.open(path);
  const kept = opened && keptIn(opened.images, opened.header, key);
  if (opened && kept?.content.images.file === undefined) opened.images.close();
  return kept;
}

function keptIn(file: StoredImages, json: string, key: string): Kept | undefined {
  const header = headerIn(json);
  if (header?.key !== key) return undefined;
  const { key: _, fingerprint, labels, places, classNames, captions, tags, ...rest } = header;
  const { count, height, width, channels } = rest;
  const lists = [rest.ids, labels, captions, tags, places];
  if (lists.some((list) => list !== undefined && list.length !== count)) return undefined;
  if (file.imageBytes !== height * width * channels) return undefined;
  if (places ? places.some((place) => place >= file.places) : file.places !== count) return undefined;
  if (labels !== undefined && labels.some((label) => label >= (classNames?.length ?? 0))) return undefined;
  const store = file.places * file.imageBytes > mostInMemory ? file : inMemoryOf(file);
  return (
    store && {
      fingerprint,
      content: {
        ...rest,
        images: places ? imagesAtPlaces(store, places) : store,
        ...(labels && { labels: Int32Array.from(labels) }),
        ...(classNames && { classNames }),
        ...(captions && { captions }),
        ...(tags && { tags }),
      },
    }
  );
}

function inMemoryOf(file: StoredImages): ImageStore | undefined {
  const pixels = file.all();
  return pixels && imagesInMemory(pixels, file.imageBytes);
}

function headerIn(json: string): z.infer<typeof headerSchema> | undefined {
  try {
    return headerSchema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}
