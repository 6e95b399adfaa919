/**
 * What our loops cost beside the engine's runs: a training step and a sampling step of the demo's model and of the larger
 * one, minus the time that the same step spends in ONNX Runtime, on an executor as users have it and without its profiler.
 */
import { openDataset } from '../src/data/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import type { NodeExecutorOptions } from '../src/runtime/node.ts';
import { parseDdpmConfig, readConfig, type DdpmConfig } from '../src/train/index.ts';
import { unetConfig } from './network.ts';
import { progress, rounded, type Settings } from './question.ts';
import { median, quantile } from './statistics.ts';
import { samplingSteps, timeSteps, trainingSteps, type Stepper } from './steps.ts';
import { digits, layTable, percent } from './table.ts';

/** Steps that count. */
const steps = 20;

export async function overhead({ threads }: Settings): Promise<void> {
  const demo = parseDdpmConfig({ ...await readConfig('smileys-16') });
  const { source, size, crop } = demo.data;
  const dataset = await openDataset(source, { size, crop, channels: 3 });
  const weights = ({ model }: DdpmConfig) => initialValues(new UNet2DModel(model), 0);
  const large = unetConfig(64, 16);
  const kinds: Readonly<Record<string, (options: NodeExecutorOptions) => Promise<Stepper>>> = {
    [`training, smileys-16, batch ${demo.train.batchSize}`]: (options) => trainingSteps(demo, options, dataset),
    [`sampling, smileys-16, batch ${demo.train.batchSize}`]: (options) => samplingSteps(demo, weights(demo), options),
    'sampling, smileys-16, batch 1': (options) => samplingSteps({ ...demo, train: { ...demo.train, batchSize: 1 } }, weights(demo), options),
    'training, 64·(1,2,2), batch 16': (options) => trainingSteps(large, options),
    'sampling, 64·(1,2,2), batch 16': (options) => samplingSteps(large, weights(large), options),
  };
  const rows: { readonly case: string; readonly stepMs: number; readonly ours: number; readonly quartiles: readonly [number, number]; readonly part: number }[] = [];
  for (const [name, open] of Object.entries(kinds)) {
    progress(name);
    const { whole, engine } = await timeSteps(() => open({ threads }), steps);
    const ours = whole.map((ms, step) => ms - engine[step]!);
    rows.push({ case: name, stepMs: median(whole), ours: median(ours), quartiles: [quantile(ours, 0.25), quantile(ours, 0.75)], part: median(ours) / median(whole) });
  }
  console.log(`\n${layTable([
    ['ms', 'step', 'ours in it', 'quartiles', 'part'],
    ...rows.map(({ case: name, stepMs, ours, quartiles, part }) => [name, digits(stepMs), digits(ours), quartiles.map(digits).join('–'), percent(part)]),
  ])}`);
  console.log(JSON.stringify({ question: 'overhead', outcomes: rounded(rows) }));
}
