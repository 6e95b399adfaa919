import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { addDeviceOptions } from '../device-options.ts';
import { integerOption } from '../options.ts';
import type { SearchOptions } from './run-search.ts';
import { ttaOption } from './tta-option.ts';

export function register(program: Command): void {
  const command = program
    .command('search')
    .description('search a folder of images by a text with a CLIP; the best matches go into one grid')
    .addHelpText('after', examples('kuosan search emoji-clip --images photos --query "a red heart" --out found.png'))
    .argument('<model>', 'a run, a checkpoint or a model folder of a CLIP, or emoji-clip, which comes with kuosan')
    .requiredOption('--images <dir>', 'the folder of images')
    .requiredOption('--query <text>', 'the text to search for')
    .requiredOption('--out <sheet.png>', 'the grid to write: the best match at the top left')
    .option('--count <n>', 'images to find', integerOption('--count', 1, 10_000), 25)
    .addOption(ttaOption())
    .option('--skip-bad', 'leave out files that cannot be read, and count them', false);
  addDeviceOptions(command).action(async (model: string, options: SearchOptions) => {
    const { withEngine } = await import('../with-engine.ts');
    await withEngine(options, async (engine, print) => {
      const { runSearch } = await import('./run-search.ts');
      await runSearch(model, options, engine, print);
    });
  });
}
