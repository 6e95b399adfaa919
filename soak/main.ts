/** `npm run soak -- kills --count 100` and `npm run soak -- fuzz --minutes 60`; docs/reliability.md has what they found. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { duration } from '../src/cli/progress.ts';
import { choiceOption, integerOption, numberOption } from '../src/cli/options.ts';
import { buildPackage } from '../test/built-package.ts';
import { replayFault, soakFuzz } from './fuzz.ts';
import { soakKills } from './kills.ts';
import { readers } from './readers.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

const program = new Command('soak').description(
  'Hours of what tests do for seconds: processes that are killed, files that are damaged.',
);

program
  .command('kills')
  .description(
    'kill training at random moments, resume it, and compare every byte with a run that was never interrupted',
  )
  .option('--count <n>', 'processes to kill', integerOption('--count', 1), 100)
  .option('--seed <n>', 'chooses loaders and moments', integerOption('--seed', 0), 0)
  .action(async ({ count, seed }: { readonly count: number; readonly seed: number }) => {
    const start = performance.now();
    const folder = mkdtempSync(join(tmpdir(), 'kuosan-kills-'));
    // The package as users have it: what is edited meanwhile does not matter.
    const built = buildPackage();
    try {
      const { kills, resumes, checkpoints, faults } = await soakKills({
        count,
        seed,
        folder,
        print,
        program: [join(built.folder, 'dist/cli/main.js')],
      });
      for (const [what, number] of Object.entries(kills).sort()) print(`${what}: ${number}`);
      print(
        `${count} kills, ${resumes} resumes and ${checkpoints} checkpoints compared in ${duration((performance.now() - start) / 1000)}: ${faults.length === 0 ? 'no fault' : `${faults.length} faults, kept in ${folder}`}`,
      );
      if (faults.length === 0) rmSync(folder, { recursive: true, force: true });
      process.exitCode = faults.length === 0 ? 0 : 1;
    } finally {
      built.remove();
    }
  });

program
  .command('fuzz')
  .description(
    'read damaged files of every kind: each is read or refused in one line, soon, in memory of ten times its size',
  )
  .option('--minutes <n>', 'for all readers together', numberOption('--minutes', 0.01, 1e5), 60)
  .option('--seed <n>', 'of the damage', integerOption('--seed', 0), 0)
  .option(
    '--reader <name>',
    `one reader alone: ${readers.map(({ name }) => name).join(', ')}`,
    choiceOption(
      'reader',
      readers.map(({ name }) => name),
    ),
  )
  .option('--faults <dir>', 'where inputs that fail are kept', 'soak-faults')
  .option('--replay <dir>', 'read a kept input again')
  .action(async ({ minutes, seed, reader, faults: faultsFolder, replay }: FuzzCommand) => {
    if (replay !== undefined) {
      const fault = await replayFault(replay);
      print(fault ?? `${replay}: is read, or refused, as it should be`);
      process.exitCode = fault === undefined ? 0 : 1;
      return;
    }
    const report = await soakFuzz({
      readers: reader === undefined ? readers.map(({ name }) => name) : [reader],
      seed,
      seconds: 60 * minutes,
      faultsFolder,
      print,
    });
    print('| reader | inputs | read in spite of it | largest buffer, MB | most held, MB | faults |');
    print('|---|---|---|---|---|---|');
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
    for (const { name, inputs, accepted, largest, peak, faults } of report.readers)
      print(
        `| ${name} | ${inputs.toLocaleString('en-US')} | ${accepted.toLocaleString('en-US')} | ${megabytes(largest)} | ${megabytes(peak)} | ${faults} |`,
      );
    for (const fault of report.faults) print(`FAULT ${fault}`);
    process.exitCode = report.faults.length === 0 ? 0 : 1;
  });

interface FuzzCommand {
  readonly minutes: number;
  readonly seed: number;
  readonly reader?: string;
  readonly faults: string;
  readonly replay?: string;
}

await program.parseAsync();
