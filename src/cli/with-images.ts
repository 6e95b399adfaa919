import { withInterrupt } from './interrupt.ts';
import { openImages, type OpenImages } from './open-images.ts';
import type { SourceOptions } from './sampling-options.ts';

/**
 * Opens what images are generated from, does the work, and closes it, whatever comes of the work. Ctrl-C aborts the signal.
 *
 * @throws as `openImages`, or what the work throws
 */
export async function withImages<T>(
  source: string | undefined,
  options: SourceOptions,
  work: (opened: OpenImages, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const opened = await openImages(source, options);
  try {
    return await withInterrupt((signal) => work(opened, signal));
  } finally {
    await opened.dispose();
  }
}
