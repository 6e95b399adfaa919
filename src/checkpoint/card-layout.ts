/** The content of a model card, before layout. */
export interface CardContent {
  /** The Python library that opens the folder. */
  readonly library: 'diffusers' | 'transformers';
  /** What the model does, by the Hugging Face Hub's names. */
  readonly task: string;
  readonly rows: readonly (readonly [what: string, value: string])[];
  /** A command that uses the model, in its folder. */
  readonly command: string;
  /** Python programs, line by line. */
  readonly programs: readonly (readonly string[])[];
}

/**
 * The README.md of a model folder, in Markdown: front matter, a table, and programs. It has no title, since the folder has a
 * name of its own.
 */
export function layOutCard({ library, task, rows, command, programs }: CardContent): string {
  return [
    '---',
    `library_name: ${library}`,
    `pipeline_tag: ${task}`,
    '---',
    '',
    '| | |',
    '|---|---|',
    ...rows.map(([what, value]) => `| ${what} | ${value.replaceAll('|', '\\|').replaceAll('\n', ' ')} |`),
    '',
    `With Node: \`${command}\` in this folder. In Python, with ${library}:`,
    '',
    ...programs.flatMap((lines) => ['```python', ...lines, '```', '']),
  ].join('\n');
}
