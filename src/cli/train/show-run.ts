import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Executor } from '../../core/index.ts';
import { checkUnlocked } from '../../checkpoint/index.ts';
import { quoteWord } from '../../formats/quote.ts';
import type { ConfiguredRun } from '../../systems/index.ts';
import { describeMemory, expectedSamples, trainingRun, type RunEvent, type RunPlan } from '../../train/index.ts';
import { checkOutside } from '../check-apart.ts';
import { decodingProgress } from '../decoding-progress.ts';
import { describeSkipped } from '../describe-skipped.ts';
import { interruptSignal, type Interrupted } from '../interrupt.ts';
import { createProgress, duration, type InnerProgress, type Progress } from '../progress.ts';
import { estimator } from './estimate.ts';

export interface ShowRunOptions {
  readonly run: ConfiguredRun;
  readonly out: string;
  readonly executor: Executor;
  readonly resume: boolean;
  readonly skipBad: boolean;
  /** What to add to the command that was typed to go on after an interruption; default nothing. */
  readonly resumeOption?: string;
  /** Called with every sample grid. */
  readonly onSamples?: (event: Extract<RunEvent, { type: 'samples' }>, print: (line: string) => void) => void;
}

/**
 * Trains with a progress display.
 *
 * @returns what was trained
 * @throws Interrupted after Ctrl-C, once the run is saved and it is printed how to go on
 */
export async function showRun({
  run,
  out,
  executor,
  resume,
  skipBad,
  resumeOption,
  onSamples,
}: ShowRunOptions): Promise<RunPlan> {
  const total = run.train.steps;
  let progress: Progress | undefined;
  const print = (line: string) => (progress ? progress.print(line) : void process.stderr.write(`${line}\n`));
  const interrupt = interruptSignal(() =>
    print('stopping after this step; a second Ctrl-C stops at once, without a checkpoint'),
  );
  const smooth = smoothed();
  const start = performance.now();
  let end: Extract<RunEvent, { type: 'end' }> | undefined;
  let saved: string | undefined;
  let best: Extract<RunEvent, { type: 'checkpoint' }> | undefined;
  let estimate: ReturnType<typeof estimator> | undefined;
  let plan: RunPlan;
  try {
    // Reading data may take minutes, after which this would be said anyway.
    await checkUnlocked(out);
    // A run that is there already is left out of the listing.
    if (!existsSync(join(out, 'run.json'))) await checkOutside({ '--out': out }, [run.source]);
    const { onProgress, stop } = decodingProgress();
    plan = await run
      .plan({ skipBad, signal: interrupt.signal, onProgress, ...(resume && { resumeFrom: out }) })
      .finally(stop);
    let inner: InnerProgress | undefined;
    const onSampling = (done: number, of: number) => {
      inner ??= progress?.inner('  samples', of);
      inner?.update(done);
    };
    const onPreparing = (what: string, done: number, of: number) => {
      progress ??= createProgress(what, of);
      progress.update(done, 'texts');
      if (done < of) return;
      progress.stop();
      progress = undefined;
    };
    for await (const event of trainingRun(plan, {
      out,
      executor,
      resume,
      signal: interrupt.signal,
      onSampling,
      onPreparing,
    })) {
      switch (event.type) {
        case 'ready': {
          const { dataset, parameters, step, device, memory, notes, grids } = event;
          print(
            `${dataset.count.toLocaleString('en-US')} ${dataset.width === undefined ? 'examples' : `images of ${dataset.width}×${dataset.height}`} from ${dataset.name}; a network of ${parameters.toLocaleString('en-US')} parameters on ${device}`,
          );
          const left = describeSkipped(dataset.skipped ?? []);
          if (left !== undefined) print(left);
          if (memory) print(describeMemory(memory));
          if (step > 0) print(`resuming from step ${step}`);
          for (const note of notes) print(`note: ${note}`);
          print(`${out} gets ${described(run, grids)}`);
          const { batchSize, gradientAccumulation } = plan.train;
          const imagesPerStep = batchSize * gradientAccumulation;
          estimate = estimator({ from: step, steps: total, imagesPerStep, grids });
          const side = Math.max(dataset.width ?? Infinity, dataset.height ?? Infinity);
          const expected =
            plan.isInTable && grids && step === 0 ? expectedSamples({ side, imagesPerStep, steps: total }) : undefined;
          if (expected !== undefined) print(expected);
          progress = createProgress('training', total, step);
          break;
        }
        case 'step': {
          const { loss, speed, ...measures } = smooth({
            ...event.measures,
            loss: event.loss,
            speed: event.imagesPerSecond,
          });
          progress!.update(
            event.step,
            `${plan.describe?.(loss!, measures) ?? `loss ${loss!.toFixed(4)}`} · ${speed!.toFixed(0)} images/s`,
          );
          const estimated = estimate?.(event.step, performance.now());
          if (estimated !== undefined) print(estimated);
          if (event.evaluation) print(`after ${event.step} steps: ${describeEvaluation(event.evaluation)}`);
          break;
        }
        case 'samples':
          inner?.end();
          inner = undefined;
          if (onSamples) onSamples(event, print);
          else print(`after ${event.step} steps: samples in ${event.path}`);
          break;
        case 'checkpoint':
          saved = event.path;
          best = event.best === undefined ? best : event;
          print(
            `after ${event.step} steps: saved ${event.path}${event.best === undefined ? '' : `, the best so far: ${event.best}`}`,
          );
          break;
        case 'end':
          end = event;
          break;
      }
    }
  } finally {
    progress?.stop();
    // A bar that has stopped takes lines and shows none.
    progress = undefined;
    interrupt.release();
  }
  if (end?.reason === 'interrupted') {
    process.stderr.write(`stopped; ${saved ? `saved ${saved}; ` : ''}go on with: ${typedCommand(resumeOption)}\n`);
    throw interrupt.signal.reason as Interrupted;
  }
  if (end?.noise) print(describeNoise(end.noise));
  process.stderr.write(`trained in ${duration((performance.now() - start) / 1000)}; the model is ${saved ?? out}\n`);
  if (best && best.path !== saved)
    process.stderr.write(`the best by ${best.best} is ${best.path}: every command takes it as ${join(out, 'best')}\n`);
  return plan;
}

/** `samples/ every 1,000 steps, checkpoints/ every 1,000 (the newest 3 stay), metrics.jsonl and events for TensorBoard` */
function described({ train }: ConfiguredRun, grids: { readonly every: number } | undefined): string {
  const steps = (every: number) => `every ${every.toLocaleString('en-US')} steps`;
  const kept = train.keepCheckpoints === null ? 'all stay' : `the newest ${train.keepCheckpoints} stay`;
  const measured = train.evaluateEvery === null ? '' : ', and the best by what is measured';
  return [
    ...(grids ? [`samples/ ${steps(grids.every)}`] : []),
    `checkpoints/ ${steps(train.checkpointEvery)} (${kept}${measured})`,
    'metrics.jsonl and events for TensorBoard',
  ].join(', ');
}

/** `loss by noise, from almost clean to pure: 0.31 0.09 …` */
function describeNoise({ losses, figure }: NonNullable<Extract<RunEvent, { type: 'end' }>['noise']>): string {
  const each = losses.map((loss) => (loss === null ? '–' : loss.toPrecision(2)));
  return `loss by noise level, from almost clean to pure noise: ${each.join(' ')} (${figure})`;
}

/** `accuracy 0.923, testLoss 0.218` */
function describeEvaluation(evaluation: Readonly<Record<string, number>>): string {
  return Object.entries(evaluation)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(', ');
}

/** The command as it was typed, to be typed again with one more option. */
function typedCommand(more: string | undefined): string {
  const words = process.argv
    .slice(2)
    .filter((word) => word !== more)
    .map(quoteWord);
  return ['npx kuosan', ...words, ...(more ? [more] : [])].join(' ');
}

/** Exponential averages, corrected for their start: single losses jump too much to read. */
function smoothed(): (values: Readonly<Record<string, number>>) => Record<string, number> {
  const keep = 0.97;
  let weight = 0;
  const sums: Record<string, number> = {};
  return (values) => {
    weight = keep * weight + 1 - keep;
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        sums[name] = keep * (sums[name] ?? 0) + (1 - keep) * value;
        return [name, sums[name] / weight];
      }),
    );
  };
}
