/**
 * A value found in a file as a message quotes it: JSON, cut after 200 characters, so that the line stays readable whatever the file holds.
 *
 * @param value  what JSON can say
 * @param none   the words for a value that is not there; default `nothing`
 */
export function quoteJson(value: unknown, none = 'nothing'): string {
  return clipped((JSON.stringify(value) as string | undefined) ?? none);
}

/** A word as a POSIX shell takes it, for a command that a message tells to type. */
export function quoteWord(word: string): string {
  return /^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A text as a message repeats it, cut after `most` characters; default 200. */
export function clipped(text: string, most = 200): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
