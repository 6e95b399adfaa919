import { buildIcons } from '../../data/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { createProgress } from '../progress.ts';

/** The options of `kuosan data icons`. */
export interface DataIconsOptions {
  readonly out: string;
  readonly sets?: string;
  readonly size: number;
  readonly packages: string;
  readonly licenses: 'clean' | 'all';
  readonly holdOut: number;
  readonly seed: number;
}

/**
 * Builds the folder and says what is in it.
 *
 * @throws one line for what `buildIcons` refuses
 */
export async function buildDataIcons(
  { sets, licenses, ...options }: DataIconsOptions,
  print: (line: string) => void,
): Promise<void> {
  const { out, size } = options;
  const { signal, release } = interruptSignal(() =>
    process.stderr.write('stopping; the same command continues from here\n'),
  );
  let progress: { readonly stage: string; readonly bar: ReturnType<typeof createProgress> } | undefined;
  try {
    const { how, counts, splits } = await buildIcons({
      ...options,
      signal,
      allLicenses: licenses === 'all',
      sets: sets
        ?.split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
      onProgress: (stage, done, total) => {
        if (progress?.stage !== stage) {
          progress?.bar.stop();
          progress = { stage, bar: createProgress(stage, total) };
        }
        progress.bar.update(done, 'icons');
      },
    });
    progress?.bar.stop();
    const state = how === 'there' ? 'is complete already, ' : how === 'split' ? 'new splits of ' : '';
    print(
      `${out}: ${state}${counts.images} icons of ${Object.keys(counts.sets).length} sets under ${counts.captions} captions, ${size}×${size}`,
    );
    print(
      `left out: ${counts.brands} trademarks, ${counts.duplicates} duplicates, ${counts.unusable} empty or not rendered`,
    );
    const parts = Object.entries(splits).map(([name, count]) => `${name} ${count}`);
    print(`splits: ${parts.join(', ')}`);
  } finally {
    progress?.bar.stop();
    release();
  }
}
