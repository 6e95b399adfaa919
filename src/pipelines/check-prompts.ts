/** What can be wrong between prompts, their encoder and the network that takes them. */
import { quoteJson } from '../formats/quote.ts';
import type { FrozenTextEncoder } from './text-encoder.ts';

/** What a network takes of texts; what it does not take is left out. */
export interface TextWidths {
  /** Of hidden states, D. */
  readonly width?: number | undefined;
  /** Of a text's one vector, P. */
  readonly pooledWidth?: number | undefined;
}

/**
 * Checks that a network takes what an encoder gives.
 *
 * @param where  how the message calls the network
 * @throws one line with both widths
 */
export function checkTextWidths(
  encoder: Pick<FrozenTextEncoder, 'className' | 'width' | 'pooledWidth'>,
  takes: TextWidths,
  where: string,
): void {
  for (const [what, taken, given] of [
    ['hidden states', takes.width, encoder.width],
    ['pooled vectors', takes.pooledWidth, encoder.pooledWidth],
  ] as const)
    if (taken !== undefined && taken !== given)
      throw new Error(
        `${where}: takes ${what} of ${taken} values, the text encoder (${encoder.className}) gives ${given}; take the encoder that it was trained with`,
      );
}

/**
 * One sentence about texts that are truncated, for the user, or undefined if none is: said once, however many there are.
 *
 * @param what  what a text is called
 */
export function truncationNote(
  encoder: Pick<FrozenTextEncoder, 'countTokens' | 'maxLength'>,
  texts: readonly string[],
  what = 'prompt',
): string | undefined {
  const { maxLength } = encoder;
  const long = [...new Set(texts)].filter((text) => encoder.countTokens(text) > maxLength);
  const [first] = long;
  if (first === undefined) return undefined;
  const others = long.length === 1 ? '' : `, and ${long.length - 1} more`;
  return `the ${what} ${quoteJson(first)} has ${encoder.countTokens(first)} tokens, the text encoder takes ${maxLength}: its end is left out${others}`;
}
