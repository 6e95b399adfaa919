/** Trains for a few steps and prints what it took as JSON; see fresh-process.ts. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Executor } from '../src/core/index.ts';
import { defaultCacheDir } from '../src/data/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import type { FreshOptions, FreshReport } from './fresh-process.ts';
import { openTrainer, unetConfig } from './network.ts';

const { kernels, threads, width, batch, steps } = JSON.parse(process.argv[2]!) as FreshOptions;
const start = performance.now();
const cacheDir = defaultCacheDir();
const executor = createNodeExecutor({
  threads,
  cpuKernels: kernels,
  ...(cacheDir !== undefined && { cacheDir: join(cacheDir, 'programs') }),
});
let compileMs = 0;
const timing: Executor = {
  ...executor,
  async compile(program) {
    const begun = performance.now();
    const executable = await executor.compile(program);
    compileMs += performance.now() - begun;
    return executable;
  },
};
const trainer = await openTrainer(timing, unetConfig(width, batch));
await trainer.advance();
const firstStepMs = performance.now() - start;
while (trainer.step < steps) await trainer.advance();
// The high-water mark of this program alone: what getrusage tells begins with that of the parent.
const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
console.log(
  JSON.stringify({
    compileMs,
    firstStepMs,
    peakMegabytes: peak === undefined ? null : Number(peak) / 1024,
  } satisfies FreshReport),
);
await executor.dispose();
