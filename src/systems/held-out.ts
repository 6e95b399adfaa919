import { testPartOf } from '../data/index.ts';

/** Which data a run is measured on. */
export interface HeldOutOptions {
  /** The data that it trains on, and its name in messages. */
  readonly source: string;
  readonly name: string;
  /** What its configuration names; undefined takes the test split of its data, null none. */
  readonly named?: string | null | undefined;
  /** The setting that names it. */
  readonly setting: string;
  readonly evaluateEvery: number;
}

/**
 * The held-out data that a run is measured on.
 *
 * @throws one line if there is none
 */
export async function heldOutSource({ source, name, named, setting, evaluateEvery }: HeldOutOptions): Promise<string> {
  const found = named === undefined ? await testPartOf(source) : named;
  if (found) return found;
  throw new Error(
    `config.train.evaluateEvery is ${evaluateEvery}, but ${name} has no held-out images; name them (${setting}), or set evaluateEvery to null`,
  );
}
