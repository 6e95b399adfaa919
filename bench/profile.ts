/**
 * Where the time of a training step and of a sampling step goes.
 *
 *     npm run profile -- <preset | configuration.json | model> [--batch 16] [--depth 2] [--runs 5] [--threads 2]
 *                        [--kernels standard] [--only training] [--json]
 *
 * For each operator and for each part of the network: its time, what it computes and moves, how fast, and how much of the
 * machine's ceiling that is: the least time that a product of large matrices and a large copy would allow, divided by the
 * time it took. What stays in a cache can pass the ceiling, which is memory's.
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { loadModel } from '../src/checkpoint/index.ts';
import type { HostArrays } from '../src/core/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { countParameters, initialValues } from '../src/nn/index.ts';
import type { NodeExecutorOptions } from '../src/runtime/node.ts';
import { parseDdpmConfig, presetNames, readConfig, type DdpmConfig } from '../src/train/index.ts';
import { measureCeilings } from './ceilings.ts';
import { pictureOf } from './network.ts';
import { described, summary, type StepSummary } from './step-profile.ts';
import { profileSteps, samplingSteps, trainingSteps, type Stepper } from './steps.ts';
import { digits } from './table.ts';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      batch: { type: 'string' }, depth: { type: 'string', default: '2' }, runs: { type: 'string', default: '5' }, only: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) }, kernels: { type: 'string', default: 'auto' }, json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 1) throw new Error(`profile: expected one preset, configuration or model; one of ${(await presetNames()).join(', ')}, or a path`);
  if (values.kernels !== 'auto' && values.kernels !== 'standard') throw new Error(`profile: --kernels is auto or standard, got ${values.kernels}`);
  if (values.only !== undefined && !['training', 'sampling'].includes(values.only)) throw new Error(`profile: --only is training or sampling, got ${values.only}`);
  const [threads, runs, depth] = [wholeNumber('threads', values.threads), wholeNumber('runs', values.runs), wholeNumber('depth', values.depth)];
  const { config, weights } = await subject(positionals[0]!, values.batch === undefined ? undefined : wholeNumber('batch', values.batch));
  const engine: NodeExecutorOptions = { threads, worker: false, cpuKernels: values.kernels };

  const say = (line: string) => void (values.json || console.log(line));
  const unet = new UNet2DModel(config.model);
  const batch = config.train.batchSize;
  say(`${positionals[0]}: ${countParameters(unet).toLocaleString('en-US')} parameters, pictures of ${pictureOf(config).join(' × ')}, batch ${batch}, ${threads} threads, ${values.kernels} kernels`);
  const ceilings = await measureCeilings(threads);
  say(`ceilings: ${digits(ceilings.gflops)} GFLOP/s (product of 2048 × 2048 matrices), ${digits(ceilings.gbps)} GB/s (a pass over 64 MiB)`);
  if (loadavg()[0]! > 0.5) say(`the machine is busy (load ${loadavg()[0]!.toFixed(1)}): trust shares, not times or ceilings`);

  const steps: Record<string, StepSummary> = {};
  const kinds: Readonly<Record<string, (options: NodeExecutorOptions) => Promise<Stepper>>> = {
    training: (options) => trainingSteps(config, options),
    sampling: (options) => samplingSteps(config, weights ?? initialValues(unet, 0), options),
  };
  for (const [kind, open] of Object.entries(kinds)) {
    if (values.only !== undefined && values.only !== kind) continue;
    steps[kind] = summary(await profileSteps((options) => open({ ...engine, ...options }), runs), depth, ceilings);
    say(`\n${kind} step\n`);
    say(described(steps[kind]));
  }
  if (values.json) console.log(JSON.stringify({ subject: positionals[0], batch, threads, kernels: values.kernels, ceilings, load: loadavg()[0], steps }));
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`profile: --${option} is a positive integer, got ${text}`);
  return Number(text);
}

/** What to profile: a run's configuration, and a model's weights if it is one. */
async function subject(source: string, batch?: number): Promise<{ config: DdpmConfig; weights?: HostArrays }> {
  if (/\.jsonc?$/.test(source) || (await presetNames()).includes(source)) {
    const config = parseDdpmConfig({ data: { source: 'noise' }, ...await readConfig(source) });
    return { config: batch === undefined ? config : { ...config, train: { ...config.train, batchSize: batch } } };
  }
  const presets = await presetNames();
  const { unet, weights, scheduler } = await loadModel(source).catch((error: Error) => {
    throw new Error(`${error.message}; or a preset: ${presets.join(', ')}`);
  });
  const { sampleSize } = unet.config;
  const config = parseDdpmConfig({ data: { source: 'noise', size: sampleSize ?? 32 }, train: { steps: 1000, batchSize: batch ?? 16 } });
  return { config: { ...config, model: unet.config, scheduler }, weights };
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
