import { Argument, type Command } from 'commander';
import { examples } from '../examples.ts';
import { choiceOption } from '../options.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

export function register(program: Command): void {
  program
    .command('completion')
    .description('print what makes a shell complete commands, options and names')
    .addArgument(new Argument('<shell>', `one of ${shells.join(', ')}`).argParser(choiceOption('shell', shells)))
    .addHelpText(
      'after',
      `\nkuosan has to be a command of its own (npm install -g kuosan). bash and zsh: append it to ~/.bashrc or ~/.zshrc;\nfish: write it to ~/.config/fish/completions/kuosan.fish.\n${examples('kuosan completion bash')}`,
    )
    .action(async (shell: (typeof shells)[number]) => {
      const { completionScripts } = await import('./completion-scripts.ts');
      process.stdout.write(completionScripts[shell]);
    });
  // What the scripts call: `kuosan complete -- train --pre`.
  program
    .command('complete', { hidden: true })
    .description('print what the last word can become')
    .argument('[words...]', 'what was typed after kuosan')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: readonly string[]) => {
      const { printCompletions } = await import('./run-complete.ts');
      await printCompletions(program, words, (line) => process.stdout.write(`${line}\n`));
    });
}
