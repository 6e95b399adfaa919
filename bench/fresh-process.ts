import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a process of its own trains. */
export interface FreshOptions {
  readonly kernels: 'auto' | 'standard';
  readonly threads: number;
  readonly width: number;
  readonly batch: number;
  readonly steps: number;
}

/** What it tells when it is done. */
export interface FreshReport {
  /** From a program to its executable, the engine's thread and the probe of its kernels included. */
  readonly compileMs: number;
  /** From nothing but loaded modules to the end of the first step. */
  readonly firstStepMs: number;
  /** Of its resident memory, the most there ever was; null where the system does not tell. */
  readonly peakMegabytes: number | null;
}

/**
 * Trains in a process that does nothing else.
 *
 * @param env  variables next to this process's own
 */
export async function trainInFreshProcess(
  options: FreshOptions,
  env: Readonly<Record<string, string>> = {},
): Promise<FreshReport> {
  const script = fileURLToPath(new URL('train-and-tell.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  let text = '';
  child.stdout.on('data', (part) => {
    text += part;
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`bench: the training process ended with exit code ${String(code)}`);
  return JSON.parse(text) as FreshReport;
}
