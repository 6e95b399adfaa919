/** Texts as numbers, by a `tokenizer.json` as Hugging Face's tokenizers write it. Runs in a browser too. */
import type { HostArray } from '../../core/index.ts';
import { clipped, quoteJson } from '../../formats/quote.ts';
import { tokenizerEngine, type TokenizerEngine } from './tokenizer-engine.ts';

/** Texts as a model takes them. */
export interface EncodedTexts {
  /** [B, L] of i64: start token, text, end token, padding. */
  readonly ids: HostArray;
  /** [B, L] of bool: false where it is padding. */
  readonly mask: HostArray;
  /** How many texts were too long and lost tokens before their end token. */
  readonly truncated: number;
}

/** Turns texts into tokens and back. */
export interface Tokenizer {
  /** How messages call it, such as the path of its file. */
  readonly where: string;
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** The token before each text; null where there is none, as T5 has it. */
  readonly bosTokenId: number | null;
  readonly eosTokenId: number;
  readonly padTokenId: number;
  /** The whole text, with its end token, and its start token if there is one. */
  encode(text: string): number[];
  /**
   * Texts in rows of one length: shorter ones are padded, longer ones lose tokens, but never their end token.
   *
   * @param length  L, at least 2
   */
  encodeBatch(texts: readonly string[], length: number): EncodedTexts;
  /** The text of tokens, as it was after normalization (CLIP's is in lower case), without start, end and padding. */
  decode(ids: readonly number[]): string;
}

/** Options of `readTokenizer`. */
export interface TokenizerOptions {
  /** Fills rows; default what the file says, else the end token. */
  readonly padTokenId?: number;
}

/** The models that are read. */
const kinds: ReadonlySet<unknown> = new Set(['BPE', 'WordPiece', 'Unigram']);

/** What is looked at of a `tokenizer.json`; the engine checks the rest. */
interface TokenizerJson {
  readonly model?: {
    readonly type?: unknown;
    /** Ids by token; Unigram has a list of tokens and their scores, by id. */
    readonly vocab?: Readonly<Record<string, unknown>> | readonly unknown[];
    readonly merges?: unknown;
  };
  readonly added_tokens?: readonly { readonly id?: unknown }[];
  readonly padding?: { readonly pad_id?: unknown } | null;
}

/**
 * Opens a tokenizer: byte-pair encoding (CLIP's), WordPiece (BERT's) or Unigram (T5's).
 *
 * @param json   the content of a `tokenizer.json`
 * @param where  how messages call it
 * @throws one line if it is none, is of another kind, or puts no end token after a text
 */
export function readTokenizer(json: unknown, where: string, { padTokenId }: TokenizerOptions = {}): Tokenizer {
  const content: TokenizerJson = typeof json === 'object' && json !== null ? json : {};
  const { model, added_tokens: added, padding } = content;
  if (typeof model !== 'object' || model === null || typeof model.vocab !== 'object' || model.vocab === null)
    throw new Error(`${where}: has no model with a vocab, so this is no tokenizer.json`);
  if (!kinds.has(model.type) && !(model.type === undefined && model.merges !== undefined))
    throw new Error(`${where}: the model is ${quoteJson(model.type)}, expected one of ${[...kinds].join(', ')}`);
  const addedIds: readonly unknown[] = Array.isArray(added)
    ? added.map((token: { readonly id?: unknown } | null) => token?.id)
    : [];
  // Not Math.max over all: a vocabulary has more entries than a call takes arguments.
  let vocabSize = 0;
  for (const id of [...(Array.isArray(model.vocab) ? model.vocab.keys() : Object.values(model.vocab)), ...addedIds]) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= 2 ** 24)
      throw new Error(`${where}: a token's id must be a whole number below 2^24, got ${quoteJson(id, 'none')}`);
    vocabSize = Math.max(vocabSize, id + 1);
  }

  let engine: TokenizerEngine;
  let empty: number[];
  let one: number[];
  try {
    engine = tokenizerEngine(content);
    empty = engine.encode('');
    one = engine.encode('a');
  } catch (error) {
    // The engine looks for nothing before it takes it.
    const why =
      error instanceof TypeError || /undefined|\[object/.test((error as Error).message)
        ? 'a part of it is missing, or of another kind than expected'
        : clipped((error as Error).message);
    throw new Error(`${where}: cannot be used as a tokenizer (${why})`, { cause: error });
  }
  const eosTokenId = empty.at(-1);
  const bosTokenId = empty.length === 2 ? empty[0]! : null;
  const around = (ids: readonly number[]) =>
    (bosTokenId === null || ids[0] === bosTokenId) && ids.at(-1) === eosTokenId;
  if (
    eosTokenId === undefined ||
    empty.length > 2 ||
    !around(one) ||
    !empty.every((id) => Number.isInteger(id) && id < vocabSize)
  )
    throw new Error(
      `${where}: puts ${empty.length} tokens around a text, expected an end token, with or without a start token (its post_processor says which)`,
    );
  const pad = padTokenId ?? (typeof padding?.pad_id === 'number' ? padding.pad_id : eosTokenId);
  return {
    where,
    vocabSize,
    bosTokenId,
    eosTokenId,
    padTokenId: pad,
    encode: (text) => engine.encode(text),
    encodeBatch(texts, length) {
      if (!(Number.isInteger(length) && length >= 2))
        throw new Error(`encodeBatch: expected a length of 2 or more, for a token and the end token, got ${length}`);
      const rows = new BigInt64Array(texts.length * length).fill(BigInt(pad));
      const mask = new Uint8Array(rows.length);
      let truncated = 0;
      for (const [row, text] of texts.entries()) {
        const tokens = engine.encode(text);
        if (tokens.length > length) {
          truncated++;
          tokens.splice(length - 1, tokens.length, eosTokenId);
        }
        tokens.forEach((id, i) => {
          rows[row * length + i] = BigInt(id);
        });
        mask.fill(1, row * length, row * length + tokens.length);
      }
      const shape = [texts.length, length];
      return { ids: { dtype: 'i64', shape, data: rows }, mask: { dtype: 'bool', shape, data: mask }, truncated };
    },
    decode(tokens) {
      const words = tokens.filter((id) => id !== bosTokenId && id !== eosTokenId && id !== pad);
      return words.length === 0 ? '' : engine.decode(words).trim();
    },
  };
}

/**
 * Checks that no two texts become the same tokens, as "Cat" and "cat" do: a model could not distinguish them.
 *
 * @param what    what messages call a text
 * @param length  L, where longer texts are cut
 * @throws one line that names the first two
 */
export function checkDistinct(tokenizer: Tokenizer, texts: readonly string[], what = 'label', length = Infinity): void {
  const seen = new Map<string, string>();
  for (const text of texts) {
    const key = tokenizer
      .encode(text)
      .slice(0, -1)
      .slice(0, length - 1)
      .join(' ');
    const earlier = seen.get(key);
    if (earlier !== undefined)
      throw new Error(
        `the ${what}s ${quoteJson(earlier)} and ${quoteJson(text)} are the same to this tokenizer; give each another name`,
      );
    seen.set(key, text);
  }
}
