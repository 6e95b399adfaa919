import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameFinder } from './name-finder.ts';

const [composed, decomposed] = ['caf\u00e9.png', 'cafe\u0301.png'];

test('a composed name finds the decomposed one, and the other way round', () => {
  expect(nameFinder(['a.png', decomposed])(composed)).toEqual({ index: 1 });
  expect(nameFinder([composed])(decomposed)).toEqual({ index: 0 });
  expect(nameFinder([composed])('cafe.png')).toBeUndefined();
});

test('where both are there, each finds itself, and a third spelling finds no one in silence', () => {
  const find = nameFinder([composed, decomposed]);
  expect([find(composed), find(decomposed)]).toEqual([{ index: 0 }, { index: 1 }]);
  // An a with a dot below and a circumflex can be spelled in three ways.
  const [full, half, apart] = ['\u1ead', '\u1ea1\u0302', 'a\u0323\u0302'];
  expect(nameFinder([full, half])(apart)).toEqual({ equals: [full, half] });
});

test('every name finds itself', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme' })), (names) => {
      const find = nameFinder(names);
      for (const [index, name] of names.entries()) expect(find(name)).toEqual({ index });
    }),
  );
});
