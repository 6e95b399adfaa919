import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { integerOption } from '../options.ts';
import type { StudioOptions } from './run-studio.ts';

export function register(program: Command): void {
  program
    .command('studio')
    .description('open the studio: pages in which diffusion can be seen, moved and trained in the browser')
    .addHelpText('after', examples('kuosan studio', 'kuosan studio --runs runs', 'kuosan studio --static site'))
    .option('--static <dir>', 'write the pages that need no server into a folder, for any host, and end')
    .option('--force', 'replace an earlier --static folder', false)
    .option('--model <run | model dir | name...>', 'models that the pages can open besides those that come with kuosan')
    .option('--runs <dir>', 'the folder whose runs the studio shows', 'runs')
    .option('--host <address>', 'the address to listen at; others than this machine can reach 0.0.0.0', '127.0.0.1')
    .option('--port <n>', 'the port to listen at; 0 takes a free one', integerOption('--port', 0, 65_535), 8017)
    .action(async (options: StudioOptions) => {
      const { runStudio } = await import('./run-studio.ts');
      await runStudio(options);
    });
}
