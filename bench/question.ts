import { digits, layTable } from './table.ts';
import { isNoisy, ratioOf, summarize, type Blocks, type Ratio, type Summary } from './contest.ts';

/** What every question is asked with. */
export interface Settings {
  readonly threads: number;
  /** Pairs of blocks. */
  readonly rounds: number;
  /** The ways in which PyTorch takes part. */
  readonly variants: readonly Variant[];
  /** Parts of names: only cases that have one of them in theirs are measured; all if there is none. */
  readonly cases: readonly string[];
  /** Whether `sampling` also generates all images in all steps once. */
  readonly whole: boolean;
}

/** How PyTorch runs the network: the best of them is the peer. */
export const variants = ['eager', 'channels_last', 'compile'] as const;
export type Variant = (typeof variants)[number];

/** One case of a question that several sides answer. */
export interface Outcome {
  readonly case: string;
  readonly sides: Readonly<Record<string, Summary>>;
  /** The fastest peer, by its median. */
  readonly best: string | null;
  /** Against the fastest peer. */
  readonly ratio: Ratio | null;
  /** Against our own standard lowering. */
  readonly overStandard: Ratio | null;
  readonly noisy: boolean;
}

/** @param blocks  `kuosan`, `standard` if it took part, and peers by name */
export function outcomeOf(name: string, blocks: Readonly<Record<string, Blocks>>): Outcome {
  const sides = Object.fromEntries(Object.entries(blocks).map(([side, times]) => [side, summarize(times)]));
  const peers = Object.keys(blocks).filter((side) => side !== 'kuosan' && side !== 'standard');
  const best = peers.toSorted((a, b) => sides[a]!.median - sides[b]!.median)[0] ?? null;
  return {
    case: name,
    sides,
    best,
    ratio: best === null ? null : ratioOf(blocks['kuosan']!, blocks[best]!),
    overStandard: blocks['standard'] ? ratioOf(blocks['kuosan']!, blocks['standard']) : null,
    noisy: isNoisy([sides['kuosan']!, ...(best === null ? [] : [sides[best]!])]),
  };
}

/** Says on the console's other line what is being measured: a question takes minutes. */
export function progress(what: string): void {
  process.stderr.write(`… ${what}\n`);
}

/** Says how long what has just begun will take. */
export function sayHowLong(seconds: number): void {
  progress(`takes about ${inWords(seconds)}`);
}

/** What a question does with each of its cases. */
export interface CaseWork<Case, Row> {
  readonly nameOf: (subject: Case) => string;
  readonly measure: (subject: Case) => Promise<Row>;
  /** The row as a line, which is printed when it is measured; '' for none. */
  readonly lineOf?: (row: Row) => string;
}

/**
 * Measures those of a question's cases that are asked for, one after the other. Each row is printed at once, and how long the
 * rest will take if it is like what is done.
 *
 * @returns the rows; none, and a line that lists the cases, if no case was asked for
 */
export async function measureCases<Case, Row>(
  all: readonly Case[],
  { nameOf, measure, lineOf }: CaseWork<Case, Row>,
  { cases }: Settings,
): Promise<Row[]> {
  const chosen = all.filter((subject) => cases.length === 0 || cases.some((part) => nameOf(subject).includes(part)));
  if (chosen.length === 0) console.log(`no such case here; there are: ${all.map(nameOf).join('; ')}`);
  const rows: Row[] = [];
  const start = performance.now();
  for (const subject of chosen) {
    progress(`${rows.length + 1} of ${chosen.length}: ${nameOf(subject)}`);
    const row = await measure(subject);
    rows.push(row);
    const line = lineOf?.(row) ?? '';
    if (line !== '') console.log(line);
    const left = chosen.length - rows.length;
    if (left > 0) progress(`about ${inWords((((performance.now() - start) / 1000) * left) / rows.length)} left`);
  }
  return rows;
}

/** 45 → "45 s", 400 → "7 min". */
function inWords(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** An outcome on a line, before there is a table. */
export function outcomeLine({ case: name, sides, ratio }: Outcome): string {
  const times = Object.entries(sides).map(([side, summary]) => `${side} ${milliseconds(summary)}`);
  return `${name}: ${times.join(', ')} ms${ratio ? `; ratio ${ratio.median.toFixed(2)}` : ''}`;
}

function milliseconds({ median, iqr }: Summary): string {
  return `${digits(median)} ±${digits(iqr / 2)}`;
}

/** Prints a question's table, what is to be said about it, and one JSON line. */
export function printOutcomes(question: string, outcomes: readonly Outcome[]): void {
  if (outcomes.length === 0) return;
  const names = [...new Set(outcomes.flatMap(({ sides }) => Object.keys(sides)))];
  const ms = (summary: Summary | undefined) => (summary ? milliseconds(summary) : '–');
  const ratio = (value: Ratio | null) => (value ? value.median.toFixed(2) : '–');
  const rows = [
    ['ms, ± half the IQR', ...names, 'ratio', 'quartiles', 'of minima', '/standard'],
    ...outcomes.map(({ case: name, sides, ratio: r, overStandard }) => [
      name,
      ...names.map((side) => ms(sides[side])),
      ratio(r),
      r ? r.quartiles.map((x) => x.toFixed(2)).join('–') : '–',
      r ? r.ofMinima.toFixed(2) : '–',
      ratio(overStandard),
    ]),
  ];
  console.log(`\n${layTable(rows)}`);
  sayIfNoisy(outcomes);
  console.log(JSON.stringify({ question, outcomes: outcomes.map(rounded) }));
}

/** Names the cases whose times spread too much to be believed. */
export function sayIfNoisy(outcomes: readonly Outcome[]): void {
  const noisy = outcomes.filter((outcome) => outcome.noisy).map((outcome) => outcome.case);
  if (noisy.length > 0)
    console.log(
      `noisy, the times' quartiles lie more than a tenth of the median apart: ${noisy.length === outcomes.length ? 'every case' : noisy.join('; ')}. Measure again on a quiet machine.`,
    );
}

/** Numbers with four digits: more would be noise. */
export function rounded(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, x: unknown) => (typeof x === 'number' ? Number(x.toPrecision(4)) : x)));
}
