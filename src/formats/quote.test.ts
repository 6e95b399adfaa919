import { describe, expect, test } from 'vitest';
import { clipped, quoteJson, quoteWord } from './quote.ts';

describe('what a message quotes of a file', () => {
  test.each([
    ['x', '"x"'],
    [[1, 2], '[1,2]'],
    [null, 'null'],
    [undefined, 'nothing'],
    ['a\nb', String.raw`"a\nb"`],
  ])('%j is %s', (value, text) => {
    expect(quoteJson(value)).toBe(text);
  });

  test('says in the words of the place that a value is missing', () => {
    expect(quoteJson(undefined, 'not set')).toBe('not set');
  });

  test('is cut where it would fill the screen, and shows that it is', () => {
    expect(quoteJson(new Array(1000).fill(7))).toBe(`[${'7,'.repeat(99)}7…`);
    expect(clipped('abcd', 4)).toBe('abcd');
    expect(clipped('abcde', 4)).toBe('abcd…');
  });

  test('does nothing to the terminal that shows it', () => {
    expect(clipped('a\u001b[2Jb\nc\u009b\u202e\u2028d é 扩')).toBe(
      String.raw`a\u001b[2Jb\u000ac\u009b\u202e\u2028d é 扩`,
    );
    expect(quoteJson('\u007f\u0085')).toBe(String.raw`"\u007f\u0085"`);
  });
});

test.each([
  ['runs/a-1', 'runs/a-1'],
  ['my images', "'my images'"],
  ["it's", "'it'\\''s'"],
  ['$HOME', "'$HOME'"],
  ['', "''"],
])('a shell reads %j from %s', (word, quoted) => {
  expect(quoteWord(word)).toBe(quoted);
});
