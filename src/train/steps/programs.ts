import {
  add,
  grad,
  input,
  mean,
  mul,
  program,
  state,
  topologicalOrder,
  type HostArray,
  type HostArrays,
  type Program,
  type Shape,
  type Tensor,
} from '../../core/index.ts';
import { bind, namedParameters, type Binding, type Module } from '../../nn/index.ts';
import { emaUpdate } from './ema.ts';
import {
  adamSettings,
  adamState,
  adamStep,
  clipFactor,
  firstMoment,
  globalNorm,
  secondMoment,
  type AdamOptions,
  type ParameterPredicate,
} from './optimizer.ts';
import { lossContext, type LossContext } from './loss-context.ts';
import { packed } from './packed.ts';

/** Where the entries of a training store are. */
export const entries = { parameter: 'params/', ema: 'ema/', gradient: 'grads/', history: 'history/' } as const;

/** A loss and the parameters that go down it. */
export interface TrainingObjective {
  /** Builds the loss of one batch: a scalar, or [B] for each sample, of which the mean is trained. */
  readonly loss: (ctx: LossContext) => Tensor;
  /** What becomes of a parameter's new value after each update, by checkpoint name: bounds for a temperature. */
  readonly constrain?: Readonly<Record<string, (value: Tensor) => Tensor>>;
  /** The parameters that it moves, default all. For it the others are constants: no gradient, no moments, no update. */
  readonly trainable?: ParameterPredicate;
}

/** What the programs of a run are built from. */
export interface TrainingSetup extends TrainingObjective {
  readonly module: Module;
  readonly optimizer: AdamOptions;
  /** Gradients are scaled down to this global norm; null leaves them. */
  readonly clipNorm: number | null;
  /** Batches whose gradients are averaged before an update. */
  readonly accumulation: number;
  /** Cheap values of the forward pass are computed again instead of kept; default false. */
  readonly recompute?: boolean;
  /** What names of dropout's sites begin with; objectives over one module draw different masks by it. */
  readonly sites?: string;
}

/** The programs of a training run, over one store. */
export interface TrainingPrograms {
  /** Without accumulation: forward, backward, clip, optimizer and EMA in one run. */
  readonly step?: Program;
  /** With it, for a loss across batches: what each batch contributes, computed before all gradients of a step. */
  readonly represent?: Program;
  /** With accumulation: adds one batch's gradients to the store (input `keep` is 0 for the first of a step, 1 after it) … */
  readonly accumulate?: Program;
  /** … and updates the weights from their sum. */
  readonly apply?: Program;
}

/**
 * The parameters that an objective moves, in the module's order: those it names trainable, without buffers and those of
 * frozen groups.
 *
 * @throws if there is none
 */
export function trainedParameters({
  module,
  trainable = () => true,
  optimizer: { groups = [] },
}: Pick<TrainingSetup, 'module' | 'trainable' | 'optimizer'>): Map<string, Shape> {
  const trained = new Map<string, Shape>();
  for (const [name, { shape, kind }] of namedParameters(module)) {
    const frozen = groups.find(({ match }) => match(name, shape))?.frozen ?? false;
    if (kind === 'parameter' && !frozen && trainable(name, shape)) trained.set(name, shape);
  }
  if (trained.size === 0) throw new Error('training: no parameter is trainable, all are frozen or buffers');
  return trained;
}

/**
 * Builds the programs of an objective. Besides the loss's own inputs they take the scalars `learningRate`, `correction1`,
 * `correction2` and `oneMinusEmaDecay`; their outputs are `loss`, `gradNorm`, where the loss is one for each sample `sampleLoss` [B], and
 * `measure/<name>` for what the loss measures. A loss across batches has the inputs of `gradCacheInputs` too.
 *
 * Several objectives may work on one store, each on parameters of its own: a discriminator next to its generator.
 *
 * @throws if no parameter is trainable
 */
export function trainingPrograms({
  module,
  loss: buildLoss,
  trainable,
  constrain,
  optimizer,
  clipNorm,
  accumulation,
  recompute = false,
  sites,
}: TrainingSetup): TrainingPrograms {
  const ctx = lossContext(
    bind(module, { prefix: entries.parameter, training: true, ...(sites !== undefined && { sites }) }),
    accumulation,
  );
  const built = buildLoss(ctx);
  const loss = built.shape.length === 0 ? built : mean(built);
  const losses = { loss, ...(built !== loss && { sampleLoss: built }), ...ctx.measures };
  const trained = [...trainedParameters({ module, optimizer, ...(trainable && { trainable }) }).keys()];
  const names = inOrderOfUse(trained, ctx, loss);
  const parameters = names.map((name) => ctx.parameters.get(name)!);
  const gradients = grad(loss, parameters, { recompute });
  // The average of a running statistic is the statistic: it is an average already.
  const buffers = Object.fromEntries(
    [...ctx.updates].flatMap(([entry, value]) => [
      [entry, value],
      [`${entries.ema}${entry.slice(entries.parameter.length)}`, value],
    ]),
  );
  const update = (grads: readonly Tensor[]) =>
    updates({ names, parameters, gradients: grads, optimizer, clipNorm, constrain: constrain ?? {} });

  if (accumulation === 1) {
    const { gradNorm, writes } = update(gradients);
    return { step: program({ outputs: { ...losses, gradNorm }, writes: { ...writes, ...buffers } }) };
  }
  const keep = input('keep', []);
  const summed = names.map(
    (name, i) =>
      [
        `${entries.gradient}${name}`,
        add(mul(state(`${entries.gradient}${name}`, parameters[i]!.shape), keep), mul(gradients[i]!, 1 / accumulation)),
      ] as const,
  );
  const { gradNorm, writes } = update(
    names.map((name, i) => state(`${entries.gradient}${name}`, parameters[i]!.shape)),
  );
  return {
    ...(Object.keys(ctx.shared).length > 0 && { represent: program({ outputs: ctx.shared }) }),
    accumulate: program({ outputs: losses, writes: { ...Object.fromEntries(summed), ...buffers } }),
    apply: program({ outputs: { gradNorm }, writes }),
  };
}

/**
 * Parameters as the loss comes to them. Engines go from the results back to what they need, the last first: in this order
 * each layer's gradients are computed when their operands are, which need not be kept for later.
 */
function inOrderOfUse(names: readonly string[], ctx: Binding, loss: Tensor): string[] {
  const place = new Map(topologicalOrder([loss]).map((node, i) => [node, i]));
  const placeOf = (name: string) => place.get(ctx.parameters.get(name)!.node) ?? -1;
  return names.toSorted((a, b) => placeOf(a) - placeOf(b));
}

interface UpdateSetup
  extends Pick<TrainingSetup, 'optimizer' | 'clipNorm'>, Required<Pick<TrainingObjective, 'constrain'>> {
  readonly names: readonly string[];
  readonly parameters: readonly Tensor[];
  readonly gradients: readonly Tensor[];
}

function updates({ names, parameters, gradients, optimizer, clipNorm, constrain }: UpdateSetup): {
  gradNorm: Tensor;
  writes: Record<string, Tensor>;
} {
  // What is constrained is a piece of its own.
  const pieces = packed(parameters, (i) =>
    JSON.stringify([adamSettings(names[i]!, parameters[i]!, optimizer), names[i]! in constrain ? names[i] : null]),
  );
  // In the parameters' order: so each is computed when its layer's are, not when all small ones are laid end to end.
  const gradNorm = globalNorm(gradients);
  const clip = clipNorm === null ? undefined : clipFactor(gradNorm, clipNorm);
  const scalars = {
    learningRate: input('learningRate', []),
    correction1: input('correction1', []),
    correction2: input('correction2', []),
  };
  const oneMinusEmaDecay = input('oneMinusEmaDecay', []);
  const writes: Record<string, Tensor> = {};
  const average = (name: string) => `${entries.ema}${name}`;
  for (const piece of pieces) {
    const held = (entry: (name: string) => string) =>
      piece.join(names.map((name, i) => state(entry(name), parameters[i]!.shape)));
    const first = piece.members[0]!;
    const before = { value: piece.join(parameters), m: held(firstMoment), v: held(secondMoment) };
    const {
      value: free,
      m,
      v,
    } = adamStep(
      before,
      piece.join(gradients),
      scalars,
      optimizer,
      adamSettings(names[first]!, parameters[first]!, optimizer),
      clip,
    );
    const value = constrain[names[first]!]?.(free) ?? free;
    const results: readonly (readonly [(name: string) => string, Tensor])[] = [
      [(name) => `${entries.parameter}${name}`, value],
      [firstMoment, m],
      [secondMoment, v],
      [average, emaUpdate(held(average), value, oneMinusEmaDecay)],
    ];
    for (const [entry, whole] of results)
      piece.part(whole).forEach((x, i) => {
        writes[entry(names[piece.members[i]!]!)] = x;
      });
  }
  return { gradNorm, writes };
}

/**
 * The first content of a training store: every parameter and buffer, their average, and for what is trained zero moments
 * and, with accumulation, gradients.
 *
 * @param trained  names of the parameters that some objective moves
 */
export function initialState(
  weights: HostArrays,
  trained: ReadonlySet<string>,
  accumulation: number,
): Map<string, HostArray> {
  const content = new Map<string, HostArray>();
  const moved = new Map([...weights].filter(([name]) => trained.has(name)));
  for (const [name, value] of weights) {
    content.set(`${entries.parameter}${name}`, value);
    content.set(`${entries.ema}${name}`, value);
  }
  for (const [entry, value] of adamState(moved)) content.set(entry, value);
  if (accumulation > 1)
    for (const [name, value] of moved)
      content.set(`${entries.gradient}${name}`, { ...value, data: new Float32Array(value.data.length) });
  return content;
}

/** The values of the scalar inputs, as host arrays. */
export function scalarInput(value: number): HostArray {
  return { dtype: 'f32', shape: [], data: Float32Array.of(value) };
}
