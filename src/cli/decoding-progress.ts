import { createProgress, type Progress } from './progress.ts';

/** Decoding that is over sooner needs no progress. */
const soon = 1000;

/** A progress display of decoding images; nothing is shown where they come from the cache or take a moment. */
export interface DecodingProgress {
  readonly onProgress: (done: number, total: number) => void;
  readonly stop: () => void;
}

export function decodingProgress(): DecodingProgress {
  let begun: number | undefined;
  let progress: Progress | undefined;
  const stop = (): void => {
    progress?.stop();
    [progress, begun] = [undefined, undefined];
  };
  return {
    onProgress(done, total) {
      begun ??= performance.now();
      if (!progress && performance.now() - begun > soon && done < total)
        progress = createProgress('decoding', total, done);
      progress?.update(done, 'images');
      // What is decoded next, as held-out images, begins anew.
      if (done === total) stop();
    },
    stop,
  };
}
