import type { Command } from 'commander';
import { addDeviceOptions } from '../device-options.ts';
import { integerOption } from '../options.ts';
import type { SearchOptions } from './run-search.ts';
import { viewsOption } from './views-option.ts';

export function register(program: Command): void {
  const command = program
    .command('search')
    .description('find the pictures that fit a text, by a CLIP, and lay them on one sheet')
    .argument('<model>', 'a run, a checkpoint or a model folder of a CLIP, or emoji-clip, which comes with kuosan')
    .requiredOption('--images <dir>', 'the folder of pictures')
    .requiredOption('--query <text>', 'what to look for')
    .requiredOption('--out <sheet.png>', 'the picture to write: the best at the top left')
    .option('--count <n>', 'pictures to find', integerOption('--count', 1, 10_000), 25)
    .addOption(viewsOption())
    .option('--skip-bad', 'leave out files that cannot be read, and count them', false);
  addDeviceOptions(command).action(async (model: string, options: SearchOptions) => {
    const { withEngine } = await import('../with-engine.ts');
    await withEngine(options, async (engine, print) => {
      const { searchPictures } = await import('./run-search.ts');
      await searchPictures(model, options, engine, print);
    });
  });
}
