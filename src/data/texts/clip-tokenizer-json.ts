/** What is CLIP's about CLIP's tokenizer: how a text is normalized and cut into words, and the tokens around it. */

/** Tokens around a text; the end token also stands for what is unknown and for padding. */
export const clipSpecialTokens = { start: '<|startoftext|>', end: '<|endoftext|>' } as const;

/** What the last symbol of a word ends with. */
export const endOfWord = '</w>';

/** What every vocabulary of CLIP's kind holds before the first merge: bytes, the same as ends of words, start and end. */
export const leastVocabSize = 2 * 256 + Object.keys(clipSpecialTokens).length;

/** Contractions, words, single digits, and runs of anything else. */
const words = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

/**
 * The 256 characters that stand for bytes, by byte: itself where that prints, else one from U+0100 on, so that no token
 * holds white space.
 *
 * @see Radford et al. 2019, released code (`bytes_to_unicode`)
 */
export function byteAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCodePoint(prints ? byte : next++);
  });
}

/**
 * The content of a `tokenizer.json` that works as CLIP's does: Unicode's composed form, white space as single spaces,
 * lower case, then words as bytes, the last of each marked as its end.
 *
 * @param vocab   ids from 0 by token, start and end token among them
 * @param merges  pairs of tokens in the order in which they are merged
 */
export function clipTokenizerJson(
  vocab: ReadonlyMap<string, number>,
  merges: readonly (readonly [string, string])[],
): Record<string, unknown> {
  const { start, end } = clipSpecialTokens;
  const special = (content: string) => ({
    id: vocab.get(content)!,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: true,
    special: true,
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special(start), special(end)],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [end, vocab.get(end)!],
      cls: [start, vocab.get(start)!],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: end,
      continuing_subword_prefix: '',
      end_of_word_suffix: endOfWord,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  };
}
