/** JSON files as Python's libraries write them: objects, laid out line by line. */
import { stringifyJson } from './json-float.ts';
import { quoteJson } from './quote.ts';
import { parseStrictJson } from './strict-json.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Deeper than any configuration; a damaged file must not exhaust the stack. */
const maxDepth = 32;

/**
 * The object in the bytes of a JSON file.
 *
 * @param where     how messages call the file
 * @param infinite  whether a line of its own may give a key the value Infinity or -Infinity, as Python's `json.dumps` does beyond JSON
 * @throws one line if they are not UTF-8, not JSON, or no object
 */
export function parseJsonObject(
  bytes: Uint8Array,
  where: string,
  { infinite = false }: { readonly infinite?: boolean } = {},
): JsonObject {
  const value = parseJson(bytes, where, infinite);
  if (!isObject(value))
    throw new Error(`${where}: expected a JSON object, got ${Array.isArray(value) ? 'a list' : quoteJson(value)}`);
  return value;
}

/** The list in the bytes of a JSON file; see `parseJsonObject`. */
export function parseJsonList(bytes: Uint8Array, where: string): readonly unknown[] {
  const value = parseJson(bytes, where, false);
  if (!Array.isArray(value))
    throw new Error(`${where}: expected a JSON list, got ${isObject(value) ? 'an object' : quoteJson(value)}`);
  return value;
}

function parseJson(bytes: Uint8Array, where: string, infinite: boolean): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Such a line cannot be inside a string, and 1e999 is what JSON has for it.
    return parseStrictJson(
      infinite ? text.replaceAll(/^(\s*"\w+": -?)Infinity(?=,?\s*$)/gm, '$11e999') : text,
      maxDepth,
    );
  } catch (error) {
    throw new Error(`${where}: is not valid JSON, cut short or damaged (${oneLine(error)})`, { cause: error });
  }
}

/**
 * Text as Python's `json.dumps(indent=2)` lays it out, so that the two libraries' files compare line by line.
 * Floats (`JsonFloat`) keep their point.
 */
export function jsonText(value: unknown): string {
  return `${stringifyJson(value, 2)}\n`;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The parser quotes the text around its error, line breaks and all. */
function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, 200);
}
