/** What an icon's name says: a caption, and the style that it is drawn in. */

/** A name read. */
export interface IconName {
  /** Words without style, size and numbering: `folder heart`. */
  readonly caption: string;
  /** `outline`, `filled`, `duotone`, `thin`, `light` or `bold`, and `sharp` or `rounded` after it where the set has both. */
  readonly style: string;
}

/** Words of a name that say how it is drawn, and what of it. */
const strokeWords: Readonly<Record<string, string>> = {
  outline: 'outline',
  outlined: 'outline',
  line: 'outline',
  linear: 'outline',
  regular: 'outline',
  fill: 'filled',
  filled: 'filled',
  solid: 'filled',
  baseline: 'filled',
  duotone: 'duotone',
  twotone: 'duotone',
  thin: 'thin',
  light: 'light',
  bold: 'bold',
};
const cornerWords: Readonly<Record<string, string>> = { sharp: 'sharp', round: 'rounded', rounded: 'rounded' };

/** Sets whose plain names are filled; those of all others are lines. */
const filledSets: ReadonlySet<string> = new Set([
  'bxs',
  'healthicons',
  'ic',
  'icon-park-solid',
  'ion',
  'maki',
  'material-symbols',
  'mdi',
  'weui',
  'zondicons',
]);

/**
 * Where words that say a style stand, and which: elsewhere `line`, `round` and `light` are things (a bus line, a traffic
 * light). Sets that are not listed say it at the end.
 */
const styleAtStart: ReadonlySet<string> = new Set(['ic']);

/** Words that say a style in some sets and a thing in all others. */
const onlyIn: Readonly<Record<string, ReadonlySet<string>>> = {
  line: new Set(['clarity', 'majesticons', 'mingcute', 'ri', 'si']),
  linear: new Set(['solar']),
  light: new Set(['fluent', 'ph']),
  thin: new Set(['ph']),
  bold: new Set(['ph']),
  round: new Set(['ic']),
  rounded: new Set(['material-symbols', 'la']),
  sharp: new Set(['ic', 'ion', 'material-symbols']),
  baseline: new Set(['ic']),
};

/** Words before a number that belongs to the meaning: an icon of the number five is not numbering. */
const numberWords: ReadonlySet<string> = new Set(['counter', 'digit', 'number', 'numbers', 'numeric']);

/**
 * Reads a name.
 *
 * @param set   the set that it is of
 * @param name  words with hyphens between them: `settings-heart-24-filled`
 * @returns     null if nothing is left of it, or it is about a number, which no caption can say
 */
export function readIconName(set: string, name: string): IconName | null {
  let words = name.split('-').filter((word) => word !== '');
  if (words.some((word) => numberWords.has(word))) return null;
  const found: { stroke?: string; corner?: string } = {};
  const take = (word: string | undefined): boolean => {
    if (word === undefined || (onlyIn[word] && !onlyIn[word].has(set))) return false;
    if (strokeWords[word] && found.stroke === undefined) found.stroke = strokeWords[word];
    else if (cornerWords[word] && found.corner === undefined) found.corner = cornerWords[word];
    else return isSize(word);
    return true;
  };
  if (styleAtStart.has(set)) while (words.length > 1 && take(words[0])) words = words.slice(1);
  while (words.length > 1 && take(words.at(-1))) words = words.slice(0, -1);
  // Numbering: home-01, home-2. A number in the middle or alone is part of what is shown, and no caption of ours.
  while (words.length > 1 && /^\d+$/.test(words.at(-1)!)) words = words.slice(0, -1);
  if (words.length === 0 || words.some((word) => /^\d/.test(word))) return null;
  const stroke = found.stroke ?? (filledSets.has(set) ? 'filled' : 'outline');
  return { caption: words.join(' '), style: found.corner ? `${stroke} ${found.corner}` : stroke };
}

function isSize(word: string): boolean {
  return /^(10|12|16|20|24|28|32|36|48|96)(px)?$/.test(word);
}
