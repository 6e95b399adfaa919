import { setTimeout as pause } from 'node:timers/promises';

/** Runs something a number of times and returns the milliseconds of each. */
export type Side = (repeat: number) => Promise<readonly number[]>;

export interface PairedTimes {
  readonly ours: readonly number[];
  /** Empty where there is no peer. */
  readonly peer: readonly number[];
}

/** The other side's threads spin for a while after its last operator; then they sleep and disturb nobody. */
const settle = 400;

/**
 * Times both sides in turn, so that whatever else the machine does falls on both.
 *
 * @param rounds  pairs of blocks; ours and the peer's begin in turn
 * @param repeat  runs in a block
 */
export async function timePairs(ours: Side, peer: Side | undefined, { rounds, repeat }: { rounds: number; repeat: number }): Promise<PairedTimes> {
  const times = { ours: [] as number[], peer: [] as number[] };
  const runOurs = async () => void times.ours.push(...await ours(repeat));
  const runPeer = async () => void times.peer.push(...await (peer?.(repeat) ?? []));
  await ours(2); // The first runs size the engine's buffers.
  if (peer) await peer(2);
  for (let round = 0; round < rounds; round++) {
    for (const run of round % 2 === 0 ? [runOurs, runPeer] : [runPeer, runOurs]) {
      await pause(settle);
      await run();
    }
  }
  return times;
}

/** Runs a function repeatedly and times each run. */
export function side(run: () => Promise<unknown>): Side {
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

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One question's line of the table, and its JSON. */
export function report(bench: string, { ours, peer }: PairedTimes): { readonly bench: string; readonly ours: number; readonly peer: number | null; readonly ratio: number | null } {
  const round = (x: number) => Math.round(x * 10) / 10;
  const [a, b] = [median(ours), peer.length > 0 ? median(peer) : null];
  return { bench, ours: round(a), peer: b === null ? null : round(b), ratio: b === null ? null : Math.round((100 * b) / a) / 100 };
}

export function printTable(rows: readonly ReturnType<typeof report>[], peerName: string): void {
  const cells = [['', 'kuosan, ms', `${peerName}, ms`, 'ratio'], ...rows.map(({ bench, ours, peer, ratio }) => [bench, String(ours), peer === null ? '–' : String(peer), ratio === null ? '–' : String(ratio)])];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  for (const row of cells) console.log(row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('   '));
}
