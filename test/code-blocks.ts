/** The code blocks of a language in a Markdown text, in the order of the file. */
export function codeBlocks(text: string, language: string): string[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)]
    .filter(([, , name]) => name === language)
    .map(([, , , code]) => code!);
}
