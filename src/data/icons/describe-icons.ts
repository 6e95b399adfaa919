import { splitTable } from '../packages/split-table.ts';
import type { IconSet } from './icon-sets.ts';

/** What a data set of icons holds. */
export interface IconCounts {
  readonly images: number;
  readonly captions: number;
  /** Images of each set. */
  readonly sets: Readonly<Record<string, number>>;
  /** Images of each style. */
  readonly styles: Readonly<Record<string, number>>;
  /** Icons left out because another has the same pixels at 24 × 24. */
  readonly duplicates: number;
  /** Icons left out because they are trademarks. */
  readonly brands: number;
  /** Icons left out because they are empty, all black, or no SVG that can be rendered. */
  readonly unusable: number;
}

/** What a card says of a data set of icons. */
export interface IconDatasetCard extends IconCounts {
  readonly splits: Readonly<Record<string, number>>;
  readonly size: number;
  readonly holdOut: number;
  readonly seed: number;
  readonly sources: readonly IconSet[];
  /** Of the packages with synonyms, by name. */
  readonly tagVersions: Readonly<Record<string, string>>;
}

/** The data set's README: sources, licenses and splits. */
export function describeIcons(card: IconDatasetCard): string {
  const { images, captions, size, sources, sets, splits, tagVersions, holdOut, seed } = card;
  const byLicense = [...sources].sort(
    (a, b) => a.license.localeCompare(b.license) || (sets[b.name] ?? 0) - (sets[a.name] ?? 0),
  );
  const rows = byLicense.map(
    ({ name, title, version, license, licenseUrl, author }) =>
      `| ${name} | ${title}, ${author} | ${version} | ${licenseUrl ? `[${license}](${licenseUrl})` : license} | ${sets[name] ?? 0} |`,
  );
  const styles = Object.entries(card.styles).sort(([, a], [, b]) => b - a);
  const synonyms = Object.entries(tagVersions).map(([name, version]) => `${name} ${version}`);
  return `# ${images} icons of ${sources.length} sets

${images} icons under ${captions} captions, ${size}×${size}, black on white, one channel. ${card.brands} trademarks, ${card.duplicates} icons that have another's pixels and ${card.unusable} that are empty or cannot be rendered are left out.

| folder | set | version | license | count |
|---|---|---|---|---|
${rows.join('\n')}

A caption is the icon's name without words of style and size and without numbering. ${synonyms.length > 0 ? `Synonyms (\`tags\`) are those of ${synonyms.join(', ')}.` : 'No package with synonyms was installed.'}

Each folder has a \`metadata.jsonl\` by Hugging Face's \`imagefolder\` convention: \`file_name\`, \`text\` (the caption), \`style\`, \`set\`, \`tags\`.

| style | images |
|---|---|
${styles.map(([style, count]) => `| ${style} | ${count} |`).join('\n')}

## Splits

Lists of file names, one a line. ${holdOut * 100} % of the compositions (captions of two words or more, each of which stands in at least 20 other captions) and of the pairs of set and caption are held out, by SHA-256 with seed ${seed}.

${splitTable(splits, newIn)}
`;
}

const newIn: Readonly<Record<string, string>> = {
  train: 'nothing: for training',
  'train-shared': 'nothing: the part of `train` whose captions two sets or more have, without digits',
  'test-compositions': 'the caption, whose words are known',
  'test-pairs': 'the caption in this set',
};
