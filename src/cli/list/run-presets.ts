import { presetNames, presetSummary, readConfig } from '../../train/presets.ts';
import { columns } from './columns.ts';
import type { ListOptions } from './list-options.ts';

/** A documented run, as `kuosan presets --json` prints it. */
interface ListedPreset {
  readonly name: string;
  /** `ddpm`, `classifier` or `clip`. */
  readonly task: string;
  /** Null where the command line has to name it. */
  readonly data: string | null;
  /** Of the images, in pixels; null for the default of its kind. */
  readonly size: number | readonly number[] | null;
  readonly steps: number | null;
  readonly batchSize: number | null;
  readonly summary: string;
}

/** Prints a line for each preset: what it trains, on what data, for how long. */
export async function listPresets({ json }: ListOptions, print: (line: string) => void): Promise<void> {
  const presets = await Promise.all((await presetNames()).map(describePreset));
  if (json) return print(JSON.stringify(presets, null, 2));
  const rows = presets.map(({ name, task, data, size, steps, batchSize, summary }) => [
    name,
    task,
    data ?? '--data',
    size === null ? '' : `${[size].flat().join('×')} px`,
    steps === null ? '--steps' : `${steps.toLocaleString('en-US')} steps of ${batchSize ?? '?'}`,
    summary,
  ]);
  for (const line of columns(rows)) print(line);
}

async function describePreset(name: string): Promise<ListedPreset> {
  const {
    task = 'ddpm',
    data = {},
    train = {},
  } = (await readConfig(name)) as {
    readonly task?: string;
    readonly data?: { readonly source?: string; readonly size?: number | readonly number[] };
    readonly train?: { readonly steps?: number; readonly batchSize?: number };
  };
  return {
    name,
    task,
    data: data.source ?? null,
    size: data.size ?? null,
    steps: train.steps ?? null,
    batchSize: train.batchSize ?? null,
    summary: await presetSummary(name),
  };
}
