import { runFolders, type RunSummary, summarizeRun } from '../../checkpoint/index.ts';
import { folderSize } from '../../files/folder-size.ts';
import { columns, dateText, sizeText } from './columns.ts';
import type { ListOptions } from './list-options.ts';

/** A run, as `kuosan runs --json` prints it. */
interface ListedRun extends RunSummary {
  readonly path: string;
  readonly bytes: number;
  readonly date: string | null;
}

/**
 * Prints a line for each run in a folder: what it trains, on what data, how far it is, its size, its date.
 *
 * @param dir  a run, or a folder of runs
 * @throws one line if there is none
 */
export async function listRuns(dir: string, { json }: ListOptions, print: (line: string) => void): Promise<void> {
  const runs: ListedRun[] = [];
  const problems: string[] = [];
  for (const path of await runFolders(dir)) {
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

async function describeRun(path: string): Promise<ListedRun> {
  const summary = await summarizeRun(path);
  const { bytes, modified } = await folderSize(path);
  return { path, ...summary, bytes, date: dateText(modified) || null };
}
