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
 *     train-shared       nothing: the part of them with captions that two sets or more have, without digits
 *     test-compositions  the caption: two words or more, each of which stands in at least 20 other captions
 *     test-pairs         the caption in this set: another set shows it in training
 *
 * Held out is what has the first 32 bits of SHA-256, as a fraction of 2³², below `holdOut`: of "seed:caption", or of
 * "seed:set:caption". This depends on nothing else, so icons that are added later move no other.
 *
 * A small model learns the shared captions first: what a set alone calls by a name, and numbers, teach it little that it can use elsewhere.
 */
export function splitIcons(
  entries: readonly IconSplitEntry[],
  { holdOut, seed }: IconSplitOptions,
): Record<'train' | 'train-shared' | 'test-compositions' | 'test-pairs', string[]> {
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

  const splits: ReturnType<typeof splitIcons> = {
    train: [],
    'train-shared': [],
    'test-compositions': [],
    'test-pairs': [],
  };
  const trained: IconSplitEntry[] = [];
  for (const entry of entries) {
    const { fileName, caption } = entry;
    const isNewPair = isHeldPair(entry) && shown.has(caption);
    const split = heldOut.has(caption) ? 'test-compositions' : isNewPair ? 'test-pairs' : 'train';
    splits[split].push(fileName);
    if (split === 'train') trained.push(entry);
  }
  splits['train-shared'] = sharedOf(trained);
  return splits;
}

/** Icons with a caption that two sets or more have, and no digit in it. */
function sharedOf(entries: readonly IconSplitEntry[]): string[] {
  const setsOf = new Map<string, Set<string>>();
  for (const { set, caption } of entries) setsOf.set(caption, (setsOf.get(caption) ?? new Set()).add(set));
  return entries
    .filter(({ caption }) => setsOf.get(caption)!.size > 1 && !/\d/.test(caption))
    .map(({ fileName }) => fileName);
}
