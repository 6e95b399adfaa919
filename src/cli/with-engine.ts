import type { Executor } from '../core/index.ts';
import type { DeviceOptions } from './device-options.ts';
import { executorWhenNeeded } from './open-executor.ts';

/** The executor, as soon as somebody needs it. */
export type StartedEngine = () => Promise<Executor>;

/**
 * An executor whose engine starts now, while the rest of a command is loaded and files are read, and is let go of when
 * the work is done.
 *
 * @param work  is given the engine and what writes a line for the user
 * @throws what the work throws, or why there is no such device
 */
export async function withEngine<T>(
  device: DeviceOptions,
  work: (engine: StartedEngine, print: (line: string) => void) => Promise<T>,
): Promise<T> {
  const { executor, dispose } = executorWhenNeeded(device);
  // Its kernels are probed on the way. Whoever needs it hears what is wrong with it.
  executor()
    .then((opened) => opened.environment())
    .catch(() => {});
  try {
    return await work(executor, (line) => void process.stdout.write(`${line}\n`));
  } finally {
    await dispose();
  }
}
