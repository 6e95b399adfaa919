import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { printable } from '../formats/quote.ts';
import type { OutputWatch } from './closed-output.ts';
import { registerCommands } from './commands.ts';
import { Interrupted } from './interrupt.ts';
import { UsageError } from './options.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/**
 * Runs one command.
 *
 * @param words   what was typed after `kuosan`
 * @param output  told whether the command writes files
 * @returns the exit status: 0, 1 for a failure, 2 for wrong usage, 128 + n after signal n; what there is to say is printed
 */
export async function runCommand(words: readonly string[], output?: OutputWatch): Promise<number> {
  const program = new Command('kuosan')
    .description('Train diffusion models, generate images with them, and see how they work.')
    .version(version)
    .option('--debug', 'show the stack of an error')
    // `data emoji` has options of its own that have the names of `data`'s; `--debug` is taken wherever it stands, below.
    .enablePositionalOptions()
    // Errors are printed below, all in one form.
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .hook('preAction', (_, command) => output?.setWritesFiles(writesFiles(command)));
  registerCommands(program);
  const debug = words.includes('--debug');
  const rest = words.filter((word) => word !== '--debug');
  try {
    await program.parseAsync(rest, { from: 'user' });
    return 0;
  } catch (error) {
    return report(error, program, rest, debug);
  }
}

/** Options that name a file or a folder to write. */
const writing = ['out', 'gif', 'svg', 'web', 'nearest'];

function writesFiles(command: Command): boolean {
  const options = command.opts<Record<string, unknown>>();
  return writing.some((name) => options[name] !== undefined);
}

/** Prints one line for an error, and returns the exit status. */
function report(error: unknown, program: Command, words: readonly string[], debug: boolean): number {
  if (error instanceof Interrupted) return error.exitStatus;
  // The help or the version, which was asked for or stands in for a missing command.
  if (error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help'))
    return error.exitCode === 0 ? 0 : 2;
  const isUsage = error instanceof UsageError || error instanceof CommanderError;
  const message =
    error instanceof CommanderError
      ? usageMessage(error, program, words)
      : error instanceof Error
        ? error.message
        : String(error);
  // With --debug also the causes; else one line, whatever a library has put into its message.
  process.stderr.write(`kuosan: ${debug ? inspect(error) : printable(message.replaceAll(/\s*\n\s*/g, ' '))}\n`);
  return isUsage ? 2 : 1;
}

/** Commands and options that earlier versions called otherwise. */
const renamed: Readonly<Record<string, string>> = { floor: 'loss-by-noise', '--views': '--tta' };

/** Commander's message in our form: `unknown option '--stpes'; did you mean --steps?` */
function usageMessage({ message, code }: CommanderError, program: Command, words: readonly string[]): string {
  const [problem, suggestion] = message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .split('\n');
  const old = /^unknown (?:command|option) '(.*)'$/.exec(problem!)?.[1];
  if (old !== undefined && Object.hasOwn(renamed, old)) return `${problem}; it is called ${renamed[old]} now`;
  if (suggestion) return `${problem}; ${suggestion.replace(/^\(Did you mean (.*)\)$/, 'did you mean $1')}`;
  const path: string[] = [];
  // The command that was meant, and the one inside of it: `tokenizer train`.
  for (let inner = program.commands; path.length < words.length;) {
    const command = inner.find((each) => each.name() === words[path.length]);
    if (!command) break;
    path.push(command.name());
    inner = command.commands;
  }
  return `${problem}; see kuosan ${code === 'commander.unknownCommand' ? '' : [...path, ''].join(' ')}--help`;
}
