import { expect, test } from 'vitest';
import golden from '../../../test/golden/clean-caption.json' with { type: 'json' };
import { cleanCaption } from './clean-caption.ts';

test.each(golden)('cleans %j to %j as diffusers does', (text, expected) => {
  expect(cleanCaption(text!)).toBe(expected);
});
