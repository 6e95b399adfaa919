/** The classes of models of text to image, as their indices name them. In a file of its own, which is loaded when one asks. */
import { decoderClass, ifClasses, textToImageClass, unclipClasses } from '../../checkpoint/browser.ts';

/** What a model of a class makes of a text; undefined if none. */
export function textClass(className: string): 'unclip' | 'plain' | undefined {
  if (className === decoderClass || unclipClasses.some((name) => name === className)) return 'unclip';
  return className === textToImageClass || className === ifClasses.base ? 'plain' : undefined;
}
