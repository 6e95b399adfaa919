import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkUnlocked, latestCheckpoint, readRun } from '../../checkpoint/index.ts';
import { runFile } from '../../checkpoint/run-folder.ts';
import { kindOf } from '../../files/durable-files.ts';
import { folderSize } from '../../files/folder-size.ts';
import { columns, dateText, sizeText } from './columns.ts';
import type { ListOptions } from './list-options.ts';

/** A run, as `kuosan runs --json` prints it. */
interface ListedRun {
  readonly path: string;
  readonly task: string;
  readonly data: string | null;
  /** Of its latest checkpoint; null before the first. */
  readonly step: number | null;
  readonly steps: number | null;
  /** `training` while a process trains it, `finished` when all steps are done, else `stopped`. */
  readonly state: 'training' | 'finished' | 'stopped';
  readonly bytes: number;
  readonly date: string | null;
}

/** Folders below the one that is given: `runs/photos`, and `runs/icons/base`. */
const depth = 2;

/**
 * Prints a line for each run in a folder: what it trains, on what data, how far it is, its size, its date.
 *
 * @param dir  a run, or a folder of runs
 * @throws one line if there is none
 */
export async function listRuns(dir: string, { json }: ListOptions, print: (line: string) => void): Promise<void> {
  const runs: ListedRun[] = [];
  const problems: string[] = [];
  for (const path of await runFolders(dir, depth)) {
    // One damaged run must not hide the others.
    const run = await describeRun(path).catch((error: unknown) => {
      problems.push((error as Error).message);
    });
    if (run) runs.push(run);
  }
  if (runs.length === 0 && problems.length === 0)
    throw new Error(
      `runs ${JSON.stringify(dir)}: no runs here; give a folder that holds some, or start one with kuosan train`,
    );
  if (json) print(JSON.stringify(runs, null, 2));
  else {
    const number = (value: number | null) => value?.toLocaleString('en-US') ?? '?';
    const rows = runs.map(({ path, task, data, step, steps, state, bytes, date }) => [
      path,
      task,
      `step ${number(step ?? 0)} of ${number(steps)}`,
      state,
      sizeText(bytes),
      date ?? '',
      data ?? '',
    ]);
    for (const line of columns(rows)) print(line);
  }
  for (const problem of problems) process.stderr.write(`note: ${problem}\n`);
}

async function runFolders(dir: string, levels: number): Promise<string[]> {
  if ((await kindOf(dir)) !== 'folder') return [];
  if ((await kindOf(join(dir, runFile))) === 'file') return [dir];
  if (levels === 0) return [];
  const found: string[] = [];
  for (const entry of (await readdir(dir, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1)))
    if (entry.isDirectory() && !entry.name.startsWith('.'))
      found.push(...(await runFolders(join(dir, entry.name), levels - 1)));
  return found;
}

async function describeRun(path: string): Promise<ListedRun> {
  const { config } = await readRun(path);
  const {
    task = 'ddpm',
    data,
    train,
  } = config as {
    readonly task?: string;
    readonly data?: { readonly source?: string };
    readonly train?: { readonly steps?: number };
  };
  const step = (await latestCheckpoint(path))?.step ?? null;
  const steps = train?.steps ?? null;
  const isTrained = await checkUnlocked(path).then(
    () => false,
    () => true,
  );
  const { bytes, modified } = await folderSize(path);
  return {
    path,
    task,
    data: data?.source ?? null,
    step,
    steps,
    state: isTrained ? 'training' : steps !== null && (step ?? 0) >= steps ? 'finished' : 'stopped',
    bytes,
    date: dateText(modified) || null,
  };
}
