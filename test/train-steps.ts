/** A few steps of training, and what they leave. */
import { float32, RandomStream, sizeOf, type Executor, type FloatArray, type Shape } from '../src/core/index.ts';
import { Trainer, trainSchema, type TrainConfig, type TrainerState, type TrainingTask } from '../src/train/index.ts';

/** A configuration without warm-up and clipping, so that a step is what its formula says. */
export function plainTraining(options: object): TrainConfig {
  return trainSchema.parse({ steps: 1000, warmupSteps: 0, clipNorm: null, ...options });
}

/** Normals, the same for the same name and number. */
export function namedNormals(shape: Shape, name: string, index = 0): FloatArray {
  return float32(shape, new RandomStream(5, name, index).fillNormal(new Float32Array(sizeOf(shape))));
}

/** Trains so many steps; returns the last report, the state, and the entries of the store. */
export async function trainSteps(
  executor: Executor,
  task: TrainingTask,
  options: object,
  steps: number,
  from?: TrainerState,
) {
  const trainer = await Trainer.open(executor, task, plainTraining(options), from);
  let report = await trainer.advance();
  for (let i = 1; i < steps; i++) report = await trainer.advance();
  const state = await trainer.state();
  const held = Object.keys(trainer.store.spec);
  await trainer.dispose();
  return { report, state, held };
}

/** The values of an entry of the training state. */
export function entryValues(state: TrainerState, entry: string): number[] {
  return Array.from(state.training.get(entry)!.data, Number);
}
