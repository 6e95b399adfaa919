/** The tokenizer that runs: Hugging Face's own, with the types of what we use of it, and two things put right. */
import { Tokenizer } from '@huggingface/tokenizers';
import { isObject } from '../../formats/json-object.ts';
import { precompiledNormalizer } from './precompiled-normalizer.ts';

/** What a `tokenizer.json` does: byte-pair encoding, WordPiece or Unigram. */
export interface TokenizerEngine {
  /** The ids of a text, with those that the post-processor puts around it. */
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
  /** The words that a text is cut into before the model sees it; of byte-pair encoding, one character for each byte. */
  words(text: string): string[];
}

interface PreTokenizer {
  (text: string): string[];
  readonly tokenizers?: readonly PreTokenizer[];
  pattern?: RegExp;
  pre_tokenize_text(text: string): string[];
}

interface Normalizer {
  (text: string): string;
  readonly normalizers?: readonly (Normalizer | null)[];
  /** Of sentencepiece's, in base64. */
  readonly charsmap?: unknown;
  normalize(text: string): string;
}

/** The library's tokenizer; its declarations import each other without extensions, so to the compiler it has no type. */
interface LibraryTokenizer {
  encode(text: string): { readonly ids: number[] };
  decode(ids: readonly number[], options: { readonly clean_up_tokenization_spaces: boolean }): string;
  readonly normalizer: Normalizer | null;
  readonly pre_tokenizer: PreTokenizer | null;
}

/**
 * Opens a tokenizer.
 *
 * JavaScript's lower case of Σ depends on what follows, its white space has U+FEFF in it, and the library knows Chinese
 * characters of 16 bits only; Rust's, which the Python library goes by, differs in all three. They are put right here, so
 * that ids agree.
 *
 * @throws what the library says if it cannot
 */
export function tokenizerEngine(json: object): TokenizerEngine {
  const engine = new Tokenizer(json, {}) as LibraryTokenizer;
  const normalizer = 'normalizer' in json ? JSON.stringify(json.normalizer ?? null) : '';
  const lowers = normalizer.includes('"Lowercase"') || /"lowercase":true/.test(normalizer);
  const splitsChinese = /"handle_chinese_chars":true/.test(normalizer);
  const prepared = (text: string) => {
    const split = splitsChinese ? text.replaceAll(supplementaryChinese, ' $& ') : text;
    return lowers ? split.replaceAll('Σ', 'σ') : split;
  };
  if (engine.normalizer) goByMaps(engine.normalizer);
  if (engine.pre_tokenizer) mendWhiteSpace(engine.pre_tokenizer, 'pre_tokenizer' in json ? json.pre_tokenizer : null);
  return {
    encode: (text) => engine.encode(prepared(text)).ids,
    decode: (ids) => engine.decode(ids, { clean_up_tokenization_spaces: false }),
    words(text) {
      const normalized = engine.normalizer ? engine.normalizer(prepared(text)) : text;
      return engine.pre_tokenizer ? engine.pre_tokenizer(normalized) : [normalized];
    },
  };
}

/** The library takes every map of sentencepiece for about NFKC; what the file holds is gone by instead. */
function goByMaps(part: Normalizer): void {
  for (const inner of part.normalizers ?? []) if (inner) goByMaps(inner);
  if (typeof part.charsmap === 'string' && part.charsmap !== '') part.normalize = precompiledNormalizer(part.charsmap);
}

/** The Chinese characters beyond 16 bits that BERT puts spaces around. */
const supplementaryChinese = /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B820}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/**
 * Where a part says white space by JavaScript's measure, it says it by Unicode's.
 *
 * @param json  what the file says of the part: the library's do not say what they are
 */
function mendWhiteSpace(part: PreTokenizer, json: unknown): void {
  const { type, pretokenizers } = isObject(json) ? json : {};
  for (const [i, inner] of (part.tokenizers ?? []).entries())
    mendWhiteSpace(inner, Array.isArray(pretokenizers) ? pretokenizers[i] : null);
  if (type === 'WhitespaceSplit') part.pre_tokenize_text = (text) => text.match(/\P{White_Space}+/gu) ?? [];
  if (part.pattern instanceof RegExp) {
    const source = part.pattern.source
      .replaceAll(String.raw`(?!\S)`, String.raw`(?!\P{White_Space})`)
      .replaceAll(String.raw`\s`, String.raw`\p{White_Space}`);
    part.pattern = new RegExp(source, part.pattern.flags);
  }
}
