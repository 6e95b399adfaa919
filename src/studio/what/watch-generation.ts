/** What a generator shows on its way from a text to an image. */
import { float32, type FloatArray } from '../../core/index.ts';
import { textConditionNames } from '../../models/index.ts';
import { cosine } from '../../pipelines/index.ts';
import type { GenerateRequest, ImageGenerator } from '../../generators/index.ts';

/** A state of a sampler of images. */
export interface ImageFrame {
  readonly step: number;
  readonly steps: number;
  /** [1, C, H, W] */
  readonly xt: FloatArray;
  /** [1, C, H, W] x̂_0 as estimated in the step. */
  readonly x0: FloatArray;
}

/** An image embedding that a prior has drawn. */
export interface Candidate {
  /** [1, D] */
  readonly embedding: FloatArray;
  /** To the text's embedding. */
  readonly cosine: number;
}

/** How far a generation is; a new one each time that something is known. */
export interface Generation {
  /** The stage at work. */
  readonly stage: string;
  readonly step: number;
  readonly steps: number;
  /** Of all stages, 0 to 1. */
  readonly share: number;
  /** [1, D] the text's embedding, or [L, D] the hidden states of its tokens. */
  readonly text: FloatArray;
  readonly candidates: readonly Candidate[];
  /** States by the name of their stage, in the order of the stages. */
  readonly frames: ReadonlyMap<string, readonly ImageFrame[]>;
  /** [1, C, H, W], at the end. */
  readonly image?: FloatArray | undefined;
}

/**
 * Generates one image of a text, and tells everything on the way.
 *
 * @throws as the generator: before the first step if the request does not fit; the signal's reason on abort
 */
export async function* watchGeneration(
  generator: ImageGenerator,
  request: GenerateRequest & { readonly prompts: readonly [string] },
): AsyncGenerator<Generation, void, undefined> {
  generator.check(request);
  const text = await textOf(generator, request);
  const candidates: Candidate[] = [];
  const frames = new Map<string, ImageFrame[]>();
  for await (const state of generator.generate({ ...request, count: 1 })) {
    const { stage, step, steps, done, total, candidate, xt, preview, finished } = state;
    if (candidate) candidates.push({ embedding: candidate, cosine: cosine(candidate.data, text.data) });
    if (xt && preview) frames.set(stage, [...(frames.get(stage) ?? []), { step: step + 1, steps, xt, x0: preview }]);
    yield {
      stage,
      step: step + 1,
      steps,
      share: done / total,
      text,
      candidates: [...candidates],
      frames: new Map(frames),
      image: finished,
    };
  }
}

/** What the first stage reads of the text. */
async function textOf({ clip, first }: ImageGenerator, request: GenerateRequest): Promise<FloatArray> {
  if (clip) return clip.embedTexts(request.prompts!);
  const { conditions } = await first!.conditionsOf({ ...request, count: 1 });
  const hidden = conditions[textConditionNames.states] as FloatArray;
  const mask = conditions[textConditionNames.mask];
  const [, length = 0, width = 0] = hidden.shape;
  // Padding says nothing.
  const tokens = mask ? Array.from(mask.data as ArrayLike<number>).filter(Boolean).length : length;
  return float32([tokens, width], hidden.data.slice(0, tokens * width));
}
