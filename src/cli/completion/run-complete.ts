import type { Command } from 'commander';
import { pretrainedNames, type ModelKind } from '../../checkpoint/resolve.ts';
import { presetNames } from '../../train/presets.ts';
import { readConfigSchema, settingsOf, type Setting } from '../../train/described-settings.ts';
import { completeWords, type Completion } from './complete-words.ts';

/** Prints what the last word can become, a line each with its meaning after a tab, and `:files` where names of files fit too. */
export async function printCompletions(
  program: Command,
  words: readonly string[],
  print: (line: string) => void,
): Promise<void> {
  const settings = await allSettings();
  const { completions, files } = await completeWords(
    program,
    words,
    (called, command) => lookUp(called, command, settings),
    settings,
  );
  for (const { value, description } of completions) print(lineOf({ value, description }));
  if (files) print(':files');
}

function lineOf({ value, description }: Completion): string {
  return `${value}\t${description.replaceAll(/\s+/g, ' ')}`;
}

/** The settings of all kinds of run, each path once. */
async function allSettings(): Promise<Setting[]> {
  const { definitions } = await readConfigSchema();
  const all = Object.values(definitions).flatMap(settingsOf);
  return [
    ...new Map(
      all.filter(({ path }) => path.includes('.') && !path.includes('[]')).map((setting) => [setting.path, setting]),
    ).values(),
  ];
}

/** The names that a value may be, by what the help calls it. */
async function lookUp(called: string, command: Command, settings: readonly Setting[]): Promise<readonly string[]> {
  if (called.startsWith('preset')) return presetNames();
  if (called === 'network') return pretrainedNames(undefined, 'network');
  if (called.startsWith('run |') || called === 'model') return pretrainedNames(undefined, kindFor(called, command));
  if (called === 'source') {
    const { builtInDatasets } = await import('../../data/sets/open-dataset.ts');
    return builtInDatasets;
  }
  return called === 'setting' ? settings.map(({ path }) => path) : [];
}

/** A command that says "model" alone means a CLIP, but for the one to begin with. */
function kindFor(called: string, command: Command): ModelKind {
  return called === 'model' && command.name() !== 'train' ? 'clip' : 'model';
}
