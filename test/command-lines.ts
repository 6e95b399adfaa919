/** The command lines of the documentation: where they stand, and whether the command line takes them. */
import { Command } from 'commander';
import { expect } from 'vitest';
import { registerCommands } from '../src/cli/commands.ts';
import { applyOverrides, parseOverrides } from '../src/cli/options.ts';
import { configuredRun, sectionHeadsOf, systems } from '../src/systems/index.ts';
import { readConfig } from '../src/train/index.ts';
import { codeBlocks } from './code-blocks.ts';

/** The words of a command line as a shell splits them; enough for documentation. */
export function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare!);
}

/** Every `kuosan …` in a code block, and in the text between backticks. */
export function commandLines(text: string): string[] {
  const blocks = [...codeBlocks(text, 'sh'), ...codeBlocks(text, '')]
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, ''));
  const inline = [...text.replace(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
  const indented = text
    .split('\n')
    .filter((line) => /^ {4}\S/.test(line))
    .map((line) => line.trim());
  return [...blocks, ...inline, ...indented]
    .flatMap((line) => line.split('&&'))
    .map((part) => part.trim())
    .filter((part) => /^(?:npx )?kuosan(?: |$)/.test(part));
}

/** Parses a line as the command line does, without doing anything; a run of `train` is laid out as well. */
export async function parseCommandLine(line: string): Promise<void> {
  // Where the shell sends what is printed is no word of the command.
  const args = words(line.replace(/^(?:npx )?kuosan ?/, '').replace(/ >>? \S+$/, ''));
  const program = new Command('kuosan')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  registerCommands(program);
  // A command by name alone, as in "what `kuosan data` shows".
  const inner = program.commands
    .find((each) => each.name() === args[0])
    ?.commands.some((each) => each.name() === args[1]);
  if (args.length <= (inner ? 2 : 1) || args.includes('--help')) return;
  // The same options, and nothing is done.
  for (const command of program.commands.flatMap((each) => [each, ...each.commands]))
    command.exitOverride().action(() => {});
  await program.parseAsync(args, { from: 'user' });
  if (args[0] !== 'train') return;
  const command = program.commands.find((each) => each.name() === 'train')!;
  const { overrides, others } = parseOverrides(
    command.args,
    command.options.map(({ long }) => long!),
  );
  const preset = await readConfig(others[0] ?? 'noto-32');
  const { data: source } = command.opts<{ data?: string }>();
  expect(() =>
    configuredRun(
      applyOverrides(
        preset,
        [...(source === undefined ? [] : ([[['data', 'source'], source]] as const)), ...overrides],
        sectionHeadsOf(systems),
      ),
    ),
  ).not.toThrow();
}
