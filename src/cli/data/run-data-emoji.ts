import { unknownName } from '../../core/suggest.ts';
import { buildEmoji, emojiStyleNames, emojiStyles, type EmojiStyleName } from '../../data/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { UsageError } from '../options.ts';
import { createProgress } from '../progress.ts';

/** The options of `kuosan data emoji`. */
export interface DataEmojiOptions {
  readonly out: string;
  readonly styles: string;
  readonly language: string;
  readonly size: number;
  readonly packages: string;
  readonly holdOut: number;
  readonly testStyles?: string;
  readonly seed: number;
}

/**
 * Builds the folder and says what is in it.
 *
 * @throws UsageError for an unknown style; one line for what `buildEmoji` refuses
 */
export async function runDataEmoji(
  { styles, testStyles, ...options }: DataEmojiOptions,
  print: (line: string) => void,
): Promise<void> {
  const { out } = options;
  const { signal, release } = interruptSignal(() =>
    process.stderr.write('stopping; the same command continues from here\n'),
  );
  let progress: ReturnType<typeof createProgress> | undefined;
  try {
    const {
      how,
      images,
      concepts,
      styles: counts,
      duplicates,
      splits,
    } = await buildEmoji({
      ...options,
      signal,
      styles: styleNames('--styles', styles),
      testStyles: testStyles === undefined ? [] : styleNames('--test-styles', testStyles),
      onProgress: (done, total) => {
        (progress ??= createProgress('emoji', total)).update(done, 'images');
      },
    });
    progress?.stop();
    print(
      `${out}: ${how === 'there' ? 'is complete already, ' : how === 'split' ? 'new splits of ' : ''}${images} images of ${concepts} concepts, ${options.size}×${options.size}; ${duplicates} left out whose bytes another has`,
    );
    for (const [style, count] of Object.entries(counts))
      print(`  ${style}: ${count} (${emojiStyles[style as EmojiStyleName].license})`);
    print(
      `splits: ${Object.entries(splits)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ')}`,
    );
  } finally {
    progress?.stop();
    release();
  }
}

function styleNames(option: string, text: string): EmojiStyleName[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const found = emojiStyleNames.find((name) => name === word);
      if (found === undefined) throw new UsageError(`${option}: ${unknownName('style', word, emojiStyleNames)}`);
      return found;
    });
}
