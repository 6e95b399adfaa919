import { decodeImage, encodePng } from '../images/image.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { buildFolder, type BuiltImage } from '../packages/built-folder.ts';
import { findPackages, type FoundPackage } from '../packages/find-packages.ts';
import { annotationPackage, readConcepts } from './annotations.ts';
import { duplicateGroups } from './duplicates.ts';
import { describeEmoji } from './describe-emoji.ts';
import { splitEmoji, type SplitOptions } from './splits.ts';
import { emojiStyleNames, emojiStyles, type EmojiStyle, type EmojiStyleName } from './styles.ts';

/** What data set to build, and where. */
export interface EmojiOptions extends SplitOptions {
  readonly styles: readonly EmojiStyleName[];
  /** Of labels and tags, as emojibase-data calls it: `en`, `zh`, `de`. */
  readonly language: string;
  /** Side of the images in pixels. */
  readonly size: number;
  /** The folder to make. */
  readonly out: string;
  /** Where the packages are looked for. */
  readonly packages: string;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** The defaults of `buildEmoji`. */
export const emojiDefaults = {
  styles: emojiStyleNames,
  language: 'en',
  // What Noto and Twemoji have in their packages; the others are reduced to it.
  size: 64,
  packages: '.',
  testStyles: [],
  // Some 190 concepts: the accuracy of a test on them is known to three percent.
  holdOut: 0.1,
  seed: 0,
} as const satisfies Partial<EmojiOptions>;

/** What was built. */
export interface BuiltEmoji {
  /** `there`: the folder was complete before and nothing was done; `split`: only its splits are new. */
  readonly how: 'built' | 'split' | 'there';
  readonly images: number;
  readonly concepts: number;
  /** Images of each style. */
  readonly styles: Readonly<Record<string, number>>;
  /** Images left out because another concept of the style has the same bytes. */
  readonly duplicates: number;
  /** Images of each split. */
  readonly splits: Readonly<Record<string, number>>;
}

const command = 'data emoji';

/** Counted up when the same packages give another content: with 2 the name of the sub-group is one of the tags. */
const format = 2;

interface Emoji extends BuiltImage {
  readonly style: EmojiStyleName;
  readonly code: string;
}

/**
 * Builds a folder of emoji in several styles with captions, from npm packages on this machine.
 *
 *     <style>/<code points>.png      on white, size × size
 *     <style>/metadata.jsonl         file_name, text (the label), tags, code, style, group, subgroup, language
 *     splits/train.txt, …            lists of file names, see `splitEmoji`
 *     dataset.json, README.md        what it was made from, and the licenses
 *
 * The same versions of the packages and of sharp give the same bytes. The folder appears when it is complete; a build that was stopped goes on where it was.
 *
 * @throws if a package is not installed (with the command that installs it), a language or a style is unknown, or `out` holds something else
 */
export async function buildEmoji(options: Partial<EmojiOptions> & Pick<EmojiOptions, 'out'>): Promise<BuiltEmoji> {
  const settings: EmojiOptions = { ...emojiDefaults, ...options };
  const { styles, language, size, out, testStyles, holdOut, seed, signal } = settings;
  check(settings);
  const needs = [annotationPackage, ...styles.map((style) => emojiStyles[style].package)];
  const found = await findPackages(needs, settings.packages, command);
  const versions = Object.fromEntries([...found.values()].map(({ name, version }) => [name, version]));
  const { how, counts, splits } = await buildFolder({
    command,
    out,
    made: { kind: 'emoji', format, styles, language, size, packages: versions },
    split: { holdOut, seed, testStyles },
    earlier: 'which gave the images other tags',
    collect: async () => {
      const { images, alike, duplicates } = await collect(settings, found, signal);
      const imagesOf = (style: EmojiStyleName) => images.filter((image) => image.style === style).length;
      return {
        images,
        splits: splitEmoji(images, alike, settings),
        counts: {
          images: images.length,
          concepts: new Set(images.map(({ code }) => code)).size,
          styles: Object.fromEntries(styles.map((style) => [style, imagesOf(style)])),
          duplicates,
        },
      };
    },
    describe: (built, parts) =>
      describeEmoji({ language, size, holdOut, seed, testStyles, versions, ...built, splits: parts }),
    onProgress: settings.onProgress,
    signal,
  });
  return { how, ...counts, splits };
}

function check({ styles, size, holdOut, testStyles }: EmojiOptions): void {
  if (styles.length === 0) throw new Error(`data emoji: no style; give one or more of ${emojiStyleNames.join(', ')}`);
  if (new Set(styles).size < styles.length)
    throw new Error(`data emoji: a style is named twice in ${styles.join(',')}`);
  if (!Number.isInteger(size) || size < 8 || size > 1024)
    throw new Error(`data emoji: size: expected an integer from 8 to 1024, got ${size}`);
  if (!(holdOut >= 0 && holdOut < 1))
    throw new Error(`data emoji: holdOut: expected a share from 0 to below 1, got ${holdOut}`);
  const stranger = testStyles.find((style) => !(styles as readonly string[]).includes(style));
  if (stranger !== undefined)
    throw new Error(
      `data emoji: the test style ${JSON.stringify(stranger)} is not among the styles ${styles.join(', ')}`,
    );
  if (testStyles.length >= styles.length)
    throw new Error('data emoji: every style is a test style; leave one to train on');
}

/** The images of all styles in the order of Unicode, without those that another concept of the style has too. */
async function collect(
  { styles, language, size }: EmojiOptions,
  found: ReadonlyMap<string, FoundPackage>,
  signal: AbortSignal | undefined,
): Promise<{ images: Emoji[]; alike: string[][]; duplicates: number }> {
  const concepts = await readConcepts(found.get(annotationPackage.name)!, language);
  const images: Emoji[] = [];
  const alike: string[][] = [];
  for (const style of styles) {
    signal?.throwIfAborted();
    const source: EmojiStyle = emojiStyles[style];
    const drawn = await source.read(found.get(source.package.name)!);
    const mine = concepts.filter(({ code }) => drawn.has(code));
    if (mine.length === 0)
      throw new Error(
        `data emoji: ${source.package.name} ${found.get(source.package.name)!.version} has no image of an emoji that ${annotationPackage.name} knows; install ${source.package.name}@${source.package.version}`,
      );
    const bytes = await inParallel(mine.length, 16, (index) => drawn.get(mine[index]!.code)!());
    const groups = duplicateGroups(mine.map(({ code }, index) => [code, bytes[index]!]));
    const dropped = new Set(groups.flatMap((group) => group.slice(1)));
    alike.push(...groups);
    for (const [index, { code, label, tags, group, subgroup }] of mine.entries()) {
      if (dropped.has(code)) continue;
      const name = `${code}.png`;
      images.push({
        fileName: `${style}/${name}`,
        style,
        code,
        fields: { text: label, tags, code, style, group, subgroup, language },
        // Some emoji are a little higher than wide: white padding at the sides keeps their tops.
        png: async () => encodePng(await decodeImage(bytes[index]!, { size, crop: 'pad' })),
      });
    }
  }
  return { images, alike, duplicates: alike.reduce((sum, group) => sum + group.length - 1, 0) };
}
