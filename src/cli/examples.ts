/** The end of a command's help: lines as a person types them. `.addHelpText('after', examples(…))`; a test parses each. */
export function examples(...lines: readonly string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
