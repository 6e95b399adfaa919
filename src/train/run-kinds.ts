import { unknownName } from '../core/suggest.ts';
import { planClassifier } from './classifier-run.ts';
import { parseClassifierConfig } from './classifier-config.ts';
import { parseClipConfig } from './clip-config.ts';
import { planClip } from './clip-run.ts';
import { parseDdpmConfig, type TrainConfig } from './config.ts';
import { planDdpm } from './ddpm-run.ts';
import type { RunOptions, RunPlan } from './run.ts';

/** A run whose configuration has been checked: what is left is its data. */
export interface ConfiguredRun {
  readonly train: TrainConfig;
  /** @throws if the configuration contradicts itself or the data */
  plan(options: Pick<RunOptions, 'skipBad' | 'signal'>): Promise<RunPlan>;
}

/** What can be trained, by the `task` of a configuration. */
const runKinds: Readonly<Record<string, (value: unknown) => ConfiguredRun>> = {
  ddpm: (value) => {
    const config = parseDdpmConfig(value);
    return { train: config.train, plan: (options) => planDdpm(config, options) };
  },
  classifier: (value) => {
    const config = parseClassifierConfig(value);
    return { train: config.train, plan: (options) => planClassifier(config, options) };
  },
  clip: (value) => {
    const config = parseClipConfig(value);
    return { train: config.train, plan: (options) => planClip(config, options) };
  },
};

/**
 * Checks the configuration of a run of any kind; its `task` says which: `ddpm` (when left out), `classifier` or `clip`.
 *
 * @throws for an unknown task, with those there are; else what the check of that kind finds
 */
export function configuredRun({ task = 'ddpm', ...config }: Readonly<Record<string, unknown>>): ConfiguredRun {
  const kind = typeof task === 'string' && Object.hasOwn(runKinds, task) ? runKinds[task] : undefined;
  if (!kind) throw new Error(`config.${unknownName('task', String(task), Object.keys(runKinds))}`);
  return kind(config);
}
