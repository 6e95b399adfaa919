/**
 * What our loops cost next to the engine's runs: training and sampling steps of the demo's model and of the larger one, minus
 * the time that the same step spends in ONNX Runtime, on an executor as users have it and without its profiler. Sampling
 * also separates network evaluations, which are the engine's runs and the messages to its thread and back.
 */
import { openDataset } from '../src/data/index.ts';
import { type SamplerName, samplers } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import type { NodeExecutorOptions } from '../src/runtime/node.ts';
import { parseDdpmConfig } from '../src/systems/index.ts';
import { readConfig } from '../src/train/index.ts';
import { unetConfig } from './network.ts';
import { measureCases, rounded, type Settings } from './question.ts';
import { median, quantile } from './statistics.ts';
import { samplingSteps, timeSteps, trainingSteps } from './steps.ts';
import { digits, layTable, percent } from './table.ts';

/** Steps that count: many where a step is short. */
const stepsFor = (batchSize: number) => (batchSize === 1 ? 200 : 20);

const samplingCases: readonly { readonly sampler: SamplerName; readonly batchSize: number }[] = [
  { sampler: 'ddim', batchSize: 1 },
  ...(Object.keys(samplers) as SamplerName[]).map((sampler) => ({ sampler, batchSize: 16 })),
];

export async function overhead(settings: Settings): Promise<void> {
  const { threads } = settings;
  const demo = parseDdpmConfig({ ...(await readConfig('smileys-16')) });
  const { source, size, crop } = demo.data;
  const dataset = await openDataset(source, { size, crop, channels: 3 });
  const large = unetConfig(64, 16);
  const networks = { 'smileys-16': demo, '64·(1,2,2)': large };
  const training = Object.entries(networks).map(([name, config]) => ({
    name: `training, ${name}, batch ${config.train.batchSize}`,
    steps: stepsFor(config.train.batchSize),
    open: (options: NodeExecutorOptions) => trainingSteps(config, options, config === demo ? dataset : undefined),
  }));
  const sampling = Object.entries(networks).flatMap(([name, config]) =>
    samplingCases.map(({ sampler, batchSize }) => ({
      name: `${sampler}, ${name}, batch ${batchSize}`,
      steps: stepsFor(batchSize),
      open: (options: NodeExecutorOptions) =>
        samplingSteps(
          { ...config, train: { ...config.train, batchSize } },
          initialValues(new UNet2DModel(config.model), 0),
          options,
          { sampler, steps: 2 * stepsFor(batchSize) },
        ),
    })),
  );
  const cases = [...training, ...sampling];
  const measure = async ({ name, steps, open }: (typeof cases)[number]) => {
    const { whole, engine, run } = await timeSteps(() => open({ threads }), steps);
    return { case: name, stepMs: median(whole), outsideEngine: partOf(whole, engine), outsideRuns: partOf(whole, run) };
  };
  const rows = await measureCases(
    cases,
    {
      nameOf: ({ name }) => name,
      measure,
      lineOf: ({ case: name, stepMs, outsideEngine }) =>
        `${name}: ${digits(stepMs)} ms, ${digits(outsideEngine.ms)} of them besides the engine`,
    },
    settings,
  );
  if (rows.length === 0) return;
  const cells = ({ ms, quartiles, part }: Part) => [digits(ms), quartiles.map(digits).join('–'), percent(part)];
  console.log(
    `\n${layTable([
      ['ms', 'step', 'besides the engine', 'quartiles', 'adds', 'besides evaluations', 'quartiles', 'adds'],
      ...rows.map(({ case: name, stepMs, outsideEngine, outsideRuns }) => [
        name,
        digits(stepMs),
        ...cells(outsideEngine),
        ...cells(outsideRuns),
      ]),
    ])}`,
  );
  console.log(JSON.stringify({ question: 'overhead', outcomes: rounded(rows) }));
}

/** What a loop adds to something that it does in every step. */
interface Part {
  readonly ms: number;
  readonly quartiles: readonly [number, number];
  /** As a part of that something. */
  readonly part: number;
}

function partOf(whole: readonly number[], done: readonly number[]): Part {
  const rest = whole.map((ms, step) => ms - done[step]!);
  return {
    ms: median(rest),
    quartiles: [quantile(rest, 0.25), quantile(rest, 0.75)],
    part: median(rest.map((ms, step) => ms / done[step]!)),
  };
}
