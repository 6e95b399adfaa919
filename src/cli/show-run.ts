import type { Executor } from '../core/index.ts';
import type { DdpmConfig, RunEvent } from '../train/index.ts';
import { trainDdpm } from '../train/index.ts';
import { interruptSignal } from './interrupt.ts';
import { createProgress, duration, type Progress } from './progress.ts';

export interface ShowRunOptions {
  readonly config: DdpmConfig;
  readonly out: string;
  readonly executor: Executor;
  readonly resume: boolean;
  readonly skipBad: boolean;
  /** What to type to go on after an interruption. */
  readonly resumeCommand: string;
  /** Told of every sample grid. */
  readonly onSamples?: (event: Extract<RunEvent, { type: 'samples' }>, print: (line: string) => void) => void;
}

/** Trains with a progress display; returns how the run ended. */
export async function showRun({ config, out, executor, resume, skipBad, resumeCommand, onSamples }: ShowRunOptions): Promise<'finished' | 'interrupted'> {
  const total = config.train.steps;
  let progress: Progress | undefined;
  const print = (line: string) => (progress ? progress.print(line) : void process.stderr.write(`${line}\n`));
  const interrupt = interruptSignal(() => print('stopping after this step; a second Ctrl-C ends at once and loses what is not in a checkpoint'));
  const smooth = smoothed();
  const start = performance.now();
  let reason: 'finished' | 'interrupted' = 'finished';
  let saved: string | undefined;
  try {
    for await (const event of trainDdpm({ config, out, executor, resume, skipBad, signal: interrupt.signal })) {
      switch (event.type) {
        case 'ready': {
          const { dataset, parameters, step, device } = event;
          print(`${dataset.count.toLocaleString('en-US')} pictures of ${dataset.width}×${dataset.height} from ${dataset.name}; a network of ${parameters.toLocaleString('en-US')} parameters on ${device}`);
          if (dataset.skipped.length > 0) print(`left out ${dataset.skipped.length} images that cannot be read`);
          if (step > 0) print(`going on from step ${step}`);
          progress = createProgress('training', total, step);
          break;
        }
        case 'step': {
          const { loss, speed } = smooth(event.loss, event.imagesPerSecond);
          progress!.update(event.step, `loss ${loss.toFixed(4)} · ${speed.toFixed(0)} images/s`);
          break;
        }
        case 'samples':
          onSamples?.(event, print);
          break;
        case 'checkpoint':
          saved = event.path;
          break;
        case 'end':
          reason = event.reason;
          break;
      }
    }
  } finally {
    progress?.stop();
    interrupt.release();
  }
  if (reason === 'interrupted') process.stderr.write(`stopped; ${saved ? `saved ${saved}; ` : ''}go on with: ${resumeCommand}\n`);
  else process.stderr.write(`trained in ${duration((performance.now() - start) / 1000)}; the model is ${saved ?? out}\n`);
  return reason;
}

/** Exponential averages, corrected for their start: single losses jump too much to read. */
function smoothed(): (loss: number, speed: number) => { loss: number; speed: number } {
  const keep = 0.97;
  let weight = 0;
  let loss = 0;
  let speed = 0;
  return (nextLoss, nextSpeed) => {
    weight = keep * weight + 1 - keep;
    loss = keep * loss + (1 - keep) * nextLoss;
    speed = keep * speed + (1 - keep) * nextSpeed;
    return { loss: loss / weight, speed: speed / weight };
  };
}
