import { createHash } from 'node:crypto';
import { isObject, type JsonObject } from '../formats/json-object.ts';

/**
 * What a vocabulary is known by, whatever else its `tokenizer.json` says and however that is laid out: the SHA-256, in
 * hexadecimal, of all its tokens as `[id,"token"]` in JSON, a line each, by id.
 *
 * Python's tokenizers write the same vocabulary in other files: merges as pairs or as text, other keys, other spaces.
 *
 * @param tokenizer  the content of a `tokenizer.json`
 */
export function vocabularyFingerprint({ model, added_tokens: added }: JsonObject): string {
  const vocab = isObject(model) && isObject(model['vocab']) ? Object.entries(model['vocab']) : [];
  const addedTokens = Array.isArray(added)
    ? added.filter(isObject).map(({ content, id }) => [content, id] as const)
    : [];
  // Special tokens stand in both lists, or in one of them.
  const lines = new Set([...vocab, ...addedTokens].map(([token, id]) => JSON.stringify([id, token])));
  const number = (line: string) => Number.parseInt(line.slice(1), 10);
  const sorted = [...lines].sort((a, b) => number(a) - number(b) || (a < b ? -1 : 1));
  return createHash('sha256').update(sorted.join('\n')).digest('hex');
}
