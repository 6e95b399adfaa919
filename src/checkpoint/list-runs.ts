/** The runs in a folder, and how far each is. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { kindOf } from '../files/durable-files.ts';
import { readRun, runFile } from './run-folder.ts';
import { runHolder } from './run-lock.ts';
import { latestCheckpoint } from './step-folders.ts';

/** What is known of a run without reading its log. */
export interface RunSummary {
  readonly task: string;
  /** What it trains on, as its settings name it. */
  readonly data: string | null;
  /** Of its latest checkpoint; null before the first. */
  readonly step: number | null;
  readonly steps: number | null;
  /** `training` while a process trains it, `finished` when all steps are done, else `stopped`. */
  readonly state: 'training' | 'finished' | 'stopped';
}

/** Folders below the one that is given: `runs/photos`, and `runs/icons/base`. */
const depth = 2;

/**
 * The folders of runs in a folder, sorted; the folder itself if it is a run. Hidden folders and links are not looked into.
 *
 * @returns paths that begin with `dir`; none if there is no such folder
 */
export async function runFolders(dir: string, levels = depth): Promise<string[]> {
  if ((await kindOf(dir)) !== 'folder') return [];
  if ((await kindOf(join(dir, runFile))) === 'file') return [dir];
  if (levels === 0) return [];
  const found: string[] = [];
  for (const entry of (await readdir(dir, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1)))
    if (entry.isDirectory() && !entry.name.startsWith('.'))
      found.push(...(await runFolders(join(dir, entry.name), levels - 1)));
  return found;
}

/**
 * What a run trains and how far it is.
 *
 * @throws one line if its `run.json` is missing, damaged, or of another format version
 */
export async function summarizeRun(path: string): Promise<RunSummary> {
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
  return {
    task,
    data: data?.source ?? null,
    step,
    steps,
    state: (await runHolder(path)) ? 'training' : steps !== null && (step ?? 0) >= steps ? 'finished' : 'stopped',
  };
}
