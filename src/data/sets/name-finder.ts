import { quoteJson } from '../../formats/quote.ts';

/** What a name that was typed means among names that are there. */
export type FoundName =
  | { readonly index: number }
  /** Names that look the same and differ in their code points; none of them is what was typed. */
  | { readonly equals: readonly string[] }
  | undefined;

/**
 * Looks up names that people type among names that systems store. The exact name counts first. Then names count that are the same text:
 * `é` is one code point (U+00E9) where people type it, and two (e, U+0301) where macOS, HFS+ and some archives store it.
 *
 * @see Unicode Standard Annex 15, normalization form C: https://www.unicode.org/reports/tr15/
 */
export function nameFinder(names: readonly string[]): (wanted: string) => FoundName {
  const exact = new Map(names.map((name, index) => [name, index]));
  let composed: Map<string, number[]> | undefined;
  return (wanted) => {
    const index = exact.get(wanted);
    if (index !== undefined) return { index };
    composed ??= byComposedName(names);
    const key = wanted.normalize('NFC');
    const plain = isPlain(key) ? exact.get(key) : undefined;
    const others = composed.get(key) ?? [];
    const places = plain === undefined ? others : [plain, ...others].sort((a, b) => a - b);
    if (places.length > 1) return { equals: places.map((place) => names[place]!) };
    return places.length === 1 ? { index: places[0]! } : undefined;
  };
}

/** Whether composing a name leaves it as it is, without a look at Unicode's tables: nearly all names of large folders are of that kind. */
function isPlain(name: string): boolean {
  return /^[\x20-\x7e]*$/.test(name);
}

/** All names that composing may change. */
function byComposedName(names: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [index, name] of names.entries()) {
    if (isPlain(name)) continue;
    const key = name.normalize('NFC');
    const there = places.get(key);
    if (there) there.push(index);
    else places.set(key, [index]);
  }
  return places;
}

/** Why a name is not found that several names equal: `it is the name of 2 files, which differ only in how é is encoded`. */
export function sameToTheEye(wanted: string, equals: readonly string[]): string {
  return `${quoteJson(wanted)} can be any of ${equals.length} names that look alike and differ in their code points (Unicode normalization); rename all but one`;
}
