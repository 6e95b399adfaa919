import { describeType, float32, type FloatArray } from '../../core/dtype.ts';
import { checkSameShape, drawNoise, weightedSum } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { posterior, stepVariance } from '../process.ts';
import { checkSampler, type SamplerOptions, type SamplerState } from '../samplers/sampler.ts';

/** How often RePaint goes back, and how far. */
export interface RepaintJumps {
  /** j: steps that are taken back at once; default 10. */
  readonly jumpLength?: number | undefined;
  /** r: how often each stretch of j steps is walked; 1 never goes back; default 10. */
  readonly resamples?: number | undefined;
}

/** Options of `repaint`. */
export interface RepaintOptions extends SamplerOptions, RepaintJumps {
  /** [B, ...] the images of which a part is known. */
  readonly known: FloatArray;
  /** [B, ...] the shape of the images, or [B, 1, H, W] for all channels: 0 keeps the image, 1 inpaints it, values between blend. */
  readonly mask: FloatArray;
}

/** j and r of the paper's section 5. */
export const repaintDefaults = { jumpLength: 10, resamples: 10 } as const;

/**
 * The way of RePaint over N steps: places on the list of times, 0 the first of them, N the clean image. A rising pair is
 * a step of the sampler, a falling one a jump back.
 *
 * After every j steps, as counted from the last but one place, it goes j steps back, r − 1 times.
 *
 * @returns  places, from 0 to N
 * @throws if N, jumpLength or resamples is not a positive integer
 * @see Lugmayr et al. 2022, appendix B — https://arxiv.org/abs/2201.09865
 */
export function repaintPath(
  N: number,
  { jumpLength = repaintDefaults.jumpLength, resamples = repaintDefaults.resamples }: RepaintJumps = {},
): readonly number[] {
  for (const [name, value] of Object.entries({ N, jumpLength, resamples }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new Error(`repaint: ${name} must be a positive integer, got ${value}`);
  const path = [0];
  const jumpsLeft = new Map<number, number>();
  // From the clean image itself nothing is jumped back: its noise would be that of no time.
  for (let place = N - 1; place - jumpLength >= 0; place -= jumpLength) jumpsLeft.set(place, resamples - 1);
  for (let place = 0; place < N;) {
    path.push(++place);
    const left = jumpsLeft.get(place) ?? 0;
    if (left === 0) continue;
    jumpsLeft.set(place, left - 1);
    path.push((place -= jumpLength));
  }
  return path;
}

/**
 * Paints a part of an image so that it fits to the rest, with a model that was never trained for it.
 *
 *     known    x_s = α_s x_0 + σ_s ε                 where the image is kept
 *     unknown  x_s ~ q(x_s | x_t, x̂_0)               where it is painted: DDPM's step
 *     jump     x_t = α_t/α_s x_s + √(σ_t² − (α_t/α_s)² σ_s²) z,  back by j steps, and down again
 *
 * One pass alone gives a border that does not fit: what is painted hears of what is known only through x̂_0. Each jump back
 * blends the two. At the end the known values are the given ones, bit for bit.
 *
 * @param xT  [B, ...] noise of the first time
 * @returns   a state for every step and every jump (whose x0 is the last estimate), as `repaintPath` counts them
 * @throws if mask or known do not have the shape of xT, a value of the mask is outside 0 … 1, or jumps are no positive integers
 * @see Lugmayr et al. 2022, algorithm 1 — https://arxiv.org/abs/2201.09865
 */
export async function* repaint(
  denoise: Denoiser,
  xT: FloatArray,
  options: RepaintOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler('repaint', xT, options);
  const { schedule, timesteps, streams, signal, known, jumpLength, resamples } = options;
  checkSameShape('repaint', 'the known image', known, xT);
  const mask = spread(options.mask, xT);
  const path = repaintPath(timesteps.length, { jumpLength, resamples });
  const times = [...timesteps, schedule.clean];
  const z = new Float32Array(xT.data.length);
  const knownNoise = new Float32Array(xT.data.length);
  let xt = xT;
  let previous: FloatArray | undefined;
  for (const [step, to] of path.slice(1).entries()) {
    signal?.throwIfAborted();
    const from = path[step]!;
    const [t, s] = [times[from]!, times[to]!];
    if (to < from) {
      const keep = schedule.alpha(s) / schedule.alpha(t);
      const added = Math.sqrt(stepVariance(schedule, s, t));
      drawNoise(z, streams);
      xt = weightedSum(xt.shape, [keep, xt.data], [added, z]);
      yield { step, t: s, xt, x0: previous! };
      continue;
    }
    const { x0 } = await denoise(
      xt,
      streams.map(() => t),
      options,
    );
    const c = posterior(schedule, t, s);
    const std = Math.sqrt(c.variance);
    const [alpha, sigma] = [schedule.alpha(s), schedule.sigma(s)];
    drawNoise(z, streams);
    drawNoise(knownNoise, streams);
    const kept = weightedSum(xt.shape, [alpha, known.data], [sigma, knownNoise]);
    const painted = weightedSum(xt.shape, [c.x0, x0.data], [c.xt, xt.data], [std, z]);
    xt = blend(mask, painted, kept);
    previous = x0;
    yield { step, t: s, xt, x0 };
  }
}

/** What is painted where the mask is 1, what is kept where it is 0, bit for bit. */
function blend(mask: ArrayLike<number>, painted: FloatArray, kept: FloatArray): FloatArray {
  const out = new Float32Array(painted.data.length);
  for (let i = 0; i < out.length; i++)
    out[i] = mask[i]! === 0 ? kept.data[i]! : mask[i]! * painted.data[i]! + (1 - mask[i]!) * kept.data[i]!;
  return float32(painted.shape, out);
}

/** The mask for every value of the images. */
function spread(mask: FloatArray, { shape, data }: FloatArray): ArrayLike<number> {
  const outside = mask.data.find((m) => !(m >= 0 && m <= 1));
  if (outside !== undefined) throw new Error(`repaint: the mask must lie in 0 … 1, got ${outside}`);
  if (mask.shape.join() === shape.join()) return mask.data;
  const [B, C = 0, ...area] = shape;
  if (mask.shape.join() !== [B, 1, ...area].join())
    throw new Error(
      `repaint: the mask is ${describeType(mask)}, expected [${shape.join(', ')}] or [${[B, 1, ...area].join(', ')}]`,
    );
  const plane = area.reduce((product, extent) => product * extent, 1);
  return Float32Array.from(data, (_, i) => mask.data[Math.floor(i / (C * plane)) * plane + (i % plane)]!);
}
