/** The command line in the test's own process: no start of another for each command. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, vi } from 'vitest';
import { runCommand } from '../src/cli/run-command.ts';
import type { Ended } from './kuosan.ts';

/** Runs `kuosan …` and keeps what it prints. What a process of its own adds is tested in cli-errors.test.ts. */
export async function runHere(words: readonly string[]): Promise<Ended & { readonly status: number }> {
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  const status = await runCommand(words).finally(() => vi.restoreAllMocks());
  return { status, ...printed };
}

/** A folder that is the current one, with a cache of its own, while the tests of the file run; then it is gone. */
export function workingFolder(name: string): string {
  const cwd = mkdtempSync(join(tmpdir(), `kuosan-${name}-`));
  const home = process.cwd();
  beforeAll(() => {
    process.chdir(cwd);
    vi.stubEnv('KUOSAN_CACHE', join(cwd, '.cache'));
  });
  afterAll(() => {
    process.chdir(home);
    vi.unstubAllEnvs();
    rmSync(cwd, { recursive: true, force: true });
  });
  return cwd;
}
