/** The command line in the test's own process: no start of another for each command. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, vi } from 'vitest';
import { runCommand } from '../src/cli/run-command.ts';
import { kuosan, type Ended } from './kuosan.ts';

type EndedHere = Ended & { readonly status: number };

/** The end of the command that was begun last: one prints after the other. */
let last: Promise<unknown> = Promise.resolve();

/** Runs `kuosan …` and keeps what it prints. What a process of its own adds is tested in cli-errors.test.ts. */
export function runHere(words: readonly string[]): Promise<EndedHere> {
  const ended = last.then(() => runNow(words));
  last = ended.catch(() => {});
  return ended;
}

/** The same, but a run is resumed by a process of its own, which knows nothing of the first but its folder. */
export async function runOrResume(words: readonly string[]): Promise<Ended> {
  return words.includes('--resume') ? kuosan(words, { cwd: process.cwd() }) : runHere(words);
}

async function runNow(words: readonly string[]): Promise<EndedHere> {
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  const status = await runCommand(words).finally(() => vi.restoreAllMocks());
  return { status, ...printed };
}

/**
 * A folder that is the current one, with a cache of its own and the processor to compute on, whatever GPU this machine
 * has, while the tests of the file run; then it is gone.
 */
export function workingFolder(name: string): string {
  const cwd = mkdtempSync(join(tmpdir(), `kuosan-${name}-`));
  const home = process.cwd();
  beforeAll(() => {
    process.chdir(cwd);
    vi.stubEnv('KUOSAN_CACHE', join(cwd, '.cache'));
    vi.stubEnv('KUOSAN_DEVICE', 'cpu');
  });
  afterAll(async () => {
    // One that a test no longer waits for would go on in the folder of others.
    await last;
    process.chdir(home);
    vi.unstubAllEnvs();
    rmSync(cwd, { recursive: true, force: true });
  });
  return cwd;
}
