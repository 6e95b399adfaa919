import { splitTable } from '../packages/split-table.ts';
import { annotationPackage } from './annotations.ts';
import { emojiStyles, type EmojiStyleName } from './styles.ts';

/** The content of the README of an emoji data set. */
export interface EmojiDatasetCard {
  readonly language: string;
  readonly size: number;
  readonly holdOut: number;
  readonly seed: number;
  readonly testStyles: readonly string[];
  /** Of the packages, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly styles: Readonly<Record<string, number>>;
  readonly concepts: number;
  readonly duplicates: number;
  readonly splits: Readonly<Record<string, number>>;
}

/** The data set's README: sources, licenses and splits. */
export function describeEmoji({
  language,
  size,
  holdOut,
  seed,
  testStyles,
  versions,
  styles,
  concepts,
  duplicates,
  splits,
}: EmojiDatasetCard): string {
  const rows = (Object.keys(styles) as EmojiStyleName[]).map((style) => {
    const {
      title,
      license,
      package: { name },
    } = emojiStyles[style];
    return `| ${style} | ${title} | ${name} ${versions[name]} | ${license} | ${styles[style]} |`;
  });
  return `# Emoji in ${Object.keys(styles).length} styles

${concepts} concepts without skin tones, ${size}×${size}, on white, with labels and tags (${language}). ${duplicates} images are left out: another concept of their style has the same bytes.

| folder | images | package | license | count |
|---|---|---|---|---|
${rows.join('\n')}

Labels and tags are those of ${annotationPackage.name} ${versions[annotationPackage.name]} (MIT), from Unicode's CLDR; the last tag is the name of the sub-group. Whoever passes the images or what is made of them on keeps to the licenses of the styles: CC-BY asks to name the authors, CC-BY-SA also to share alike.

Each folder has a \`metadata.jsonl\` by Hugging Face's \`imagefolder\` convention: \`file_name\`, \`text\` (the label), \`tags\`, \`code\`, \`style\`, \`group\`, \`subgroup\`, \`language\`.

## Splits

Lists of file names, one a line. ${holdOut * 100} % of the concepts (by SHA-256 of "${seed}:code") are held out in every style${testStyles.length > 0 ? `, and ${testStyles.join(', ')} for all concepts` : ''}. Concepts with one image in some style are held out together.

${splitTable(splits, newIn)}
`;
}

const newIn: Readonly<Record<string, string>> = {
  train: 'nothing: for training',
  'test-concepts': 'the concept',
  'test-styles': 'the style',
  'test-both': 'the concept and the style',
};
