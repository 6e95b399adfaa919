import { expect, test } from 'vitest';
import { checkTextWidths, truncationNote } from './check-prompts.ts';

const encoder = {
  className: 'BertModel',
  width: 384,
  pooledWidth: 512,
  maxLength: 4,
  countTokens: (text: string) => text.split(' ').length,
};

test('widths that fit pass, others are named', () => {
  expect(() => {
    checkTextWidths(encoder, { width: 384, pooledWidth: 512 }, 'unet');
    checkTextWidths(encoder, {}, 'unet');
  }).not.toThrow();
  expect(() => {
    checkTextWidths(encoder, { width: 768 }, 'checkpoint icons/unet');
  }).toThrow(
    'checkpoint icons/unet: takes hidden states of 768 values, the text encoder (BertModel) gives 384; take the encoder that it was trained with',
  );
  expect(() => {
    checkTextWidths(encoder, { pooledWidth: 384 }, 'unet');
  }).toThrow('takes pooled vectors of 384 values, the text encoder (BertModel) gives 512');
});

test('truncated prompts are said once', () => {
  expect(truncationNote(encoder, ['a b c d', ''])).toBeUndefined();
  expect(truncationNote(encoder, ['a', 'a b c d e', 'a b c d e'])).toBe(
    'the prompt "a b c d e" has 5 tokens, the text encoder takes 4: its end is left out',
  );
  expect(truncationNote(encoder, ['a b c d e', 'a b c d e f'])).toMatch(/its end is left out, and 1 more$/);
});
