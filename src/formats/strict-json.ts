import { printable, quoteJson } from './quote.ts';

/**
 * Parses JSON that comes from a stranger: like `JSON.parse`, but a key given twice and nesting deeper than expected are errors.
 * (`JSON.parse` keeps the last of two equal keys, so what one reader checks another may never see.)
 *
 * @param maxDepth  how many objects and arrays may lie inside each other
 * @throws if the text is not JSON, is nested deeper, or names a key of one object twice
 */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  checkKeys(text, maxDepth);
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's message quotes the text around the place, whatever is in it.
    throw new Error(printable((error as Error).message.replaceAll(/\s+/g, ' ')), { cause: error });
  }
}

/** Walks the text without recursion. Text that is not JSON may pass: `JSON.parse` comes after. */
function checkKeys(text: string, maxDepth: number): void {
  const scopes: (Set<string> | null)[] = [];
  const marks = /["{}[\]]/g;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    const [character] = mark;
    const i = mark.index;
    if (character === '{' || character === '[') {
      if (scopes.length === maxDepth) throw new Error(`nested deeper than ${maxDepth} (at character ${i})`);
      scopes.push(character === '{' ? new Set() : null);
    } else if (character === '}' || character === ']') {
      scopes.pop();
    } else {
      const end = endOfString(text, i);
      const keys = scopes.at(-1);
      if (keys && isKey(text, end)) {
        const key = JSON.parse(text.slice(i, end)) as string;
        if (keys.has(key)) throw new Error(`the key ${quoteJson(key)} appears twice (at character ${i})`);
        keys.add(key);
      }
      marks.lastIndex = end;
    }
  }
}

/** The index after the closing quote, or of the text's end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end + 1;
  }
  return text.length;
}

/** A string is a key exactly if a colon follows. */
function isKey(text: string, end: number): boolean {
  let i = end;
  while (text[i] === ' ' || text[i] === '\t' || text[i] === '\n' || text[i] === '\r') i++;
  return text[i] === ':';
}
