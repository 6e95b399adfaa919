import { describe, expect, test } from 'vitest';
import { isBrand } from './brands.ts';
import { readIconName } from './icon-names.ts';
import { splitIcons } from './icon-splits.ts';

describe('readIconName', () => {
  test.each([
    ['tabler', 'folder-heart', 'folder heart', 'outline'],
    ['tabler', 'heart-filled', 'heart', 'filled'],
    ['fluent', 'settings-heart-24-filled', 'settings heart', 'filled'],
    ['fluent', 'weather-sunny-24-light', 'weather sunny', 'light'],
    ['ph', 'traffic-light-bold', 'traffic light', 'bold'],
    ['mdi', 'traffic-light-outline', 'traffic light', 'outline'],
    ['mdi', 'traffic-light', 'traffic light', 'filled'],
    ['ic', 'baseline-cloud-download', 'cloud download', 'filled'],
    ['ic', 'twotone-home', 'home', 'duotone'],
    ['material-symbols', 'home-outline-rounded', 'home', 'outline rounded'],
    ['material-symbols', 'home-sharp', 'home', 'filled sharp'],
    ['ri', 'home-2-line', 'home', 'outline'],
    ['hugeicons', 'home-01', 'home', 'outline'],
    ['la', 'home-solid', 'home', 'filled'],
    ['carbon', 'chart-line', 'chart line', 'outline'],
    ['octicon', 'bell-slash-24', 'bell slash', 'outline'],
    ['bxs', 'home', 'home', 'filled'],
    ['icon-park-solid', 'round', 'round', 'filled'],
  ])('%s: %s is "%s", %s', (set, name, caption, style) => {
    expect(readIconName(set, name)).toEqual({ caption, style });
  });

  test.each([
    ['mdi', 'numeric-1-box'],
    ['tabler', 'number-5'],
    ['tabler', '360'],
    ['mdi', 'rotate-3d'],
    ['tabler', '12-hours'],
  ])('%s: %s is about a number, or nothing that a caption says', (set, name) => {
    expect(readIconName(set, name)).toBeNull();
  });
});

test('trademarks are known by their set, their words and alone', () => {
  expect(isBrand('firefox', false)).toBe(true);
  expect(isBrand('brand amazon', false)).toBe(true);
  expect(isBrand('some shape', true)).toBe(true);
  expect(isBrand('apple', false)).toBe(true);
  expect(isBrand('google drive', false)).toBe(true);
  expect(isBrand('food apple', false)).toBe(false);
  expect(isBrand('target', false)).toBe(false);
  expect(isBrand('cloud download', false)).toBe(false);
});

describe('splitIcons', () => {
  // Twenty-two things with and without a heart: both words of "thing0 heart" would have to stand in 20 other captions.
  const things = Array.from({ length: 30 }, (_, i) => `thing${i}`);
  const actions = Array.from({ length: 30 }, (_, i) => `action${i}`);
  const captions = [
    ...things.flatMap((thing) => actions.map((action) => `${thing} ${action}`)),
    'rare heart',
    'thing0',
  ];
  const entries = captions.flatMap((caption) =>
    ['a', 'b', 'c'].map((set) => ({ fileName: `${set}/${caption}.png`, set, caption })),
  );
  const splits = splitIcons(entries, { holdOut: 0.05, seed: 0 });
  const captionOf = (file: string) => file.slice(2, -4);

  test('divides all icons, each into one list', () => {
    const { 'train-shared': _, ...lists } = splits;
    const all = Object.values(lists).flat();
    expect(all.length).toBe(entries.length);
    expect(new Set(all).size).toBe(entries.length);
  });

  test('holds compositions out in every set, and only those whose words are known', () => {
    const held = new Set(splits['test-compositions'].map(captionOf));
    expect(splits['test-compositions'].length).toBe(3 * held.size);
    expect(held.size / 900).toBeCloseTo(0.05, 1);
    expect(held.has('rare heart')).toBe(false);
    expect(held.has('thing0')).toBe(false);
    for (const list of ['train', 'test-pairs'] as const) {
      expect(splits[list].some((file) => held.has(captionOf(file)))).toBe(false);
    }
  });

  test('leaves the caption of a held-out pair in training, in another set', () => {
    const trained = new Set(splits.train.map(captionOf));
    expect(splits['test-pairs'].length).toBeGreaterThan(50);
    for (const file of splits['test-pairs']) expect(trained.has(captionOf(file))).toBe(true);
  });

  test('lists what two sets have in training, and no numbers', () => {
    const named = [
      ['a', 'home'],
      ['b', 'home'],
      ['a', 'home'],
      ['a', 'lamp'],
      ['a', 'lamp'],
      ['a', 'hour 24'],
      ['b', 'hour 24'],
    ].map(([set, caption], i) => ({ fileName: `${i}`, set: set!, caption: caption! }));
    expect(splitIcons(named, { holdOut: 0, seed: 0 })['train-shared']).toEqual(['0', '1', '2']);
    const trained = new Set(splits.train);
    const setsOf = (caption: string) => splits.train.filter((file) => captionOf(file) === caption).length;
    expect(splits['train-shared'].every((file) => trained.has(file))).toBe(true);
    // A caption that is held out in all sets but one is that one's alone: it is not shared in training.
    const alone = splits.train.filter((file) => setsOf(captionOf(file)) === 1);
    expect(alone.length).toBeGreaterThan(0);
    expect(alone.some((file) => splits['train-shared'].includes(file))).toBe(false);
  });

  test('moves no icon when others are added', () => {
    const more = [...entries, { fileName: 'a/new.png', set: 'a', caption: 'new' }];
    const again = splitIcons(more, { holdOut: 0.05, seed: 0 });
    expect(again['test-compositions']).toEqual(splits['test-compositions']);
    expect(again['test-pairs']).toEqual(splits['test-pairs']);
  });
});
