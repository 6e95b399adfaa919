/** Learns the vocabulary of a tokenizer from texts, by byte-pair encoding. */
import { tokenizerEngine } from './tokenizer-engine.ts';
import {
  byteAlphabet,
  clipSpecialTokens,
  clipTokenizerJson,
  endOfWord,
  leastVocabSize,
} from './clip-tokenizer-json.ts';

/** Options of `trainTokenizer`. */
export interface TrainTokenizerOptions {
  /** Tokens in all, at least 514: 256 bytes, the same as ends of words, start and end token. */
  readonly vocabSize: number;
  /** A pair is merged only if it occurs as often; default 2. */
  readonly minFrequency?: number;
}

/** A tokenizer that was learned. */
export interface TrainedTokenizer {
  /** The content of its `tokenizer.json`. */
  readonly json: Record<string, unknown>;
  /** Smaller than asked for if no pair is left that occurs often enough. */
  readonly vocabSize: number;
  /** Different words in the texts. */
  readonly words: number;
}

interface Word {
  /** Ids of its symbols. */
  symbols: number[];
  /** How often it occurs. */
  readonly count: number;
}

/**
 * Learns a vocabulary as CLIP's was: from the bytes of words, each time the pair of neighbors that occurs most often
 * becomes one token; of pairs that occur as often, the one of older tokens.
 *
 * @throws if the vocabulary is smaller than its alphabet, or the texts hold no word
 * @see Sennrich, Haddow & Birch 2016, algorithm 1 — https://arxiv.org/abs/1508.07909
 * @example
 * import { readTokenizer, trainTokenizer } from 'kuosan/data';
 *
 * const { json } = trainTokenizer(['a red heart', 'a red apple'], { vocabSize: 520 });
 * const { ids } = readTokenizer(json, 'tokenizer.json').encodeBatch(['a red heart'], 8);
 * console.log(ids.shape); // [ 1, 8 ]
 */
export function trainTokenizer(
  texts: Iterable<string>,
  { vocabSize, minFrequency = 2 }: TrainTokenizerOptions,
): TrainedTokenizer {
  if (!(Number.isInteger(vocabSize) && vocabSize >= leastVocabSize && vocabSize < 2 ** 24)) {
    throw new Error(
      `trainTokenizer: expected a vocabulary of ${leastVocabSize} (256 bytes, the same as ends of words, start and end) to ${2 ** 24 - 1} tokens, got ${vocabSize}`,
    );
  }
  const tokens = [...printingFirst(byteAlphabet())];
  tokens.push(...tokens.map((symbol) => symbol + endOfWord));
  const words = countWords(texts, new Map(tokens.map((token, id) => [token, id])));
  if (words.length === 0) throw new Error('trainTokenizer: there is no word in the texts');

  const merges: [string, string][] = [];
  for (const [left, right] of mergePairs(words, tokens.length, minFrequency)) {
    if (tokens.length + Object.keys(clipSpecialTokens).length === vocabSize) break;
    merges.push([tokens[left]!, tokens[right]!]);
    tokens.push(tokens[left]! + tokens[right]!);
  }
  tokens.push(clipSpecialTokens.start, clipSpecialTokens.end);
  return {
    json: clipTokenizerJson(new Map(tokens.map((token, id) => [token, id])), merges),
    vocabSize: tokens.length,
    words: words.length,
  };
}

/** CLIP's order of the alphabet: bytes that print, then the others. */
function printingFirst(alphabet: readonly string[]): string[] {
  return alphabet.toSorted((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
}

/** The words of all texts, cut by the very rules that the tokenizer will follow. */
function countWords(texts: Iterable<string>, ids: ReadonlyMap<string, number>): Word[] {
  const { start, end } = clipSpecialTokens;
  const engine = tokenizerEngine(
    clipTokenizerJson(
      new Map([
        [start, 0],
        [end, 1],
      ]),
      [],
    ),
  );
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of engine.words(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts]
    .filter(([word]) => word !== '')
    .map(([word, count]) => ({
      symbols: [...word].map((symbol, i, { length }) => ids.get(i === length - 1 ? symbol + endOfWord : symbol)!),
      count,
    }));
}

/** A pair of ids as one number: ids stay below 2^24. */
const pairKey = (left: number, right: number): number => left * 2 ** 24 + right;

/**
 * The pairs in the order in which they are merged; the caller stops when it has enough.
 *
 * @param firstId  the id of the first pair that is merged; they count up
 */
function* mergePairs(
  words: readonly Word[],
  firstId: number,
  minFrequency: number,
): Generator<readonly [number, number]> {
  const counts = new Map<number, number>();
  const places = new Map<number, Set<Word>>();
  const tally = (word: Word, sign: 1 | -1, touched?: Set<number>): void => {
    for (let i = 1; i < word.symbols.length; i++) {
      const key = pairKey(word.symbols[i - 1]!, word.symbols[i]!);
      counts.set(key, (counts.get(key) ?? 0) + sign * word.count);
      touched?.add(key);
      if (sign < 0) continue;
      const found = places.get(key);
      if (found) found.add(word);
      else places.set(key, new Set([word]));
    }
  };
  for (const word of words) tally(word, 1);
  const queue = new PairQueue();
  for (const [key, count] of counts) queue.push(count, key);

  for (let id = firstId; ; id++) {
    let top = queue.pop();
    // An entry is out of date once its pair was counted anew; then a newer one is in the queue.
    while (top && counts.get(top.key) !== top.count) top = queue.pop();
    if (!top || top.count < minFrequency) return;
    const [left, right] = [Math.floor(top.key / 2 ** 24), top.key % 2 ** 24];
    yield [left, right];
    const touched = new Set<number>();
    for (const word of places.get(top.key)!) {
      tally(word, -1, touched);
      word.symbols = merged(word.symbols, left, right, id);
      tally(word, 1, touched);
    }
    for (const key of touched) {
      const count = counts.get(key)!;
      if (count > 0) queue.push(count, key);
      else {
        counts.delete(key);
        places.delete(key);
      }
    }
  }
}

/** The symbols with each pair, from left to right, replaced by one. */
function merged(symbols: readonly number[], left: number, right: number, id: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      result.push(id);
      i++;
    } else result.push(symbols[i]!);
  }
  return result;
}

interface Entry {
  readonly count: number;
  readonly key: number;
}

/** A binary heap: the largest count first, of equals the smallest key. */
class PairQueue {
  readonly #heap: Entry[] = [];

  push(count: number, key: number): void {
    const heap = this.#heap;
    const entry = { count, key };
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.count > b.count || (a.count === b.count && a.key < b.key);
}
