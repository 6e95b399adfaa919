import { type Command, Option } from 'commander';
import { addDeviceOptions } from '../device-options.ts';
import { examples } from '../examples.ts';
import { integerOption } from '../options.ts';
import type { StudioOptions } from './run-studio.ts';

export function register(program: Command): void {
  const command = program
    .command('studio')
    .description('open the studio: pages in which diffusion can be seen, moved and trained in the browser')
    .addHelpText('after', examples('kuosan studio', 'kuosan studio --runs runs', 'kuosan studio --static site'))
    .option('--static <dir>', 'write the pages that need no server into a folder, for any host, and end')
    .option('--force', 'replace an earlier --static folder', false)
    .option('--model <run | model dir | name...>', 'models that the pages can open besides those that come with kuosan')
    .option('--runs <dir>', 'the folder whose runs the studio shows (default: runs)')
    .option(
      '--host <address>',
      'address to listen at; one that others reach, such as 0.0.0.0, needs a key',
      '127.0.0.1',
    )
    .option('--port <n>', 'port to listen at; 0 takes a free one', integerOption('--port', 0, 65_535), 8017)
    .addOption(
      new Option(
        '--api-key <key>',
        'key that visitors give as the password; better in the environment, where no list of processes shows it',
      ).env('KUOSAN_API_KEY'),
    )
    .option(
      '--browser-limit <MB>',
      "the largest weights that the visitor's browser computes with; larger models are computed by this machine",
      integerOption('--browser-limit', 0, 1_000_000),
      100,
    );
  addDeviceOptions(command).action(async (options: StudioOptions) => {
    const { runStudio } = await import('./run-studio.ts');
    await runStudio(options);
  });
}
