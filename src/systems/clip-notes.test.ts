import { describe, expect, test } from 'vitest';
import { fingerprintOf, imagesInMemory, readTokenizer, trainTokenizer, type Dataset } from '../data/index.ts';
import { captionNotes, perfectInBatch, sameTokens, type CaptionSettings } from './clip-notes.ts';

const words = ['a', 'cat', 'dog', 'red', 'blue', 'drawing', 'of', 'round', 'small'];
// Every word is one token.
const tokenizer = readTokenizer(trainTokenizer([...words, ...words], { vocabSize: 600 }).json, 'words');

function images(captions: readonly string[], tags?: readonly (readonly string[])[]): Dataset {
  const content = {
    images: imagesInMemory(new Uint8Array(captions.length), 1),
    count: captions.length,
    height: 1,
    width: 1,
    channels: 1 as const,
    ids: captions.map((_, i) => `${i}.png`),
    captions,
    ...(tags && { tags }),
    skipped: [],
    notes: [],
  };
  return { ...content, name: 'images', fingerprint: fingerprintOf(content), fromCache: false };
}

const said: CaptionSettings = { tokenizer, length: 6, templates: ['{}'], tagShare: 0, classes: false, batch: 2 };
const notes = (
  captions: readonly string[],
  more: Partial<CaptionSettings> = {},
  tags?: readonly (readonly string[])[],
  held?: readonly string[],
) => captionNotes(images(captions, tags), held && images(held), { ...said, ...more });

describe('captions that are cut', () => {
  const hint = 'model.textConfig.maxPositionEmbeddings says how many are read';

  test('are none where all fit with their start and their end', () => {
    expect(notes(['a red cat', 'a small red cat'])).toEqual([]);
  });

  test('are counted once each, in the longest template', () => {
    const captions = ['a small red cat', 'a small red cat', 'cat', 'dog'];
    expect(notes(captions, { length: 5 })).toEqual([`1 caption is longer than 5 tokens and loses its end; ${hint}`]);
    expect(notes([...captions, 'red cat'], { templates: ['{}', 'a drawing of {}'] })).toEqual([
      `2 captions are longer than 6 tokens, said as "a drawing of {}", and lose their end; ${hint}`,
    ]);
  });

  test('by their tags are counted where tags are said, three at most', () => {
    const tags = [['red'], ['red', 'small round', 'blue', 'a'], []];
    expect(notes(['a cat', 'dog', 'cat'], {}, tags)).toEqual([]);
    // "a cat, red" is five tokens and two; "dog, small round, red, blue" eight and two.
    expect(notes(['a cat', 'dog', 'cat'], { tagShare: 0.1 }, tags)).toEqual([
      `with tags the captions of 1 image can be longer than 6 tokens and lose some of the tags; ${hint}`,
    ]);
    expect(notes(['a cat', 'dog', 'cat'], { tagShare: 0.1, length: 10 }, tags)).toEqual([]);
    expect(notes(['a cat', 'dog', 'a small red round cat'], { tagShare: 0.1 }, tags)).toContain(
      `with tags the captions of 1 image more can be longer than 6 tokens and lose some of the tags; ${hint}`,
    );
  });

  test('of held-out images are counted as they are', () => {
    expect(notes(['cat', 'dog'], {}, undefined, ['a small red round cat', 'dog'])).toEqual([
      '1 caption of the held-out images is longer than 6 tokens and loses its end',
    ]);
  });
});

describe('captions of the same tokens', () => {
  test('are counted, with two of them, and a hint', () => {
    expect(notes(['cat', 'dog', 'Cat', 'CAT', 'Dog', 'a cat'])).toEqual([
      '5 captions have the same tokens as another, such as "cat" and "Cat", and are each other\'s negatives; write them in one way',
    ]);
    expect(notes(['a small red cat', 'a small red dog'], { length: 5 })).toContain(
      '2 captions have the same tokens as another, such as "a small red cat" and "a small red dog", and are each other\'s negatives; raise model.textConfig.maxPositionEmbeddings, or shorten them',
    );
  });

  test('are grouped in the order of the first', () => {
    expect(sameTokens(tokenizer, ['dog', 'cat', 'Dog'], 8)).toEqual([['dog', 'Dog'], ['cat']]);
  });
});

describe('captions that come more than once in an update', () => {
  test('leave a loss and an accuracy to a perfect model', () => {
    expect(notes(['cat', 'dog', 'cat', 'a cat'], { batch: 4 })).toEqual([
      "an update sees 4 images and there are only 3 different captions: duplicates are each other's negatives, and a perfect model has about 75.0 % right in the batch and a loss of 0.35; smaller updates (--batch-size, --train.gradientAccumulation) are without",
    ]);
    expect(notes(['cat', 'dog'], { batch: 4, classes: true })).toEqual([
      "an update sees 4 images and there are only 2 different captions: duplicates are each other's negatives, and a perfect model has about 50.0 % right in the batch and a loss of 0.69",
    ]);
  });

  test('as the mean over the batch of 1/m and ln m', () => {
    for (const [batch, captions] of [
      [128, 10],
      [7, 7],
      [9, 4],
    ] as const) {
      const times = Array.from(
        { length: batch },
        (_, row) => Math.floor((batch - 1 - (row % captions)) / captions) + 1,
      );
      const mean = (of: (m: number) => number) => times.reduce((sum, m) => sum + of(m), 0) / batch;
      const { accuracy, loss } = perfectInBatch(batch, captions);
      expect(accuracy).toBeCloseTo(
        mean((m) => 1 / m),
        12,
      );
      expect(loss).toBeCloseTo(mean(Math.log), 12);
    }
  });
});
