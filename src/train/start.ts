/** Where the weights of a run come from that begins with a trained model. */
import type { HostArrays } from '../core/index.ts';
import { resolveModel, type ModelKind } from '../checkpoint/index.ts';
import { checkWeights, weightShapes } from '../checkpoint/weights.ts';
import type { TrainConfig } from './steps/train-config.ts';
import { entries } from './steps/programs.ts';
import type { TrainerState, TrainingTask } from './steps/trainer.ts';

/** What has to be known of a run to begin it. */
export interface InitialWeightsOptions {
  readonly train: TrainConfig;
  readonly kind: ModelKind;
  readonly task: Pick<TrainingTask, 'module'>;
  readonly readWeights: (dir: string) => Promise<HostArrays>;
}

/**
 * The folder of the model that a run begins with, if it does.
 *
 * @throws one line, if it is no model
 */
export async function startingModel({ init }: TrainConfig, kind: ModelKind): Promise<string | undefined> {
  if (init === null) return undefined;
  return resolveModel(init, { kind }).catch((error: Error) => {
    throw new Error(`config.train.init: ${error.message}`, { cause: error });
  });
}

/**
 * The state before the first step: the model's weights, which are also the first average; moments are zero.
 *
 * @returns undefined if weights are drawn from the seed
 * @throws one line, if the model is not of the network that is trained
 */
export async function startingState({
  train,
  kind,
  task: { module },
  readWeights,
}: InitialWeightsOptions): Promise<TrainerState | undefined> {
  const dir = await startingModel(train, kind);
  if (dir === undefined) return undefined;
  const weights = await readWeights(dir).catch((error: Error) => {
    throw new Error(`config.train.init: ${error.message}`, { cause: error });
  });
  checkWeights(
    weightShapes(module),
    weights,
    `config.train.init: ${dir}`,
    'give config.model the settings of that model, or train from the start without',
  );
  return {
    step: 0,
    training: new Map([...weights].map(([name, value]) => [`${entries.parameter}${name}`, value])),
    ema: weights,
  };
}
