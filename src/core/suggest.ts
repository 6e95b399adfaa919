/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbors, each costing 1.
 *
 * @see Damerau 1964, "A technique for computer detection and correction of spelling errors"
 */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforePrevious[j - 2]! + 1);
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}

/**
 * The candidate that a mistyped word most likely meant, or undefined when none is near.
 *
 * Near is at most one slip for each three letters (one at least); the case of letters does not count.
 * A word that starts a candidate, or is started by one, is near too (`smile` for `smiley`, `noto` for `noto-emoji`).
 *
 * @param word        what was typed
 * @param candidates  what could have been typed; of several equally near the first is taken
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.toLowerCase();
  // Past this length it is not a name; the quadratic distance must not be paid for it.
  if (typed.length > 100) return undefined;
  const reach = Math.max(1, Math.floor(typed.length / 3));
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const starts = typed.length >= 3 && known.length >= 3 && (known.startsWith(typed) || typed.startsWith(known));
    // A prefix loses to any candidate that is truly one or two slips away.
    const distance = Math.min(editDistance(typed, known), starts ? reach + 0.5 : Infinity);
    if (distance <= reach + 0.5 && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * The message about a name that is not known: `unknown sampler "eulr"; did you mean euler?`,
 * or, where nothing is near, the names there are: `unknown sampler "x"; one of ddpm, ddim, euler`.
 *
 * @param kind  what the name names, as in "sampler"
 */
export function unknownName(kind: string, word: string, candidates: readonly string[]): string {
  const suggestion = nearest(word, candidates);
  // A word out of a file can be of any length.
  return `unknown ${kind} ${JSON.stringify(word.slice(0, 200))}; ${suggestion === undefined ? `one of ${candidates.join(', ')}` : `did you mean ${suggestion}?`}`;
}
