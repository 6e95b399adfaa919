import { access, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBitmaps } from '../../data/index.ts';
import { configuredRun } from '../../systems/index.ts';
import { readConfig } from '../../train/index.ts';
import { quoteWord } from '../../formats/quote.ts';
import type { DeviceOptions } from '../device-options.ts';
import { inTerminal } from '../in-terminal.ts';
import { openExecutor } from '../open-executor.ts';
import { applyOverrides } from '../options.ts';
import { showRun } from './show-run.ts';

/** The options of `kuosan demo`. */
export interface DemoOptions extends DeviceOptions {
  readonly out: string;
  readonly steps?: number;
}

export async function runDemo({ out, steps, ...device }: DemoOptions): Promise<void> {
  const config = await readConfig('smileys-16');
  const run = configuredRun(applyOverrides(config, steps === undefined ? [] : [[['train', 'steps'], steps]]));
  // The demo goes on by itself where it was stopped; a finished one is not thrown away.
  const resume = await access(join(out, 'run.json')).then(
    () => true,
    () => false,
  );
  const executor = await openExecutor(device);
  let grid = '';
  try {
    process.stderr.write(
      `Training a network from random weights on ${(config['data'] as { source: string }).source}; its samples appear here.\n`,
    );
    await showRun({
      run,
      out,
      executor,
      resume,
      skipBad: false,
      onSamples: ({ step, images, path }, print) => {
        grid = path;
        const seen = step === run.train.steps ? 32 : 8;
        print(`after ${step} steps (${path}):`);
        for (const line of inTerminal(toBitmaps(images).slice(0, seen))) print(line);
      },
    });
  } finally {
    await executor.dispose();
  }
  const final = join(out, 'grid.png');
  await copyFile(grid, final);
  process.stdout.write(
    [
      '',
      `Your model's images: ${final}`,
      '',
      'What to try next:',
      `  npx kuosan sample ${quoteWord(out)} --count 64 --seed 1 --gif ${quoteWord(join(out, 'reverse.gif'))}   more images, and the reverse process`,
      `  npx kuosan sample noto-32 --out emoji.png                    a larger model that comes with kuosan`,
      `  npx kuosan train noto-32 --data <folder> --out runs/mine     train on your own images`,
      '',
    ].join('\n'),
  );
}
