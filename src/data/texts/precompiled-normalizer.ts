/**
 * sentencepiece's normalization by a compiled map of characters, as a `tokenizer.json` of T5 or ALBERT holds it in base64.
 *
 *     4         bytes of the trie, little-endian
 *     …         a double-array trie of UTF-8: units of 4 bytes
 *     the rest  replacements, each ended by a zero; a leaf of the trie is the place of one
 *
 * @see Yata, darts-clone — https://github.com/s-yata/darts-clone; Kudo & Richardson 2018 — https://arxiv.org/abs/1808.06226
 */

/** Bytes of a grapheme from which on it is looked up character by character. */
const longGrapheme = 6;

/**
 * Reads a map.
 *
 * @param charsmap  in base64
 * @returns what normalizes a text: each grapheme by its replacement, or else each of its characters
 * @throws if it is no such map
 */
export function precompiledNormalizer(charsmap: string): (text: string) => string {
  const bytes = Uint8Array.from(atob(charsmap), (character) => character.charCodeAt(0));
  const trieBytes = bytes.length < 4 ? NaN : new DataView(bytes.buffer).getUint32(0, true);
  if (!(trieBytes > 0 && trieBytes % 4 === 0 && 4 + trieBytes <= bytes.length))
    throw new Error('the precompiled charsmap is cut short or damaged');
  const trie = new Uint32Array(bytes.slice(4, 4 + trieBytes).buffer);
  const replacements = bytes.subarray(4 + trieBytes);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

  /** The replacement of the shortest beginning that has one: so the library that wrote the map takes it too. */
  function replacement(key: Uint8Array): string | undefined {
    let at = offsetOf(trie[0]!);
    for (const byte of key) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = trie[at] ?? 0;
      // The label, with the bit that only leaves have.
      if ((unit & 0x8000_00ff) >>> 0 !== byte) return undefined;
      at ^= offsetOf(unit);
      if ((unit >>> 8) & 1) {
        const begin = (trie[at] ?? 0) & 0x7fff_ffff;
        const end = replacements.indexOf(0, begin);
        return decoder.decode(replacements.subarray(begin, end < 0 ? undefined : end));
      }
    }
    return undefined;
  }

  const ofCharacters = (grapheme: string) =>
    Array.from(grapheme, (character) => replacement(encoder.encode(character)) ?? character).join('');
  return (text) =>
    Array.from(graphemes.segment(text), ({ segment }) => {
      const bytes = encoder.encode(segment);
      return (bytes.length < longGrapheme ? replacement(bytes) : undefined) ?? ofCharacters(segment);
    }).join('');
}

/** How far a unit's children are from it. */
function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
