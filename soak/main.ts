/** `npm run soak -- kills --count 100`, `npm run soak -- serve --seconds 120` and `npm run soak -- fuzz --minutes 60`; docs/reliability.md has what they found. */
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
import { soakedModel, soakServe, type ServeSoakOptions } from './serve.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

const program = new Command('soak').description(
  'Hours of what tests do for seconds: processes that are killed, files that are damaged.',
);

program
  .command('serve')
  .description('ask a server for more than it can do, and compare every image with what its seed is alone')
  .option('--model <name>', 'a run, a model folder or a name', soakedModel)
  .option('--clients <n>', 'clients that ask at once', integerOption('--clients', 1, 10_000), 200)
  .option('--seconds <n>', 'how long', integerOption('--seconds', 1, 3600), 120)
  .option('--steps <n>', 'steps of each image', integerOption('--steps', 1, 1000), 4)
  .option(
    '--batch-size <n>',
    'images computed together; 1 is without batching',
    integerOption('--batch-size', 1, 1024),
    8,
  )
  .option('--queue <n>', 'images that may wait', integerOption('--queue', 1, 100_000), 64)
  .option('--kills <n>', 'workers to kill on the way', integerOption('--kills', 0, 1000), 0)
  .option('--seed <n>', 'chooses what is asked for', integerOption('--seed', 0), 0)
  .action(async (options: Omit<ServeSoakOptions, 'program' | 'print'>) => {
    const built = buildPackage();
    try {
      const report = await soakServe({ ...options, print, program: [join(built.folder, 'dist/cli/main.js')] });
      const { answered, refused, killed, faults, imagesPerSecond, overload, healthMs, imageMs, memory, heap } = report;
      print(
        `${answered} images with the bytes of their seeds, ${refused} refused, ${killed} killed; ${faults.length} faults`,
      );
      for (const fault of faults.slice(0, 20)) print(`fault: ${fault}`);
      print(`${imagesPerSecond.toFixed(1)} images/s; ${overload.toFixed(1)} requests for each that was answered`);
      print(`image: p50 ${imageMs.p50.toFixed(0)} ms, p95 ${imageMs.p95.toFixed(0)} ms`);
      print(`health: p50 ${healthMs.p50.toFixed(1)} ms, p95 ${healthMs.p95.toFixed(1)} ms`);
      for (const [part, [before, after]] of Object.entries(memory))
        print(
          `memory of the ${part}: ${before.toFixed(0)} MB in the second quarter, ${after.toFixed(0)} MB in the last`,
        );
      print(`heap of the server at its least: ${heap.map((size) => `${size.toFixed(0)} MB`).join(', then ')}`);
      process.exitCode = faults.length > 0 ? 1 : 0;
    } finally {
      built.remove();
    }
  });

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
