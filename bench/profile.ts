/**
 * Where the time of a training step, and for DDPM of a sampling step, goes.
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
import { CLIPModel, UNet2DModel } from '../src/models/index.ts';
import { countParameters, initialValues } from '../src/nn/index.ts';
import type { NodeExecutorOptions } from '../src/runtime/node.ts';
import { parseClipConfig, type ClipConfig } from '../src/systems/clip-config.ts';
import { parseDdpmConfig, type DdpmConfig } from '../src/systems/index.ts';
import { presetNames, readConfig } from '../src/train/index.ts';
import { measureCeilings } from './ceilings.ts';
import { clipOptions, openClipTrainer } from './clip-network.ts';
import { imageOf } from './network.ts';
import { described, summary, type StepSummary } from './step-profile.ts';
import { profileSteps, samplingSteps, trainerSteps, trainingSteps, type Stepper } from './steps.ts';
import { digits } from './table.ts';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      batch: { type: 'string' },
      depth: { type: 'string', default: '2' },
      runs: { type: 'string', default: '5' },
      only: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      kernels: { type: 'string', default: 'auto' },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 1)
    throw new Error(
      `profile: expected one preset, configuration or model; one of ${(await presetNames()).join(', ')}, or a path`,
    );
  if (values.kernels !== 'auto' && values.kernels !== 'standard')
    throw new Error(`profile: --kernels is auto or standard, got ${values.kernels}`);
  const [threads, runs, depth] = [
    wholeNumber('threads', values.threads),
    wholeNumber('runs', values.runs),
    wholeNumber('depth', values.depth),
  ];
  const { about, batch, kinds } = await subject(
    positionals[0]!,
    values.batch === undefined ? undefined : wholeNumber('batch', values.batch),
  );
  if (values.only !== undefined && !kinds[values.only])
    throw new Error(
      `profile: ${positionals[0]} has no ${values.only} step; --only is ${Object.keys(kinds).join(' or ')}`,
    );
  const engine: NodeExecutorOptions = { threads, worker: false, cpuKernels: values.kernels };

  const say = (line: string) => void (values.json || console.log(line));
  say(`${positionals[0]}: ${about}, batch ${batch}, ${threads} threads, ${values.kernels} kernels`);
  const ceilings = await measureCeilings(threads);
  say(
    `ceilings: ${digits(ceilings.gflops)} GFLOP/s (product of 2048 × 2048 matrices), ${digits(ceilings.gbps)} GB/s (a pass over 64 MiB)`,
  );
  if (loadavg()[0]! > 0.5)
    say(`the machine is busy (load ${loadavg()[0]!.toFixed(1)}): trust shares, not times or ceilings`);

  const steps: Record<string, StepSummary> = {};
  for (const [kind, open] of Object.entries(kinds)) {
    if (values.only !== undefined && values.only !== kind) continue;
    steps[kind] = summary(await profileSteps((options) => open({ ...engine, ...options }), runs), depth, ceilings);
    say(`\n${kind} step\n`);
    say(described(steps[kind]));
  }
  if (values.json)
    console.log(
      JSON.stringify({
        subject: positionals[0],
        batch,
        threads,
        kernels: values.kernels,
        ceilings,
        load: loadavg()[0],
        steps,
      }),
    );
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`profile: --${option} is a positive integer, got ${text}`);
  return Number(text);
}

/** What to profile: its network in words, and its steps by kind. */
interface Subject {
  readonly about: string;
  readonly batch: number;
  readonly kinds: Readonly<Record<string, (options: NodeExecutorOptions) => Promise<Stepper>>>;
}

async function subject(source: string, batch?: number): Promise<Subject> {
  const sized = <Config extends { readonly train: { readonly batchSize: number } }>(config: Config): Config =>
    batch === undefined ? config : { ...config, train: { ...config.train, batchSize: batch } };
  if (/\.jsonc?$/.test(source) || (await presetNames()).includes(source)) {
    const { task, getData: _, ...config } = await readConfig(source);
    if (task === 'clip')
      return clipSubject(
        sized(parseClipConfig({ ...config, data: { source: 'noise', ...(config['data'] as object) } })),
      );
    if (task !== undefined)
      throw new Error(`profile: ${source} is a run of a ${String(task)}; expected one of DDPM or CLIP`);
    return ddpmSubject(sized(parseDdpmConfig({ data: { source: 'noise' }, ...config })));
  }
  const presets = await presetNames();
  const { network, weights, scheduler } = await loadModel(source).catch((error: Error) => {
    throw new Error(`${error.message}; or a preset: ${presets.join(', ')}`);
  });
  if (!(network instanceof UNet2DModel))
    throw new Error(`profile: ${source} is a ${network.className}; expected a UNet2DModel`);
  const { sampleSize } = network.config;
  const config = parseDdpmConfig({
    data: { source: 'noise', size: sampleSize ?? 32 },
    train: { steps: 1000, batchSize: batch ?? 16 },
  });
  return ddpmSubject({ ...config, model: network.config, scheduler }, weights);
}

function ddpmSubject(config: DdpmConfig, weights?: HostArrays): Subject {
  const unet = new UNet2DModel(config.model);
  return {
    about: `${countParameters(unet).toLocaleString('en-US')} parameters, images of ${imageOf(config).join(' × ')}`,
    batch: config.train.batchSize,
    kinds: {
      training: (options) => trainingSteps(config, options),
      sampling: (options) => samplingSteps(config, weights ?? initialValues(unet, 0), options),
    },
  };
}

function clipSubject(config: ClipConfig): Subject {
  const clip = new CLIPModel(clipOptions(config));
  return {
    about: `${countParameters(clip).toLocaleString('en-US')} parameters, images of 3 × ${config.data.size} × ${config.data.size}`,
    batch: config.train.batchSize,
    kinds: { training: (options) => trainerSteps((executor) => openClipTrainer(executor, config), options) },
  };
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
