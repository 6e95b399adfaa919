/** `npm run soak -- kills --count 100` and `npm run soak -- fuzz --minutes 60`; docs/reliability.md has what they found. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { duration } from '../src/cli/progress.ts';
import { integerOption } from '../src/cli/options.ts';
import { buildPackage } from '../test/built-package.ts';
import { soakKills } from './kills.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

const program = new Command('soak').description('Hours of what tests do for seconds: processes that are killed, files that are damaged.');

program.command('kills')
  .description('kill training at random moments, resume it, and compare every byte with a run that was never interrupted')
  .option('--count <n>', 'processes to kill', integerOption('--count', 1), 100)
  .option('--seed <n>', 'chooses loaders and moments', integerOption('--seed', 0), 0)
  .action(async ({ count, seed }: { readonly count: number; readonly seed: number }) => {
    const start = performance.now();
    const folder = mkdtempSync(join(tmpdir(), 'kuosan-kills-'));
    // The package as users have it: what is edited meanwhile does not matter.
    const built = buildPackage();
    try {
      const { kills, resumes, checkpoints, faults } = await soakKills({ count, seed, folder, print, program: [join(built.folder, 'dist/cli/main.js')] });
      for (const [what, number] of Object.entries(kills).sort()) print(`${what}: ${number}`);
      print(`${count} kills, ${resumes} resumes and ${checkpoints} checkpoints compared in ${duration((performance.now() - start) / 1000)}: ${faults.length === 0 ? 'no fault' : `${faults.length} faults, kept in ${folder}`}`);
      if (faults.length === 0) rmSync(folder, { recursive: true, force: true });
      process.exitCode = faults.length === 0 ? 0 : 1;
    } finally {
      built.remove();
    }
  });

await program.parseAsync();
