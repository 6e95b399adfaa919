import { setTimeout as pause } from 'node:timers/promises';
import { median, quantile } from './statistics.ts';

/** Runs something a number of times and returns the milliseconds of each. */
export type Side = (repeat: number) => Promise<readonly number[]>;

/** The blocks of times of one side, one a round. */
export type Blocks = readonly (readonly number[])[];

/** The other sides' threads spin for a while after their last operator; then they sleep and disturb nobody. */
const settle = 400;

export interface ContestOptions {
  /** Blocks of each side; which side begins moves on by one from round to round. */
  readonly rounds: number;
  /** Runs in a block. */
  readonly repeat: number;
  /** Is told how many seconds the contest will take, when each side has run twice. */
  readonly onEstimate?: (seconds: number) => void;
}

/** Times all sides in turn, so that whatever else the machine does falls on each of them. */
export async function contest(
  sides: Readonly<Record<string, Side>>,
  { rounds, repeat, onEstimate }: ContestOptions,
): Promise<Record<string, Blocks>> {
  const names = Object.keys(sides);
  const blocks = Object.fromEntries(names.map((name) => [name, [] as (readonly number[])[]]));
  let aBlock = 0;
  // The first runs size the engines' buffers; the second tells how long one takes.
  for (const name of names) aBlock += settle + repeat * (await sides[name]!(2)).at(-1)!;
  onEstimate?.((rounds * aBlock) / 1000);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length]!;
      await pause(settle);
      blocks[name]!.push(await sides[name]!(repeat));
    }
  }
  return blocks;
}

/** Runs a function repeatedly and times each run. */
export function timed(run: () => Promise<unknown>): Side {
  return async (repeat) => {
    const times: number[] = [];
    for (let i = 0; i < repeat; i++) {
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
    }
    return times;
  };
}

/** What is left of many times: milliseconds. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  /** Between the quartiles. */
  readonly iqr: number;
}

export function summarize(blocks: Blocks): Summary {
  const times = blocks.flat();
  return { median: median(times), min: Math.min(...times), iqr: quantile(times, 0.75) - quantile(times, 0.25) };
}

/** How many times as fast one side is as another: above 1 where `ours` takes less time. */
export interface Ratio {
  /** Of the rounds' ratios of medians. */
  readonly median: number;
  readonly quartiles: readonly [number, number];
  /** Of the least times: what is left where everything else that the machine does is left out. */
  readonly ofMinima: number;
}

export function ratioOf(ours: Blocks, theirs: Blocks): Ratio {
  const ratios = ours.map((block, round) => median(theirs[round]!) / median(block));
  return {
    median: median(ratios),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    ofMinima: Math.min(...theirs.flat()) / Math.min(...ours.flat()),
  };
}

/** Times that spread more than this over their quartiles, as a part of their median, tell little. */
const quiet = 0.1;

/** True if one of the sides was disturbed too much for its median to be trusted. */
export function isNoisy(sides: readonly Summary[]): boolean {
  return sides.some(({ median: middle, iqr }) => iqr / middle > quiet);
}
