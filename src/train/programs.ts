import { add, grad, input, mean, mul, program, state, type HostArray, type HostArrays, type Program, type Tensor } from '../core/index.ts';
import { bind, type Binding, type Module } from '../nn/index.ts';
import { emaUpdate } from './ema.ts';
import { adamState, adamUpdate, clipFactor, globalNorm, type AdamOptions } from './optimizer.ts';

/** Where the entries of a training store are. */
export const entries = { parameter: 'params/', ema: 'ema/', gradient: 'grads/' } as const;

/** What the programs of a run are built from. */
export interface TrainingSetup {
  readonly module: Module;
  /** Builds the loss of one batch: a scalar, or [B] for each sample, of which the mean is trained. */
  readonly loss: (ctx: Binding) => Tensor;
  readonly optimizer: AdamOptions;
  /** Gradients are scaled down to this global norm; null leaves them. */
  readonly clipNorm: number | null;
  /** Batches whose gradients are averaged before an update. */
  readonly accumulation: number;
}

/** The programs of a training run, over one store. */
export interface TrainingPrograms {
  /** Without accumulation: forward, backward, clip, optimizer and EMA in one run. */
  readonly step?: Program;
  /** With it: adds one batch's gradients to the store (input `keep` is 0 for the first of a step, 1 after it) … */
  readonly accumulate?: Program;
  /** … and updates the weights from their sum. */
  readonly apply?: Program;
}

/**
 * Builds the programs of a run. Beside the loss's own inputs they take the scalars `learningRate`, `correction1`,
 * `correction2` and `oneMinusEmaDecay`; their outputs are `loss`, `gradNorm` and, where the loss is one for each sample, `sampleLoss` [B].
 */
export function trainingPrograms({ module, loss: buildLoss, optimizer, clipNorm, accumulation }: TrainingSetup): TrainingPrograms {
  const ctx = bind(module, { prefix: entries.parameter, training: true });
  const built = buildLoss(ctx);
  const loss = built.shape.length === 0 ? built : mean(built);
  const losses = built === loss ? { loss } : { loss, sampleLoss: built };
  const names = [...ctx.parameters.keys()];
  const parameters = [...ctx.parameters.values()];
  const gradients = grad(loss, parameters);
  const buffers = Object.fromEntries(ctx.updates);
  const update = (grads: readonly Tensor[]) => updates(names, parameters, grads, optimizer, clipNorm);

  if (accumulation === 1) {
    const { gradNorm, writes } = update(gradients);
    return { step: program({ outputs: { ...losses, gradNorm }, writes: { ...writes, ...buffers } }) };
  }
  const keep = input('keep', []);
  const summed = names.map((name, i) => [`${entries.gradient}${name}`, add(mul(state(`${entries.gradient}${name}`, parameters[i]!.shape), keep), mul(gradients[i]!, 1 / accumulation))] as const);
  const { gradNorm, writes } = update(names.map((name, i) => state(`${entries.gradient}${name}`, parameters[i]!.shape)));
  return {
    accumulate: program({ outputs: losses, writes: { ...Object.fromEntries(summed), ...buffers } }),
    apply: program({ outputs: { gradNorm }, writes }),
  };
}

function updates(names: readonly string[], parameters: readonly Tensor[], gradients: readonly Tensor[], optimizer: AdamOptions, clipNorm: number | null): { gradNorm: Tensor; writes: Record<string, Tensor> } {
  const gradNorm = globalNorm(gradients);
  const clip = clipNorm === null ? undefined : clipFactor(gradNorm, clipNorm);
  const scalars = { learningRate: input('learningRate', []), correction1: input('correction1', []), correction2: input('correction2', []) };
  const oneMinusEmaDecay = input('oneMinusEmaDecay', []);
  const writes: Record<string, Tensor> = {};
  names.forEach((name, i) => {
    const parameter = parameters[i]!;
    const { value, writes: moments } = adamUpdate(name, parameter, gradients[i]!, scalars, optimizer, clip);
    writes[`${entries.parameter}${name}`] = value;
    for (const [entry, moment] of moments) writes[entry] = moment;
    writes[`${entries.ema}${name}`] = emaUpdate(state(`${entries.ema}${name}`, parameter.shape), value, oneMinusEmaDecay);
  });
  return { gradNorm, writes };
}

/** The first content of a training store: weights, their average, and zero moments. */
export function initialState(weights: HostArrays, accumulation: number): Map<string, HostArray> {
  const content = new Map<string, HostArray>(adamState(weights));
  for (const [name, value] of weights) {
    content.set(`${entries.parameter}${name}`, value);
    content.set(`${entries.ema}${name}`, value);
    if (accumulation > 1) content.set(`${entries.gradient}${name}`, { ...value, data: new Float32Array(value.data.length) });
  }
  return content;
}

/** The values of the scalar inputs, as host arrays. */
export function scalar(value: number): HostArray {
  return { dtype: 'f32', shape: [], data: Float32Array.of(value) };
}
