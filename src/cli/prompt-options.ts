/** The options of commands that generate from a text: what images show, and in which style. */
import type { Command } from 'commander';
// From its own file: help waits for no image library.
import { readTexts } from '../data/texts/texts.ts';
import type { GeneratorInputs } from '../generators/index.ts';
import { UsageError } from './options.ts';

/** What images show. */
export interface PromptOptions {
  readonly prompt?: readonly string[];
  /** A file with a prompt on each line. */
  readonly prompts?: string;
  readonly negativePrompt?: string;
  readonly style?: string;
}

/** Adds `--prompt`, `--negative-prompt` and `--style`. */
export function addPromptOptions(command: Command, prompt: string): Command {
  return command
    .option('--prompt <text>', prompt, collected)
    .option('--negative-prompt <text>', 'what the images should not show; needs guidance')
    .option('--style <names>', 'values of the fields that the model knows, such as tabler or "lucide, outline"');
}

function collected(text: string, before: readonly string[] = []): readonly string[] {
  if (text.trim() === '') throw new UsageError('--prompt: is empty; say what the images should show');
  return [...before, text.trim()];
}

/**
 * The prompts of the command line and of the file, in their order; undefined where there are none.
 *
 * @throws one line if the file cannot be read or holds none
 */
export async function readPrompts({ prompt = [], prompts }: PromptOptions): Promise<readonly string[] | undefined> {
  const listed = prompts === undefined ? [] : (await readTexts(prompts)).texts;
  const all = [...prompt, ...listed];
  return all.length === 0 ? undefined : all;
}

/**
 * Before sampling: what a model does not take is said under the option's name.
 *
 * @throws UsageError
 */
export function checkPromptOptions(
  { prompt, prompts, negativePrompt, style }: PromptOptions,
  { text, styles }: Pick<GeneratorInputs, 'text' | 'styles'>,
): void {
  const given = prompt ? '--prompt' : prompts === undefined ? undefined : '--prompts';
  if (given && !text)
    throw new UsageError(
      `${given}: this model takes no text; leave it out, or take a model that was trained on captions`,
    );
  if (text?.required && !given)
    throw new UsageError('this model generates images of a text; say which with --prompt "a folder with a heart"');
  if (negativePrompt !== undefined && !text)
    throw new UsageError('--negative-prompt: this model takes no text; leave it out');
  if (style !== undefined && !styles) throw new UsageError('--style: this model knows no styles; leave it out');
}
