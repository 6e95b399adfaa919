import type { Command } from 'commander';
import { Option } from 'commander';
import { addDeviceOptions } from '../device-options.ts';
import { examples } from '../examples.ts';
import { integerOption } from '../options.ts';
import type { ServeOptions } from './run-serve.ts';

export function register(program: Command): void {
  const command = program
    .command('serve')
    .description("serve models to programs by OpenAI's images API")
    .addHelpText(
      'after',
      examples(
        'kuosan serve noto-32 emoji-clip',
        'kuosan serve dall-e-2=runs/icons --port 8080',
        'kuosan serve runs/icons --host 0.0.0.0 --api-key secret',
      ),
    )
    .argument(
      '[models...]',
      'runs, model folders or names, each also as name=model for what clients call it; default the models that come with kuosan',
    )
    .option('--port <n>', 'port; 0 takes a free one', integerOption('--port', 0, 65_535), 8000)
    .option('--host <address>', 'address to listen at; one that others reach needs a key', '127.0.0.1')
    .addOption(
      new Option(
        '--api-key <key>',
        'key that clients send; better in the environment, where no list of processes shows it',
      ).env('KUOSAN_API_KEY'),
    )
    .option(
      '--cors <origin>',
      'origin of pages that may ask, such as https://example.org, or *; several times',
      collected,
    )
    .option('--public-url <url>', 'address by which clients reach the server, if it is behind a proxy')
    .option(
      '--batch-size <n>',
      'images computed together, of one request or several',
      integerOption('--batch-size', 1, 1024),
      4,
    )
    .option(
      '--queue <n>',
      'images that may wait; beyond them requests are refused, with a time to come back',
      integerOption('--queue', 1, 1_000_000),
      128,
    )
    .option(
      '--memory <MiB>',
      'memory that models may take together; default half of the machine',
      integerOption('--memory', 1),
    )
    .option(
      '--timeout <seconds>',
      'time that a request may wait and compute',
      integerOption('--timeout', 1, 86_400),
      600,
    )
    .option('--variant <name>', 'variant of the weights files, such as fp16');
  addDeviceOptions(command).action(async (models: readonly string[], options: ServeOptions) => {
    const { runServe } = await import('./run-serve.ts');
    await runServe(models, options);
  });
}

const collected = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];
