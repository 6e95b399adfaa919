#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import * as data from './data.ts';
import * as demo from './demo.ts';
import { UsageError } from './options.ts';
import * as forward from './forward.ts';
import * as sample from './sample.ts';
import * as train from './train.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

const program = new Command('kuosan')
  .description('Train diffusion models, draw pictures from them, and see how it works.')
  .version(version)
  .option('--debug', 'show where in the program an error comes from')
  .showHelpAfterError('(kuosan --help lists the commands, kuosan <command> --help its options)')
  .exitOverride();

for (const command of [demo, train, sample, forward, data]) command.register(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitStatus(error);
}

/** Prints one line for an error; 1 is a failure, 2 wrong usage. */
function exitStatus(error: unknown): number {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(`kuosan: ${program.opts<{ debug?: boolean }>().debug ? stack : message}\n`);
  return error instanceof UsageError ? 2 : 1;
}
