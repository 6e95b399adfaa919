import {
  add,
  cast,
  concat,
  constant,
  cos,
  float32,
  gather,
  log,
  mul,
  pad,
  reshape,
  sin,
  type Tensor,
} from '../core/index.ts';
import { activations, type ActivationName } from './activations.ts';
import { normal, type Initializer } from './init.ts';
import { Linear } from './linear.ts';
import { Module, Parameter, type Context } from './module.ts';

/** A table of embeddings, looked up by index. */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor(count: number, width: number, init: Initializer = normal(1)) {
    super();
    this.weight = new Parameter([count, width], init);
  }

  /** @param indices  [...] of i64 or i32 → [..., width] */
  forward(ctx: Context, indices: Tensor): Tensor {
    return gather(ctx.param(this.weight), indices);
  }
}

/** Options of `sinusoidalEmbedding`. */
export interface SinusoidalOptions {
  /** False: [sin, cos] as in DDPM; true: [cos, sin] as in improved DDPM and Stable Diffusion. */
  readonly flipSinToCos: boolean;
  /** The frequencies' exponents are i / (width / 2 − freqShift): 1 in DDPM, 0 in improved DDPM. */
  readonly freqShift: number;
}

/**
 * Sinusoidal features of a time:
 *
 *     [sin(t ω_i), cos(t ω_i)],   ω_i = 10000^{−i / (width/2 − freqShift)},  i = 0 … width/2 − 1
 *
 * @param timesteps  [B] in 0 … T − 1
 * @returns          [B, width]
 * @see Ho et al. 2020, appendix B; Vaswani et al. 2017, §3.5
 */
export function sinusoidalEmbedding(
  timesteps: Tensor,
  width: number,
  { flipSinToCos, freqShift }: SinusoidalOptions,
): Tensor {
  const half = Math.floor(width / 2);
  const frequencies = Float32Array.from({ length: half }, (_, i) =>
    Math.exp((-Math.log(10000) * i) / (half - freqShift)),
  );
  const angles = mul(reshape(timesteps, [timesteps.shape[0]!, 1]), constant(float32([1, half], frequencies)));
  const features = concat(flipSinToCos ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)], 1);
  return pad(features, [0, 0], [0, width % 2]);
}

/** Turns a time into features, before any layer that mixes them. */
export abstract class TimeProjection extends Module {
  /** Width of the features. */
  readonly #width: number;

  constructor(width: number) {
    super();
    this.#width = width;
  }

  get width(): number {
    return this.#width;
  }

  /** @param time  [B] of f32 → [B, width] */
  abstract override forward(ctx: Context, time: Tensor): Tensor;
}

/** `sinusoidalEmbedding` as a module; it has no parameters. */
export class Timesteps extends TimeProjection {
  readonly #options: SinusoidalOptions;

  constructor(width: number, options: SinusoidalOptions) {
    super(width);
    this.#options = options;
  }

  override forward(_: Context, time: Tensor): Tensor {
    return sinusoidalEmbedding(time, this.width, this.#options);
  }
}

/** Options of `GaussianFourierProjection`. */
export interface FourierOptions {
  /** Standard deviation of the frequencies. */
  readonly scale: number;
  /** Whether the features are those of ln σ; default true. False takes the time as it comes. */
  readonly log?: boolean;
  /** False: [sin, cos]; true: [cos, sin]. Default false. */
  readonly flipSinToCos?: boolean;
}

/**
 * Random Fourier features of the logarithm of a noise level: [sin(2π w ln σ), cos(2π w ln σ)], w ~ N(0, scale²), never trained.
 *
 * @see Song et al. 2021, appendix C.1 (NCSN++) — https://arxiv.org/abs/2011.13456; Tancik et al. 2020
 */
export class GaussianFourierProjection extends TimeProjection {
  readonly weight: Parameter;
  readonly #options: FourierOptions;

  /** @param count  frequencies; the features are twice as many */
  constructor(count: number, options: FourierOptions) {
    super(2 * count);
    this.weight = new Parameter([count], normal(options.scale), 'buffer');
    this.#options = options;
  }

  /** @param time  [B], above zero unless it is taken as it comes */
  override forward(ctx: Context, time: Tensor): Tensor {
    const { log: logarithm = true, flipSinToCos = false } = this.#options;
    const column = reshape(logarithm ? log(time) : time, [time.shape[0]!, 1]);
    const angles = mul(mul(column, reshape(ctx.param(this.weight), [1, this.weight.shape[0]!])), 2 * Math.PI);
    return concat(flipSinToCos ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)], 1);
  }
}

/** A learned embedding for each of the timesteps 0 … T − 1. */
export class LearnedTimes extends TimeProjection {
  readonly weight: Parameter;

  constructor(timesteps: number, width: number) {
    super(width);
    this.weight = new Parameter([timesteps, width], normal(1));
  }

  override forward(ctx: Context, time: Tensor): Tensor {
    return gather(ctx.param(this.weight), cast(time, 'i64'));
  }
}

/** Options of `TimestepEmbedding`. */
export interface TimestepEmbeddingOptions {
  /** Between the two layers; default silu. */
  readonly activation?: ActivationName;
  /** After the second layer; default none. */
  readonly postActivation?: ActivationName | null;
  /** Width of a condition that a map without shift adds to the features; default none. */
  readonly condProjDim?: number | null;
  /** Width of the result; default timeEmbedDim. */
  readonly outDim?: number;
}

/** The two-layer network that turns time features into the embedding every block sees. */
export class TimestepEmbedding extends Module {
  readonly linear_1: Linear;
  readonly condProj: Linear | null;
  readonly linear_2: Linear;
  readonly #options: TimestepEmbeddingOptions;

  constructor(inChannels: number, timeEmbedDim: number, options: TimestepEmbeddingOptions = {}) {
    super();
    const { condProjDim = null, outDim = timeEmbedDim } = options;
    this.linear_1 = new Linear(inChannels, timeEmbedDim);
    this.condProj = condProjDim === null ? null : new Linear(condProjDim, inChannels, { bias: false });
    this.linear_2 = new Linear(timeEmbedDim, outDim);
    this.#options = options;
  }

  /**
   * @param features   [B, inChannels]
   * @param condition  [B, condProjDim], for an embedding that takes one
   * @returns          [B, outDim]
   */
  forward(ctx: Context, features: Tensor, condition?: Tensor): Tensor {
    const { activation = 'silu', postActivation = null } = this.#options;
    const whole = condition && this.condProj ? add(features, this.condProj.forward(ctx, condition)) : features;
    const out = this.linear_2.forward(ctx, activations[activation](this.linear_1.forward(ctx, whole)));
    return postActivation === null ? out : activations[postActivation](out);
  }
}
