/** A training that outlives its tab: in the browser's own database. */
import type { FloatArray } from '../../core/index.ts';
import type { TrainerState } from '../../train/browser.ts';
import { forgetRecord, keepRecord, keptRecord } from '../shell/kept.ts';

/** What a training is, and how far it has come. */
export interface KeptTraining {
  /** Of this record; a studio reads only its own. */
  readonly format: 1;
  readonly state: TrainerState;
  /** [N, 3, side, side]: the images that it learns. */
  readonly images: FloatArray;
  readonly steps: number;
  readonly batchSize: number;
  readonly seed: number;
  /** [step, loss] of what was done. */
  readonly losses: readonly (readonly [number, number])[];
}

const key = 'algorithm-1';

/** @throws if the browser's storage is full, or it keeps nothing for this page */
export function keepTraining(training: KeptTraining): Promise<void> {
  return keepRecord(key, training);
}

/** The training that was kept last; undefined if there is none, or another version kept it. */
export function keptTraining(): Promise<KeptTraining | undefined> {
  return keptRecord<KeptTraining>(key, 1);
}

/** Forgets it. */
export function forgetTraining(): Promise<void> {
  return forgetRecord(key);
}
