import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { inParallel } from '../../files/in-parallel.ts';
import { encodePng } from '../images/image.ts';
import { buildFolder, type BuiltFolder, type BuiltImage, type FolderContent } from '../packages/built-folder.ts';
import { isBrand } from './brands.ts';
import { describeIcons, type IconCounts } from './describe-icons.ts';
import { readIconName } from './icon-names.ts';
import { readIconSets, type IconSet, type IconSource } from './icon-sets.ts';
import { splitIcons, type IconSplitOptions } from './icon-splits.ts';
import { readIconTags, tagsByCaption, type IconTags } from './icon-tags.ts';
import { renderIcon } from './render-icon.ts';

/** What data set to build, and where. */
export interface IconOptions extends IconSplitOptions {
  /** Names of sets; default `iconSetNames`. */
  readonly sets?: readonly string[] | undefined;
  /** Side of the images in pixels. */
  readonly size: number;
  /** The folder to make. */
  readonly out: string;
  /** Where the packages are looked for. */
  readonly packages: string;
  /** Take sets under any license; default those that weights may be passed on under. */
  readonly allLicenses: boolean;
  readonly onProgress?: ((stage: 'rendering' | 'writing', done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The defaults of `buildIcons`. */
export const iconDefaults = {
  // The grid that most sets are made for: their lines fall on whole pixels.
  size: 24,
  packages: '.',
  allLicenses: false,
  // Some 700 compositions: the accuracy of a judge on them is known to two percent.
  holdOut: 0.05,
  seed: 0,
} as const satisfies Partial<IconOptions>;

const command = 'data icons';

/** The lists in `splits`. */
const listNames = ['train', 'train-shared', 'test-compositions', 'test-pairs'];

/** Counted up when the same packages give another content. */
const format = 1;

/** Icons are compared at this size whatever the data set's, so that data sets of any size hold the same ones. */
const comparedSize = 24;

/** Mean levels of gray between which an icon is neither empty nor a black square. */
const meanLevels = [20, 252] as const;

/** An icon with what its name says. */
interface Candidate {
  readonly set: IconSet;
  readonly source: IconSource;
  readonly caption: string;
  readonly style: string;
}

/**
 * Builds a folder of captioned icons from Iconify's packages on this machine.
 *
 *     <set>/<name>.png         black on white, one channel, size × size
 *     <set>/metadata.jsonl     file_name, text (the caption), style, set, tags
 *     splits/train.txt, …      lists of file names, see `splitIcons`
 *     dataset.json, README.md  what it was made from, and the licenses
 *
 * The same versions of the packages and of sharp give the same bytes, and the same icons at any size.
 *
 * @throws if a set is not installed (with the command that installs it) or unknown, has colors or another license, or
 *   `out` holds something else
 */
export async function buildIcons(
  options: Partial<IconOptions> & Pick<IconOptions, 'out'>,
): Promise<BuiltFolder<IconCounts>> {
  const settings: IconOptions = { ...iconDefaults, ...options };
  const { size, out, holdOut, seed, packages, allLicenses, onProgress, signal } = settings;
  if (!Number.isInteger(size) || size < 8 || size > 1024) {
    throw new Error(`${command}: size: expected an integer from 8 to 1024, got ${size}`);
  }
  if (!(holdOut >= 0 && holdOut < 1)) {
    throw new Error(`${command}: holdOut: expected a share from 0 to below 1, got ${holdOut}`);
  }
  const sets = await readIconSets({ sets: settings.sets, packages, allLicenses, command });
  const names = sets.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new Error(`${command}: the set ${twice} is named twice`);
  const tags = await readIconTags(names, packages);
  const versions = { ...Object.fromEntries(sets.map(({ name, version }) => [name, version])), ...tags.versions };
  return buildFolder<IconCounts>({
    command,
    out,
    made: { kind: 'icons', format, size, packages: versions },
    // A folder of an earlier version, which had other lists, gets these.
    split: { holdOut, seed, lists: listNames },
    earlier: 'which took other icons or captions',
    collect: () => collect(sets, tags, settings),
    describe: (counts, splits) =>
      describeIcons({ ...counts, splits, size, holdOut, seed, sources: sets, tagVersions: tags.versions }),
    onProgress: onProgress && ((done, total) => onProgress('writing', done, total)),
    signal,
  });
}

async function collect(
  sets: readonly IconSet[],
  tags: IconTags,
  { size, holdOut, seed, onProgress, signal }: IconOptions,
): Promise<FolderContent<IconCounts>> {
  const { candidates, brands } = candidatesOf(sets);
  let done = 0;
  // At 24 pixels all of them take 60 MB.
  const pixels = await inParallel(candidates.length, availableParallelism(), async (index) => {
    signal?.throwIfAborted();
    const rendered = await renderIcon(candidates[index]!.source, comparedSize).catch(() => null);
    if (++done % 256 === 0 || done === candidates.length) onProgress?.('rendering', done, candidates.length);
    return rendered !== null && isUsable(rendered) ? rendered : null;
  });
  const seen = new Set<string>();
  let duplicates = 0;
  let unusable = 0;
  const kept = candidates.flatMap((candidate, i) => {
    const image = pixels[i]!;
    if (image === null) {
      unusable++;
      return [];
    }
    const hash = createHash('sha256').update(image).digest('base64');
    if (seen.has(hash)) {
      duplicates++;
      return [];
    }
    seen.add(hash);
    return [{ ...candidate, pixels: image }];
  });
  const named = kept.map(({ set, source, caption }) => ({ set: set.name, tagName: source.name, caption }));
  const synonyms = tagsByCaption(named, tags);
  const images = kept.map(
    ({ set, source, caption, style, pixels: image }): BuiltImage & { set: string; caption: string } => ({
      fileName: `${set.name}/${source.name}.png`,
      set: set.name,
      caption,
      fields: { text: caption, style, set: set.name, tags: synonyms.get(caption) ?? [] },
      png: async () => {
        const data = size === comparedSize ? image : await renderIcon(source, size);
        return encodePng({ width: size, height: size, channels: 1, data });
      },
    }),
  );
  const count = (values: readonly string[]) => {
    const counts: Record<string, number> = {};
    for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
    return counts;
  };
  return {
    images,
    splits: splitIcons(images, { holdOut, seed }),
    counts: {
      images: images.length,
      captions: new Set(kept.map(({ caption }) => caption)).size,
      sets: count(kept.map(({ set }) => set.name)),
      styles: count(kept.map(({ style }) => style)),
      duplicates,
      brands,
      unusable,
    },
  };
}

/** Icons with a caption that are no trademarks, one of each size, set by set. */
function candidatesOf(sets: readonly IconSet[]): {
  readonly candidates: readonly Candidate[];
  readonly brands: number;
} {
  const candidates: Candidate[] = [];
  let brands = 0;
  for (const set of sets) {
    const bySource = new Set(set.icons.map(({ name }) => name));
    for (const source of set.icons) {
      // Of an icon in several sizes the one for 24 pixels.
      const sized = /-\d+-/.exec(source.name);
      if (set.name === 'fluent' && sized && sized[0] !== '-24-' && bySource.has(source.name.replace(/-\d+-/, '-24-')))
        continue;
      const read = readIconName(set.name, source.name);
      if (!read) continue;
      if (isBrand(read.caption, set.brands.has(source.name))) brands++;
      else candidates.push({ set, source, ...read });
    }
  }
  return { candidates, brands };
}

function isUsable(pixels: Uint8Array): boolean {
  const mean = pixels.reduce((sum, level) => sum + level, 0) / pixels.length;
  return mean >= meanLevels[0] && mean <= meanLevels[1];
}
