import { fraction } from '../packages/fraction.ts';

/** Which images are kept from training. */
export interface SplitOptions {
  /** The share of concepts that no style shows in training. */
  readonly holdOut: number;
  readonly seed: number;
  /** Styles that training does not see. */
  readonly testStyles: readonly string[];
}

/** An image as splits see it. */
export interface SplitEntry {
  readonly fileName: string;
  readonly code: string;
  readonly style: string;
}

/**
 * Lists of file names by what is new in them:
 *
 *     train          nothing: these are for training
 *     test-concepts  the concept, in styles of the training images
 *     test-styles    the style, of concepts in the training images
 *     test-both      both
 *
 * A concept is held out when the first 32 bits of SHA-256("seed:code"), as a fraction of 2³², are below `holdOut`: this
 * depends on nothing else, so a concept that is added later moves no other. Concepts that share an image in some style go together, by the
 * code of the first of them: else a held-out concept's image would be in the training images under another name.
 *
 * @param alike  groups of codes with one image
 */
export function splitEmoji(
  entries: readonly SplitEntry[],
  alike: readonly (readonly string[])[],
  { holdOut, seed, testStyles }: SplitOptions,
): Record<'train' | 'test-concepts' | 'test-styles' | 'test-both', string[]> {
  const leaders = joinGroups(alike);
  const splits: ReturnType<typeof splitEmoji> = { train: [], 'test-concepts': [], 'test-styles': [], 'test-both': [] };
  for (const { fileName, code, style } of entries) {
    const newConcept = fraction(`${seed}:${leaders.get(code) ?? code}`) < holdOut;
    const newStyle = testStyles.includes(style);
    splits[newConcept ? (newStyle ? 'test-both' : 'test-concepts') : newStyle ? 'test-styles' : 'train'].push(fileName);
  }
  return splits;
}

/** The first code of each code's group, after groups that share a code have become one. */
function joinGroups(groups: readonly (readonly string[])[]): Map<string, string> {
  const leader = new Map<string, string>();
  const find = (code: string): string => {
    const above = leader.get(code);
    return above === undefined || above === code ? code : find(above);
  };
  for (const codes of groups) {
    for (const code of codes) {
      const [a, b] = [find(codes[0]!), find(code)].sort();
      leader.set(b!, a!);
    }
  }
  return new Map([...leader.keys()].map((code) => [code, find(code)]));
}
