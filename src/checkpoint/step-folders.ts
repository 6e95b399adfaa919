/**
 * The checkpoints of a run.
 *
 *     <out>/checkpoints/step-000123/   whole and never changed: it has this name only once everything in it is on the disk
 *     <out>/latest                     the name of the newest, replaced atomically
 *     <out>/best                       the name of the best by what is measured on the way, and on a second line by what; it is kept
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isLeftover, kindOf, makeFolder, replaceFile, syncFolder, syncTree } from '../files/durable-files.ts';
import { systemReason } from '../files/system-reason.ts';
import { configFile, indexFile } from './file-names.ts';

/** One checkpoint of a run. */
export interface Checkpoint {
  /** Optimizer steps done. */
  readonly step: number;
  /** Its folder: a model folder with `training/`. */
  readonly path: string;
}

/** Options of `saveCheckpoint`. */
export interface SaveOptions {
  /** How many of the newest checkpoints stay; null, the default, is all. */
  readonly keep?: number | null;
  /** What makes it the best of the run so far, in one line; absent, the best stays the one before. */
  readonly best?: string | undefined;
}

/** The best checkpoint of a run. */
export interface BestCheckpoint extends Checkpoint {
  /** What it is the best by, as it was given to `saveCheckpoint`. */
  readonly by: string;
}

const latestFile = 'latest';
const bestFile = 'best';

export function stepsFolder(out: string): string {
  return join(out, 'checkpoints');
}

function stepName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** The step of a folder's name, or undefined if it is no name of ours. */
function stepOf(name: string): number | undefined {
  const digits = /^step-(\d{6,15})$/.exec(name)?.[1];
  return digits === undefined || stepName(Number(digits)) !== name ? undefined : Number(digits);
}

/** The whole checkpoints of a run, oldest first. */
export async function listCheckpoints(out: string): Promise<Checkpoint[]> {
  const folder = stepsFolder(out);
  if ((await kindOf(folder)) !== 'folder') return [];
  const found: Checkpoint[] = [];
  for (const name of await readdir(folder)) {
    const step = stepOf(name);
    if (step !== undefined && (await isWhole(join(folder, name)))) found.push({ step, path: join(folder, name) });
  }
  return found.sort((a, b) => a.step - b.step);
}

/** Of a model's files the index is written last, or a single network's configuration: a folder that was copied here by hand and broke off has neither. */
async function isWhole(dir: string): Promise<boolean> {
  return (await kindOf(join(dir, indexFile))) === 'file' || (await kindOf(join(dir, configFile))) === 'file';
}

/** The checkpoint that `latest` names or, where it names none that is there, the newest; null if the run has none yet. */
export async function latestCheckpoint(out: string): Promise<Checkpoint | null> {
  const checkpoints = await listCheckpoints(out);
  const named = stepOf((await readFile(join(out, latestFile), 'utf8').catch(() => '')).trim());
  return checkpoints.find(({ step }) => step === named) ?? checkpoints.at(-1) ?? null;
}

/** The checkpoint that was named the best when it was saved; null if none was, or it is no longer there. */
export async function bestCheckpoint(out: string): Promise<BestCheckpoint | null> {
  const [name = '', by = ''] = (await readFile(join(out, bestFile), 'utf8').catch(() => '')).split('\n');
  const found = (await listCheckpoints(out)).find(({ step }) => step === stepOf(name.trim()));
  return found ? { ...found, by: by.trim() } : null;
}

/**
 * The checkpoint that `<run>/latest` or `<run>/best` names, for a path that is one of these files.
 *
 * @returns undefined for any other path
 * @throws if a run has no such checkpoint
 */
export async function namedCheckpoint(path: string): Promise<Checkpoint | undefined> {
  const [out, name] = [dirname(path), basename(path)];
  if ((name !== bestFile && name !== latestFile) || (await kindOf(stepsFolder(out))) !== 'folder') return undefined;
  const found = name === bestFile ? await bestCheckpoint(out) : await latestCheckpoint(out);
  if (found) return found;
  throw new Error(
    name === bestFile
      ? `${path}: the run has no best checkpoint; train.evaluateEvery measures on the way and names one; ${out} alone is the latest`
      : `${path}: the run has no checkpoint yet; let it reach its first one`,
  );
}

/**
 * Saves a checkpoint whole or not at all, makes it the latest, and removes the oldest beyond `keep` but for the best.
 *
 * Whenever the process is killed or the power goes, `latestCheckpoint` finds this one or the one before it, whole.
 *
 * @param out    the run's folder
 * @param step   optimizer steps done. A checkpoint of this step that is there already is replaced: it belongs to a future that was given
 *   up when the run was resumed from before it. (Steps after this one stay, and do not count against `keep`.)
 * @param write  fills a folder that is given to it, with `model_index.json` or `config.json` in it
 * @throws what `write` throws, or one line that names the checkpoint, why it cannot be written, and what is still whole
 */
export async function saveCheckpoint(
  out: string,
  step: number,
  write: (dir: string) => Promise<void>,
  { keep = null, best }: SaveOptions = {},
): Promise<Checkpoint> {
  if (!Number.isSafeInteger(step) || step < 0)
    throw new Error(`saveCheckpoint: the step must be an integer from 0, got ${step}`);
  if (keep !== null && !(Number.isSafeInteger(keep) && keep >= 1))
    throw new Error(`saveCheckpoint: keep must be an integer from 1 or null, got ${keep}`);
  const folder = stepsFolder(out);
  const path = join(folder, stepName(step));
  const aside = asideOf(folder, stepName(step), 'new');
  try {
    await makeFolder(folder);
    await rm(aside, { recursive: true, force: true });
    await mkdir(aside);
    await write(aside);
    if (!(await isWhole(aside)))
      throw new Error(`internal: a checkpoint was written without ${indexFile} or ${configFile}`);
    await syncTree(aside);
    await discard(folder, stepName(step));
    await rename(aside, path);
    await syncFolder(folder);
    // Before it is the latest: a run that is killed in between does the step again, and measures the same.
    if (best !== undefined) await replaceFile(join(out, bestFile), `${stepName(step)}\n${best}\n`);
    await replaceFile(join(out, latestFile), `${stepName(step)}\n`);
    await prune(out, step, keep);
  } catch (error) {
    await rm(aside, { recursive: true, force: true }).catch(() => {});
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    const last = await latestCheckpoint(out).catch(() => null);
    const kept = last ? `step ${last.step} is whole, and --resume continues from it` : 'there is no earlier one';
    throw new Error(`checkpoint ${path}: cannot be written, ${reason}; ${kept}`, { cause: error });
  }
  return { step, path };
}

async function prune(out: string, newest: number, keep: number | null): Promise<void> {
  if (keep === null) return;
  const best = await bestCheckpoint(out);
  const earlier = (await listCheckpoints(out)).filter(({ step }) => step < newest && step !== best?.step);
  for (const { step } of earlier.slice(0, Math.max(0, earlier.length - (keep - 1))))
    await discard(stepsFolder(out), stepName(step));
}

/** Removes a folder without a moment in which half of it stands under its name. */
async function discard(folder: string, name: string): Promise<void> {
  if ((await kindOf(join(folder, name))) === 'nothing') return;
  const aside = asideOf(folder, name, 'old');
  await rm(aside, { recursive: true, force: true });
  await rename(join(folder, name), aside);
  // Somebody may have a file in it open, which some file systems refuse to remove; the next start of the run tries again.
  await rm(aside, { recursive: true, force: true }).catch(() => {});
}

function asideOf(folder: string, name: string, what: 'new' | 'old'): string {
  return join(folder, `.${name}.${what}.${process.pid}.part`);
}

/** Removes what a killed process left half-written in a run. */
export async function cleanLeftovers(out: string): Promise<void> {
  for (const folder of [out, stepsFolder(out)]) {
    if ((await kindOf(folder)) !== 'folder') continue;
    for (const name of await readdir(folder))
      if (isLeftover(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
