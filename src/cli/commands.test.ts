import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { registerCommands } from './commands.ts';

/** Every command and sub-command does nothing, and throws where a line is wrong. */
function quietProgram(write: (text: string) => void = () => {}): Command {
  const program = new Command('kuosan').enablePositionalOptions();
  registerCommands(program);
  for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
    command.exitOverride().configureOutput({ writeOut: write, writeErr: () => {} });
    if (command !== program) command.action(() => {});
  }
  return program;
}

function helpOf(...words: readonly string[]): string {
  let text = '';
  const program = quietProgram((part) => (text += part));
  expect(() => program.parse([...words, '--help'], { from: 'user' })).toThrow('(outputHelp)');
  return text;
}

/** The words of a line as a shell splits them. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);

/** Of a command that has others inside, those; and itself if it does something by itself. */
const visible = quietProgram().commands.filter((command) => command.name() !== 'complete');
const leaves = visible.flatMap((command) => [
  ...(command.commands.length === 0 || command.name() === 'data' ? [[command.name()]] : []),
  ...command.commands.map((inner) => [command.name(), inner.name()]),
]);

describe('help', () => {
  test('has the commands in groups, each in one', () => {
    const help = helpOf();
    const groups = [...help.matchAll(/^(\w+):\n((?: {2,}.*\n)+)/gm)]
      .filter(([, title]) => title !== 'Options' && title !== 'Arguments')
      .map(([, title, body]) => [title, [...body!.matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => name)] as const);
    expect(groups.map(([title]) => title)).toEqual(['Make', 'Measure', 'Understand', 'Ship', 'Inspect', 'Commands']);
    expect(groups.at(-1)![1]).toEqual(['help']);
    const listed = groups.flatMap(([, names]) => names).filter((name) => name !== 'help');
    expect(listed.toSorted()).toEqual([...new Set(leaves.map(([name]) => name))].toSorted());
  });

  test.each(leaves.map((words) => ({ command: words.join(' '), words })))(
    'of $command ends with examples that parse',
    ({ command, words }) => {
      const [, list] = /\nExamples?:\n((?: {2}.*\n)+)/.exec(helpOf(...words))!;
      const lines = list!.trimEnd().split('\n');
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        expect(line.trim().startsWith(`kuosan ${command}`), line).toBe(true);
        quietProgram().parse(wordsOf(line).slice(1), { from: 'user' });
      }
    },
  );
});
