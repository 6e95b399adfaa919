import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteAlphabet } from './clip-tokenizer-json.ts';
import { precompiledNormalizer } from './precompiled-normalizer.ts';
import { checkDistinct, readTokenizer } from './tokenizer.ts';
import { trainTokenizer } from './train-tokenizer.ts';

// test/golden/tokenizer.py
const golden = (name: string) =>
  readFileSync(new URL(`../../../test/golden/tokenizer/${name}`, import.meta.url), 'utf8');
const json = JSON.parse(golden('tokenizer.json')) as { model: { vocab: Record<string, number>; merges: string[] } };
const tokenizer = readTokenizer(json, 'tokenizer.json');
const texts = JSON.parse(golden('ids.json')) as [string, number[]][];

describe('reading a tokenizer.json', () => {
  test("gives the ids of Python's tokenizers for a thousand texts: emoji, scripts, accents, quotes, white space, very long ones", () => {
    expect(texts.length).toBeGreaterThanOrEqual(1000);
    const different = texts.filter(([text, ids]) => tokenizer.encode(text).join() !== ids.join());
    expect(different.map(([text]) => text)).toEqual([]);
  });

  // test/golden/text-encoder-folders.py
  test.each([
    ['WordPiece', 'word-piece', 'sentence-bert', { bosTokenId: 2, eosTokenId: 3, padTokenId: 0 }],
    ['Unigram', 'unigram', 't5/tokenizer', { bosTokenId: null, eosTokenId: 1 }],
  ])("gives Python's ids for %s too", (_, kind, folder, expected) => {
    const at = new URL('../../../test/golden/text-encoder-folders/', import.meta.url);
    const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, at), 'utf8'));
    const content = read(`${folder}/tokenizer.json`) as { normalizer: { type: string; precompiled_charsmap?: string } };
    if (content.normalizer.type === 'Precompiled')
      content.normalizer.precompiled_charsmap = gunzipSync(readFileSync(new URL('nmt-nfkc.bin.gz', at))).toString(
        'base64',
      );
    const found = readTokenizer(content, folder);
    expect(found).toMatchObject(expected);
    const rows = read(`ids-${kind}.json`) as [string, number[]][];
    expect(rows.length).toBeGreaterThan(350);
    const different = rows.filter(([text, ids]) => found.encode(text).join() !== ids.join());
    expect(different.map(([text]) => text)).toEqual([]);
  });

  test('knows its start and end token and its size', () => {
    expect(tokenizer).toMatchObject({ vocabSize: 700, bosTokenId: 698, eosTokenId: 699, padTokenId: 699 });
    expect(tokenizer.encode('')).toEqual([698, 699]);
  });

  test('gives the text back in lower case, with single spaces', () => {
    expect(tokenizer.decode(tokenizer.encode('A  small\tcat — “naïve” 猫 👩‍👩‍👧‍👦'))).toBe('a small cat — “ naïve ” 猫 👩‍👩‍👧‍👦');
    expect(tokenizer.decode([698, 699, 699])).toBe('');
  });

  test('loses no byte of any word', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const plain = (value: string) =>
          value
            .normalize('NFC')
            .replaceAll('Σ', 'σ')
            .toLowerCase()
            .replaceAll(/[\p{White_Space}]+/gu, '');
        expect(plain(tokenizer.decode(tokenizer.encode(text)))).toBe(plain(text));
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  test('takes merges as pairs, as newer files hold them', () => {
    const pairs = readTokenizer(
      { ...json, model: { ...json.model, merges: json.model.merges.map((merge) => merge.split(' ')) } },
      'pairs.json',
    );
    expect(pairs.encode('a small cat')).toEqual(tokenizer.encode('a small cat'));
  });

  test.each<[string, unknown, string]>([
    ['something else', { bos_token: '<s>' }, 't.json: has no model with a vocab, so this is no tokenizer.json'],
    ['no object', null, 't.json: has no model with a vocab'],
    [
      'another kind',
      { model: { type: 'WordLevel', vocab: {} } },
      't.json: the model is "WordLevel", expected one of BPE, WordPiece, Unigram',
    ],
    [
      'an id that is none',
      { ...json, model: { ...json.model, vocab: { a: -1 } } },
      "t.json: a token's id must be a whole number below 2^24, got -1",
    ],
    [
      'a special token without an id',
      { ...json, added_tokens: [{ content: '<s>' }] },
      "t.json: a token's id must be a whole number below 2^24, got none",
    ],
    [
      'nothing around a text',
      { ...json, post_processor: null },
      't.json: puts 0 tokens around a text, expected an end token, with or without a start token (its post_processor says which)',
    ],
    [
      'a part without a type',
      { ...json, normalizer: {} },
      't.json: cannot be used as a tokenizer (a part of it is missing, or of another kind than expected)',
    ],
    [
      'a part whose type is none',
      { ...json, decoder: { type: {} } },
      't.json: cannot be used as a tokenizer (a part of it is missing, or of another kind than expected)',
    ],
    [
      'a part that nobody knows',
      { ...json, normalizer: { type: 'Upside' } },
      't.json: cannot be used as a tokenizer (',
    ],
  ])('refuses %s', (_, content, message) => {
    expect(() => readTokenizer(content, 't.json')).toThrow(message);
  });
});

describe("sentencepiece's map of characters", () => {
  const packed = readFileSync(new URL('../../../test/golden/text-encoder-folders/nmt-nfkc.bin.gz', import.meta.url));
  const map = gunzipSync(packed);
  const normalized = precompiledNormalizer(map.toString('base64'));

  test.each([
    // Of more than five bytes, a grapheme is looked up character by character, as in Python.
    ['ﬁsh ① ｶﾞ', 'fish 1 \u30ab\u3099'],
    ['e\u0301 \u200d a\u00a0b\u3000c\tD', 'é \u200d a b c D'],
    ['plain text, unchanged', 'plain text, unchanged'],
    ['', ''],
  ])('%j is %j', (text, expected) => {
    expect(normalized(text)).toBe(expected);
  });

  test('reads any damaged map or refuses it in a line', () => {
    for (let at = 0; at < 150; at++) {
      const bytes = Buffer.from(map.subarray(0, at % 3 === 0 ? at * 1000 : map.length));
      if (at < bytes.length) bytes[at]! ^= 1 << (at % 8);
      let read: ((text: string) => string) | undefined;
      try {
        read = precompiledNormalizer(bytes.toString('base64'));
      } catch (error) {
        expect((error as Error).message).toBe('the precompiled charsmap is cut short or damaged');
      }
      if (read) expect(typeof read('ﬁsh ① ｶﾞ é')).toBe('string');
    }
  });

  test('a file whose map is none is refused', () => {
    const at = new URL('../../../test/golden/text-encoder-folders/t5/tokenizer/tokenizer.json', import.meta.url);
    const content = JSON.parse(readFileSync(at, 'utf8')) as { normalizer: object };
    const damaged = { ...content, normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } };
    expect(() => readTokenizer(damaged, 't5.json')).toThrow(
      't5.json: cannot be used as a tokenizer (the precompiled charsmap is cut short or damaged)',
    );
  });
});

describe('a batch of texts', () => {
  test('is padded after the end token, and the mask says where', () => {
    const { ids, mask, truncated } = tokenizer.encodeBatch(['', 'cat'], 4);
    const cat = tokenizer.encode('cat');
    expect([...ids.data].map(Number)).toEqual([
      698,
      699,
      699,
      699,
      ...cat,
      ...new Array<number>(4 - cat.length).fill(699),
    ]);
    expect([...mask.data]).toEqual([1, 1, 0, 0, ...cat.map(() => 1), ...new Array<number>(4 - cat.length).fill(0)]);
    expect({ ids: ids.shape, mask: mask.shape, truncated }).toEqual({ ids: [2, 4], mask: [2, 4], truncated: 0 });
  });

  test('keeps the end token of texts that are too long, and counts them', () => {
    const { ids, truncated } = tokenizer.encodeBatch(['word '.repeat(5000), 'a', 'on a table under the moon'], 5);
    expect(truncated).toBe(2);
    expect([4, 9, 14].map((i) => Number(ids.data[i]))).toEqual([699, 699, 699]);
    expect(Number(ids.data[0])).toBe(698);
    expect([...ids.data].slice(1, 4)).not.toContain(699n);
  });

  test('pads with what is asked for', () => {
    expect([...readTokenizer(json, 't', { padTokenId: 0 }).encodeBatch([''], 4).ids.data]).toEqual([
      698n,
      699n,
      0n,
      0n,
    ]);
    expect(readTokenizer({ ...json, padding: { pad_id: 7 } }, 't').padTokenId).toBe(7);
  });

  test('has room for start and end', () => {
    expect(() => tokenizer.encodeBatch(['a'], 1)).toThrow(
      'encodeBatch: expected a length of 2 or more, for a token and the end token, got 1',
    );
  });
});

describe('labels that are one to a tokenizer', () => {
  test('are named', () => {
    expect(() => checkDistinct(tokenizer, ['dog', 'Cat', 'a  cat', 'cat'])).toThrow(
      'the labels "Cat" and "cat" are the same to this tokenizer; give each another name',
    );
    expect(() => checkDistinct(tokenizer, ['dog', 'cat'])).not.toThrow();
  });

  test('where they are cut, too', () => {
    const long = ['on a table under the moon', 'on a table under the sun'];
    expect(() => checkDistinct(tokenizer, long, 'caption')).not.toThrow();
    expect(() => checkDistinct(tokenizer, long, 'caption', 5)).toThrow(
      'the captions "on a table under the moon" and "on a table under the sun" are the same',
    );
  });
});

describe('learning a vocabulary', () => {
  const captions = golden('captions.txt').trimEnd().split('\n');

  test('gives the file that the numbers above were made with', () => {
    expect(trainTokenizer(captions, { vocabSize: 700 }).json).toEqual(json);
  });

  test('merges the pair that occurs most often, then goes on with what it made', () => {
    // Words and how often: "low" 5, "lower" 2, "newest" 6, "widest" 3; Sennrich et al. 2016, §3.2 and figure 1.
    const example = [
      ...new Array<string>(5).fill('low'),
      ...new Array<string>(2).fill('lower'),
      ...new Array<string>(6).fill('newest'),
      ...new Array<string>(3).fill('widest'),
    ];
    const { json: learned, words } = trainTokenizer(example, { vocabSize: 514 + 4 });
    expect(words).toBe(4);
    // e s: 9; es t</w>: 9; l o: 7; then n e, e w and w est</w> occur 6 times each, and the pair of the oldest tokens comes first.
    expect((learned as typeof json).model.merges).toEqual(['e s', 'es t</w>', 'l o', 'e w']);
  });

  test('counts anew what overlaps', () => {
    // From the left a a a a a</w> becomes aa aa a</w>, whose two pairs occur as often; a</w> is older than aa.
    const { json: learned } = trainTokenizer(['aaaaa aaaaa'], { vocabSize: 514 + 2 });
    expect((learned as typeof json).model.merges).toEqual(['a a', 'aa a</w>']);
  });

  test('stops where no pair occurs often enough, and says so', () => {
    expect(trainTokenizer(['abc abc', 'xyz'], { vocabSize: 1000 }).vocabSize).toBe(514 + 2);
    expect(trainTokenizer(['abc abc', 'xyz'], { vocabSize: 1000, minFrequency: 1 }).vocabSize).toBe(514 + 4);
  });

  test("has CLIP's order: bytes that print, the others, the same as ends of words, merges, start and end", () => {
    const tokens = Object.entries(json.model.vocab)
      .sort(([, a], [, b]) => a - b)
      .map(([token]) => token);
    expect([
      tokens[0],
      tokens[93],
      tokens[94],
      tokens[187],
      tokens[188],
      tokens[255],
      tokens[256],
      tokens[511],
    ]).toEqual(['!', '~', '¡', 'ÿ', 'Ā', 'Ń', '!</w>', 'Ń</w>']);
    expect(tokens.slice(-2)).toEqual(['<|startoftext|>', '<|endoftext|>']);
    expect(new Set(byteAlphabet()).size).toBe(256);
  });

  test('works as asked on what was learned: a caption is fewer tokens', () => {
    expect(tokenizer.encode(captions[0]!).length).toBeLessThan(captions[0]!.length / 2);
  });

  test.each<[string, string[], number, string]>([
    [
      'a vocabulary smaller than its alphabet',
      ['a'],
      500,
      'trainTokenizer: expected a vocabulary of 514 (256 bytes, the same as ends of words, start and end) to 16777215 tokens, got 500',
    ],
    ['texts without a word', ['', '  '], 600, 'trainTokenizer: there is no word in the texts'],
  ])('refuses %s', (_, from, vocabSize, message) => {
    expect(() => trainTokenizer(from, { vocabSize })).toThrow(message);
  });
});
