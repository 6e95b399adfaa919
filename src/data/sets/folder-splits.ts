/** Folders that are the splits of a data set, by the names that Hugging Face's `imagefolder` knows. */
import { basename, dirname, join } from 'node:path';
import { isImage, listImages, type Listing } from './list-images.ts';

/** @see Hugging Face datasets, data_files.py, SPLIT_KEYWORDS */
const splitNames = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'val', 'dev'],
  test: ['test', 'testing', 'eval', 'evaluation'],
} as const satisfies Record<string, readonly string[]>;

type SplitName = keyof typeof splitNames;

function splitOf(folder: string): SplitName | undefined {
  const name = folder.toLowerCase();
  return (Object.keys(splitNames) as SplitName[]).find((split) =>
    (splitNames[split] as readonly string[]).includes(name),
  );
}

/** The first-level folders of a data set that are splits, and those that are not. */
export interface FolderSplits {
  readonly folders: readonly { readonly name: string; readonly split: SplitName }[];
  /** True if nothing else is there, so that they are no classes. */
  readonly alone: boolean;
}

/** The splits among the first-level folders of a data set. */
export function listedSplits({ files, unreadable }: Pick<Listing, 'files' | 'unreadable'>): FolderSplits {
  // A folder that cannot be read has no files in the list.
  const paths = [...files.map(({ id }) => id), ...unreadable.map(({ id }) => (isImage(id) ? id : `${id}/`))];
  const first = new Set(paths.map((id) => (id.includes('/') ? id.slice(0, id.indexOf('/')) : '')));
  const folders = [...first].flatMap((name) => {
    const split = splitOf(name);
    return split === undefined ? [] : [{ name, split }];
  });
  return { folders, alone: folders.length > 0 && folders.length === first.size };
}

/**
 * The held-out part of a folder whose sub-folders are splits: its test split, else its validation split, as a path.
 *
 * @param folder  the data set's folder, or its train split
 * @returns undefined where the folder has no such parts
 */
export async function heldOutFolder(folder: string): Promise<string | undefined> {
  const root = splitOf(basename(folder)) === 'train' ? dirname(folder) : folder;
  const listing = await listImages(root).catch(() => undefined);
  const { folders, alone } = listing ? listedSplits(listing) : { folders: [], alone: false };
  if (!alone || !folders.some(({ split }) => split === 'train')) return undefined;
  const held = folders.find(({ split }) => split === 'test') ?? folders.find(({ split }) => split === 'validation');
  return held && join(root, held.name);
}
