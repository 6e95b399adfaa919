import {
  constant,
  input,
  lessEqual,
  mul,
  RandomStream,
  randomKeyWords,
  sameShape,
  state,
  uniform,
  where,
  type HostArray,
  type HostArrays,
  type Shape,
  type Tensor,
} from '../core/index.ts';
import type { Initializer } from './init.ts';

/**
 * A tensor that a module owns: what it is called, its shape and how it starts. It has no values; each program binds it
 * to an entry of a store, so one module builds into many programs.
 */
export class Parameter {
  readonly shape: Shape;
  readonly init: Initializer;
  /** A parameter is changed by an optimizer, a buffer by `ctx.update`. */
  readonly kind: 'parameter' | 'buffer';

  constructor(shape: Shape, init: Initializer, kind: 'parameter' | 'buffer' = 'parameter') {
    this.shape = shape;
    this.init = init;
    this.kind = kind;
  }
}

/** The context of a forward pass. */
export interface Context {
  /** Dropout acts and running statistics move only in training. */
  readonly training: boolean;
  /** The tensor a parameter is bound to in the program under construction; for a buffer, what it was last updated to. */
  param(parameter: Parameter): Tensor;
  /** Sets the value a buffer has after this step. */
  update(buffer: Parameter, value: Tensor): void;
  /**
   * In training, sets each value to zero with probability p and divides the others by 1 − p; otherwise returns x itself.
   *
   * The mask is a function of (seed, step, site): a resumed run sees it again. The site is the number of the call
   * within its binding, so a network that is built the same way twice draws the same.
   *
   * @throws if p is not in [0, 1]
   */
  dropout(x: Tensor, p: number): Tensor;
}

/** The input through which programs with dropout get `randomKey(seed, step)`. */
export const randomKeyInput = 'randomKey';

/**
 * Something with parameters and a `forward(ctx, …)`. Parameters, submodules and arrays of submodules are found in its
 * properties; a parameter's checkpoint name is the path of properties to it in snake_case, as diffusers writes it:
 * `downBlocks[0].resnets[1].conv1.weight` is `down_blocks.0.resnets.1.conv1.weight`.
 */
export abstract class Module {
  abstract forward(ctx: Context, ...inputs: never[]): Tensor | readonly Tensor[] | unknown;
}

/** `downBlocks` → `down_blocks`; digits stay where they are, and `linear_1` is already right. */
export function snakeCase(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Every parameter below a module by checkpoint name, in the order of its properties. A tied one has its first name. */
export function namedParameters(root: Module): Map<string, Parameter> {
  const names = new Map<string, Parameter>();
  const seen = new Set<Parameter>();
  const visit = (value: unknown, path: string) => {
    if (value instanceof Parameter) {
      if (!seen.has(value)) names.set(path, value);
      seen.add(value);
    } else if (value instanceof Module || Array.isArray(value)) {
      for (const [key, child] of Object.entries(value))
        visit(child, path ? `${path}.${snakeCase(key)}` : snakeCase(key));
    }
  };
  visit(root, '');
  return names;
}

/** The number of values in all parameters of a module. */
export function countParameters(root: Module): number {
  let total = 0;
  for (const { shape } of namedParameters(root).values())
    total += shape.reduce((product, extent) => product * extent, 1);
  return total;
}

/**
 * First values of every parameter, each from its own stream, so that adding a layer changes no other.
 *
 * @example
 * import { Linear, initialValues } from 'kuosan/nn';
 *
 * console.log([...initialValues(new Linear(4, 2), 0).keys()]); // [ 'weight', 'bias' ]
 */
export function initialValues(root: Module, seed: number): Map<string, HostArray> {
  return new Map(
    [...namedParameters(root)].map(([name, { shape, init }]) => [
      name,
      { dtype: 'f32', shape, data: init(shape, new RandomStream(seed, `init ${name}`)) },
    ]),
  );
}

/** A module bound to a program under construction. */
export interface Binding extends Context {
  /** The bound parameters by checkpoint name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** What forward passes have set buffers to, by store entry. */
  readonly updates: ReadonlyMap<string, Tensor>;
}

/**
 * A context in which a module's parameters are constants: a frozen encoder or a teacher inside another network's step, or in
 * a program of its own. Nothing is trained, dropped or updated in it.
 *
 * @param weights  by checkpoint name
 * @throws if a weight is missing or has another shape; when used, if a parameter is not the module's
 */
export function frozen(root: Module, weights: HostArrays): Context {
  const constants = new Map<Parameter, Tensor>();
  for (const [name, parameter] of namedParameters(root)) {
    const value = weights.get(name);
    if (!value || !sameShape(value.shape, parameter.shape))
      throw new Error(
        `frozen: the weight ${name} is ${value ? `[${value.shape.join(', ')}]` : 'missing'}, expected [${parameter.shape.join(', ')}]`,
      );
    constants.set(parameter, constant(value));
  }
  return {
    training: false,
    param(parameter) {
      const value = constants.get(parameter);
      if (!value) throw new Error('internal: a parameter is used that its frozen root module does not hold');
      return value;
    },
    // Running statistics stay as they are.
    update() {},
    dropout: (x) => x,
  };
}

/**
 * Binds a module's parameters to the store's entries `prefix + name`.
 *
 * @param prefix  for example `params/` for the weights in training, `ema/` for their average
 * @param sites   what names of dropout's sites begin with; programs that differ here draw different masks
 */
export function bind(
  root: Module,
  { prefix = '', training = false, sites = '' }: { prefix?: string; training?: boolean; sites?: string } = {},
): Binding {
  const tensors = new Map<Parameter, Tensor>();
  const entries = new Map<Parameter, string>();
  const parameters = new Map<string, Tensor>();
  for (const [name, parameter] of namedParameters(root)) {
    const tensor = state(prefix + name, parameter.shape);
    tensors.set(parameter, tensor);
    entries.set(parameter, prefix + name);
    if (parameter.kind === 'parameter') parameters.set(name, tensor);
  }
  const updates = new Map<string, Tensor>();
  const entryOf = (parameter: Parameter) => {
    const entry = entries.get(parameter);
    if (!entry) throw new Error('internal: a parameter is used that its root module does not hold');
    return entry;
  };
  let randomKey: Tensor | undefined;
  let draws = 0;
  return {
    training,
    parameters,
    updates,
    param(parameter) {
      return updates.get(entryOf(parameter)) ?? tensors.get(parameter)!;
    },
    update(buffer, value) {
      const entry = entryOf(buffer);
      if (buffer.kind !== 'buffer')
        throw new Error(`update: ${entry} is a parameter, which only an optimizer changes; make it a buffer`);
      if (!sameShape(value.shape, buffer.shape))
        throw new Error(`update: ${entry} is [${buffer.shape.join(', ')}], its new value [${value.shape.join(', ')}]`);
      updates.set(entry, value);
    },
    dropout(x, p) {
      if (!(p >= 0 && p <= 1)) throw new Error(`dropout: the probability must be in [0, 1], got ${p}`);
      if (!training || p === 0) return x;
      randomKey ??= input(randomKeyInput, [randomKeyWords]);
      const keep = lessEqual(p, uniform(randomKey, `${sites}dropout ${draws++}`, x.shape));
      return mul(x, where(keep, p === 1 ? 0 : 1 / (1 - p), 0));
    },
  };
}
