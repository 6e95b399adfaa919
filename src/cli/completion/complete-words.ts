import type { Argument, Command, Option } from 'commander';

/** What a shell may offer. */
export interface Completion {
  readonly value: string;
  readonly description: string;
}

/** What fits, and whether names of files do too. */
export interface Completions {
  readonly completions: readonly Completion[];
  readonly files: boolean;
}

/** Where names come from that are looked up when they are asked for; each by what the help calls the value. */
export type Lookup = (called: string, command: Command) => Promise<readonly string[]>;

/** Settings of a configuration, which `train` takes by their paths. */
export interface CompletedSetting {
  readonly path: string;
  readonly meaning: string;
  readonly choices?: readonly string[];
  /** True if other settings lie below it, so that it has no value of its own. */
  readonly section: boolean;
}

const nothing: Completions = { completions: [], files: false };

/**
 * What the last word can become.
 *
 * @param program   with all commands
 * @param words     what was typed after `kuosan`; the last one, which may be empty, is completed
 * @param lookup    names of models, presets, data sets
 * @param settings  of configurations
 */
export async function completeWords(
  program: Command,
  words: readonly string[],
  lookup: Lookup,
  settings: readonly CompletedSetting[],
): Promise<Completions> {
  const typed = withEqualSigns(words);
  const current = typed.at(-1) ?? '';
  const { command, positions, waiting } = walk(program, typed.slice(0, -1));
  const ofSetting = (flag: string) => settings.find(({ path }) => `--${path}` === flag);

  if (waiting !== undefined) {
    const choices = ofSetting(waiting)?.choices;
    return valuesOf(choices ?? optionOf(command, waiting), command, lookup, current);
  }
  const at = current.indexOf('=');
  if (current.startsWith('--') && at > 0) {
    const flag = current.slice(0, at);
    const found = await valuesOf(
      ofSetting(flag)?.choices ?? optionOf(command, flag),
      command,
      lookup,
      current.slice(at + 1),
    );
    return {
      ...found,
      completions: found.completions.map(({ value, description }) => ({ value: `${flag}=${value}`, description })),
    };
  }
  if (current.startsWith('-')) {
    const help = command.createHelp();
    const flags = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)].flatMap(
      ({ long, description }) => (long ? [{ value: long, description }] : []),
    );
    // All settings at once would bury the options: they come when one is begun.
    const begun =
      command.name() === 'train' && current.length > 3
        ? settings
            .filter(({ section }) => !section)
            .map(({ path, meaning }) => ({ value: `--${path}`, description: meaning }))
        : [];
    return { completions: fitting([...flags, ...begun], current), files: false };
  }
  const inner =
    positions === 0
      ? command
          .createHelp()
          .visibleCommands(command)
          .map((each) => ({ value: each.name(), description: each.description() }))
      : [];
  const argument = command.registeredArguments[Math.min(positions, command.registeredArguments.length - 1)];
  const isFree = argument !== undefined && (positions < command.registeredArguments.length || argument.variadic);
  const { completions, files } = isFree ? await valuesOf(argument, command, lookup, current) : nothing;
  return { completions: [...fitting(inner, current), ...completions], files };
}

/** bash hands `--a=b` over as three words. */
function withEqualSigns(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const before = joined.at(-1);
    if (before?.startsWith('--') && (word === '=' || before.endsWith('='))) joined[joined.length - 1] = before + word;
    else joined.push(word);
  }
  return joined;
}

interface Place {
  readonly command: Command;
  /** How many of its arguments have been given. */
  readonly positions: number;
  /** The option whose value comes next. */
  readonly waiting?: string;
}

function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  let positions = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word.startsWith('-')) {
      const option = optionOf(command, word);
      // A setting, `--train.steps`, has a value too.
      const takes = !word.includes('=') && (option ? option.required || option.optional : /^--\w+\./.test(word));
      if (takes && i === words.length - 1) return { command, positions, waiting: word };
      if (takes) i++;
      continue;
    }
    const inner = positions === 0 ? command.commands.find((each) => each.name() === word) : undefined;
    if (inner) command = inner;
    else positions++;
  }
  return { command, positions };
}

function optionOf(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => long === flag || short === flag);
}

/** What the help calls the value of an option: `source` of `--data <source>`. */
function calledOf(of: Option | Argument): string {
  return 'flags' in of ? (/[<[]([^>\]]*)[>\]]/.exec(of.flags)?.[1] ?? '') : of.name();
}

async function valuesOf(
  of: Option | Argument | readonly string[] | undefined,
  command: Command,
  lookup: Lookup,
  current: string,
): Promise<Completions> {
  if (of === undefined) return nothing;
  const named = (names: readonly string[]) =>
    fitting(
      names.map((value) => ({ value, description: '' })),
      current,
    );
  if (!('description' in of)) return { completions: named(of), files: false };
  const choices = of.argChoices ?? (of.parseArg as { readonly choices?: readonly string[] } | undefined)?.choices;
  if (choices) return { completions: named(choices), files: false };
  const called = calledOf(of);
  const isPath = /path|dir|file|image|list|model|run|source|network|config|captions|\.\w+$/.test(called);
  return { completions: named(await lookup(called, command)), files: isPath };
}

function fitting(completions: readonly Completion[], current: string): Completion[] {
  return completions.filter(({ value }) => value.startsWith(current));
}
