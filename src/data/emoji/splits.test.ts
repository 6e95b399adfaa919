import { expect, test } from 'vitest';
import { splitEmoji, type SplitEntry } from './splits.ts';

const codes = Array.from({ length: 2000 }, (_, i) => (0x1f300 + i).toString(16).toUpperCase());
const entries: SplitEntry[] = ['noto', 'twemoji'].flatMap((style) =>
  codes.map((code) => ({ fileName: `${style}/${code}.png`, code, style })),
);
const codeOf = (file: string) => file.slice(file.indexOf('/') + 1, -4);

test('every image is in one list: new are the concept, the style, both or neither', () => {
  const splits = splitEmoji(entries, [], { holdOut: 0.1, seed: 0, testStyles: ['twemoji'] });
  expect(Object.values(splits).flat().sort()).toEqual(entries.map(({ fileName }) => fileName).sort());
  const seen = new Set(splits.train.map(codeOf));
  expect(splits.train.every((file) => file.startsWith('noto/'))).toBe(true);
  expect(splits['test-concepts'].every((file) => file.startsWith('noto/') && !seen.has(codeOf(file)))).toBe(true);
  expect(splits['test-styles'].every((file) => file.startsWith('twemoji/') && seen.has(codeOf(file)))).toBe(true);
  expect(splits['test-both'].map(codeOf)).toEqual(splits['test-concepts'].map(codeOf));
});

test('a tenth of the concepts is held out, others for another seed', () => {
  const held = (seed: number) =>
    splitEmoji(entries, [], { holdOut: 0.1, seed, testStyles: [] })['test-concepts'].filter((file) =>
      file.startsWith('noto/'),
    );
  // Binomial: 200 ± 13.4; four deviations.
  for (const seed of [0, 1]) expect(Math.abs(held(seed).length - 200)).toBeLessThan(54);
  expect(held(0).filter((file) => held(1).includes(file)).length).toBeLessThan(60);
});

test('the rule can be repeated anywhere: the first four bytes of SHA-256("seed:code")', () => {
  // printf 0:1F600 | sha256sum begins with 0c7b92fd, which is 0.0488 of 2³²; 0:1F603 with 69e67814, which is 0.4137.
  const isHeld = (code: string, holdOut: number) =>
    splitEmoji([{ fileName: code, code, style: 'noto' }], [], { holdOut, seed: 0, testStyles: [] })['test-concepts']
      .length === 1;
  expect([isHeld('1F600', 0.0487), isHeld('1F600', 0.0488)]).toEqual([false, true]);
  expect([isHeld('1F603', 0.4136), isHeld('1F603', 0.4137)]).toEqual([false, true]);
});

test('what is added later moves nothing', () => {
  const options = { holdOut: 0.1, seed: 3, testStyles: [] };
  const before = splitEmoji(entries.slice(0, 500), [], options);
  const after = new Set(splitEmoji(entries, [], options).train);
  expect(before.train.every((file) => after.has(file))).toBe(true);
});

test('concepts with one image are held out together, also through a third', () => {
  const [a, b, c] = codes as [string, string, string];
  for (let seed = 0; seed < 40; seed++) {
    const splits = splitEmoji(
      entries,
      [
        [b, c],
        [a, b],
      ],
      { holdOut: 0.5, seed, testStyles: [] },
    );
    const train = new Set(splits.train.map(codeOf));
    expect([train.has(b), train.has(c)]).toEqual([train.has(a), train.has(a)]);
  }
});
