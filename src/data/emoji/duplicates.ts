import { createHash } from 'node:crypto';

/**
 * Of concepts with one image the first in the order of Unicode keeps it, but these go before it:
 * territories that fly the flag of a country (and Sark, whose image in one package is that of Saudi Arabia) give way to it.
 */
const preferredCodes: ReadonlySet<string> = new Set([
  '1F1E6-1F1FA', // Australia
  '1F1EA-1F1F8', // Spain
  '1F1EB-1F1F7', // France
  '1F1EE-1F1F4', // British Indian Ocean Territory
  '1F1F3-1F1F4', // Norway
  '1F1F8-1F1E6', // Saudi Arabia
  '1F1FA-1F1F8', // United States
  '1F46A', // family
]);

/**
 * Groups of two or more codes whose images are the same bytes.
 *
 * @param images  [code, bytes] in the order of Unicode
 * @returns         each group with the code that keeps the image first, groups in order
 */
export function duplicateGroups(images: readonly (readonly [code: string, bytes: Uint8Array])[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const [code, bytes] of images) {
    const hash = createHash('sha256').update(bytes).digest('hex');
    groups.set(hash, [...(groups.get(hash) ?? []), code]);
  }
  return [...groups.values()]
    .filter((codes) => codes.length > 1)
    .map((codes) => {
      const keeper = codes.find((code) => preferredCodes.has(code)) ?? codes[0]!;
      return [keeper, ...codes.filter((code) => code !== keeper)];
    });
}
