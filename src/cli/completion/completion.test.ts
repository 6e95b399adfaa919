import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerCommands } from '../commands.ts';
import { completeWords, type CompletedSetting } from './complete-words.ts';
import { completionScripts, type Shell } from './completion-scripts.ts';

const settings: readonly CompletedSetting[] = [
  { path: 'train.ema', meaning: 'The average.', section: true },
  { path: 'train.ema.decay', meaning: 'How much of it stays.', section: false },
  { path: 'train.optimizer', meaning: 'Which.', choices: ['adam', 'adamw'], section: false },
];
const names: Readonly<Record<string, readonly string[]>> = {
  'run | model dir | name': ['noto-32', 'fashion-mnist'],
  'preset | config.json': ['mnist', 'noto-32'],
  source: ['noto-emoji', 'mnist'],
};

async function complete(...words: readonly string[]): Promise<readonly string[]> {
  const program = new Command('kuosan').option('--debug', 'show where').enablePositionalOptions();
  registerCommands(program);
  const { completions, files } = await completeWords(program, words, async (called) => names[called] ?? [], settings);
  return [...completions.map(({ value }) => value), ...(files ? [':files'] : [])];
}

describe('the last word becomes', () => {
  test.each<[words: readonly string[], completions: readonly string[]]>([
    [['sam'], ['sample']],
    [
      ['tokenizer', ''],
      ['train', 'help'],
    ],
    [
      ['data', 'e'],
      ['emoji', ':files'],
    ],
    [
      ['sample', 'n'],
      ['noto-32', ':files'],
    ],
    [['sample', 'noto-32', ''], []],
    [
      ['sample', '--seed', '3', 'f'],
      ['fashion-mnist', ':files'],
    ],
    [
      ['sample', 'noto-32', '--sampler', 'dd'],
      ['ddpm', 'ddim'],
    ],
    [
      ['sample', 'noto-32', '--sampler=dd'],
      ['--sampler=ddpm', '--sampler=ddim'],
    ],
    // As bash breaks it.
    [['sample', 'noto-32', '--sampler', '=', 'ddi'], ['--sampler=ddim']],
    [['sample', '--sampler', '='], ['--sampler=ddpm']],
    [['sample', '--seed', ''], []],
    [['sample', '--out', 'gr'], [':files']],
    [['sample', '--ga'], []],
    [['sample', '--gif'], ['--gif']],
    [
      ['train', 'mn'],
      ['mnist', ':files'],
    ],
    [
      ['train', '--data', 'no'],
      ['noto-emoji', ':files'],
    ],
    [['train', '--train.e'], ['--train.ema.decay']],
    [['train', '--train.ema.decay', ''], []],
    [
      ['train', '--train.optimizer', 'adamw', 'mni'],
      ['mnist', ':files'],
    ],
    [
      ['train', '--train.optimizer', 'a'],
      ['adam', 'adamw'],
    ],
    [['train', '--train.optimizer=adamw'], ['--train.optimizer=adamw']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['no-such-command', ''], []],
  ])('%j: %j', async (words, completions) => {
    const found = await complete(...words);
    // Samplers are added now and then: the first ones stand for them.
    expect(words.at(-1) === '=' ? found.slice(0, 1) : found).toEqual(completions);
  });

  test('an option, for each that begins so, and no setting before one is begun', async () => {
    const all = await complete('train', '--');
    expect(all).toContain('--resume');
    expect(all).toContain('--help');
    expect(all.filter((flag) => flag.includes('.'))).toEqual([]);
    expect(await complete('')).toContain('export');
    expect(await complete('')).not.toContain('complete');
  });
});

/** What each shell offers after a line, the script being loaded and `kuosan` being a command that says what it was asked. */
const drivers: Readonly<Record<Shell, (script: string, words: readonly string[]) => string>> = {
  bash: (script, words) => `source ${script}
COMP_WORDS=(kuosan ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; COMP_WORDBREAKS=$' \\t\\n"=:'
_kuosan; printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: (script, words) => `compdef() { :; }; _describe() { print -l -- \${values%%:*}; }; _files() { print -l -- *(N); }
source ${script}
words=(kuosan ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length + 1}
_kuosan`,
  fish: (script, words) => `source ${script}\ncomplete -C '${['kuosan', ...words].join(' ')}'`,
};

describe.each(Object.keys(completionScripts) as Shell[])('%s', (shell) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kuosan-completion-'));
    mkdirSync(join(folder, 'bin'));
    mkdirSync(join(folder, 'here'));
    writeFileSync(join(folder, 'here/photo one.png'), '');
    // Answers as kuosan does; what it is asked is the last line of the log.
    const fake = `#!/bin/sh\nshift 2\nprintf '%s|' "$@" > '${folder}/asked'\nprintf 'noto-32\\tdraws emoji: many\\n:files\\n'\n`;
    writeFileSync(join(folder, 'bin/kuosan'), fake);
    chmodSync(join(folder, 'bin/kuosan'), 0o755);
    writeFileSync(join(folder, 'script'), completionScripts[shell]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const isThere = spawnSync(shell, ['--version']).status === 0;
  // Skipped where the shell is not installed.
  test.runIf(isThere)('asks with the words as they are, and offers names and files', () => {
    const run = (...words: readonly string[]): readonly string[] =>
      execFileSync(shell, ['-c', drivers[shell](join(folder, 'script'), words)], {
        cwd: join(folder, 'here'),
        env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, HOME: folder },
        encoding: 'utf8',
      })
        .split('\n')
        .map((line) => line.split('\t')[0]!)
        .filter((line) => line !== '');
    const asked = () => execFileSync('cat', [join(folder, 'asked')], { encoding: 'utf8' });
    const offered = run('sample', '');
    expect(asked()).toBe('sample||');
    expect(offered[0]).toBe('noto-32');
    // fish writes it so that it can stand in a line.
    expect(offered.map((name) => name.replaceAll('\\', ''))).toContain('photo one.png');
    // A word that is a command for the shell is asked about, not run.
    if (shell !== 'fish') {
      run('sample', '$(touch ran)');
      expect(asked()).toBe('sample|$(touch ran)|');
    }
    expect(execFileSync('ls', [join(folder, 'here')], { encoding: 'utf8' })).toBe('photo one.png\n');
  });
});
