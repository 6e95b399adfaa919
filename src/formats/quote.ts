/**
 * A value found in a file as a message quotes it: JSON, cut after 200 characters, so that the line stays readable whatever the file holds.
 *
 * @param value  what JSON can say
 * @param none   the words for a value that is not there; default `nothing`
 */
export function quoteJson(value: unknown, none = 'nothing'): string {
  return clipped((JSON.stringify(value) as string | undefined) ?? none);
}

/** A word quoted for a POSIX shell, for commands in messages. */
export function quoteWord(word: string): string {
  return /^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A text as a message repeats it, printable, cut after `most` characters; default 200. */
export function clipped(text: string, most = 200): string {
  return printable(text.length > most ? `${text.slice(0, most)}…` : text);
}

/** A text with what a terminal would obey written out: control characters, ends of lines, and what turns the direction of a line. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
