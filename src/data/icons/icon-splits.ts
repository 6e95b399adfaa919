import { fraction } from '../packages/fraction.ts';

/** Which icons are kept from training. */
export interface IconSplitOptions {
  /** The share of compositions, and of pairs of set and caption, that no training image shows. */
  readonly holdOut: number;
  readonly seed: number;
}

/** An icon as splits see it. */
export interface IconSplitEntry {
  readonly fileName: string;
  readonly set: string;
  readonly caption: string;
}

/** Captions that a word has to stand in, besides the one that is held out: the network has seen the word in that many. */
const captionsOfAWord = 20;

/**
 * Lists of file names by what is new in them:
 *
 *     train              nothing: these are for training
 *     test-compositions  the caption: two words or more, each of which stands in at least 20 other captions
 *     test-pairs         the caption in this set: another set shows it in training
 *
 * Held out is what has the first 32 bits of SHA-256, as a fraction of 2³², below `holdOut`: of "seed:caption", or of
 * "seed:set:caption". This depends on nothing else, so icons that are added later move no other.
 */
export function splitIcons(
  entries: readonly IconSplitEntry[],
  { holdOut, seed }: IconSplitOptions,
): Record<'train' | 'test-compositions' | 'test-pairs', string[]> {
  const captions = new Set(entries.map(({ caption }) => caption));
  const captionsWith = new Map<string, number>();
  for (const caption of captions) {
    for (const word of new Set(caption.split(' '))) captionsWith.set(word, (captionsWith.get(word) ?? 0) + 1);
  }
  const isComposition = (caption: string) => {
    const words = caption.split(' ');
    return words.length > 1 && words.every((word) => captionsWith.get(word)! > captionsOfAWord);
  };
  const heldOut = new Set(
    [...captions].filter((caption) => isComposition(caption) && fraction(`${seed}:${caption}`) < holdOut),
  );
  const isHeldPair = ({ set, caption }: IconSplitEntry) => fraction(`${seed}:${set}:${caption}`) < holdOut;
  const shown = new Set(entries.filter((entry) => !isHeldPair(entry)).map(({ caption }) => caption));

  const splits: ReturnType<typeof splitIcons> = { train: [], 'test-compositions': [], 'test-pairs': [] };
  for (const entry of entries) {
    const { fileName, caption } = entry;
    const isNewPair = isHeldPair(entry) && shown.has(caption);
    splits[heldOut.has(caption) ? 'test-compositions' : isNewPair ? 'test-pairs' : 'train'].push(fileName);
  }
  return splits;
}
