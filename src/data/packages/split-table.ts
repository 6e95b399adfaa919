/**
 * The lists of a built folder in Markdown, one row each.
 *
 * @param splits  images by list
 * @param newIn   what of a list no training image has
 */
export function splitTable(splits: Readonly<Record<string, number>>, newIn: Readonly<Record<string, string>>): string {
  return [
    '| list | what is new in it | images |',
    '|---|---|---|',
    ...Object.entries(splits).map(([name, count]) => `| \`splits/${name}.txt\` | ${newIn[name]} | ${count} |`),
  ].join('\n');
}
