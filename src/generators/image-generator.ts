/** What makes images from a request, whatever it is made of: the one thing that commands, servers and pages ask. */
import type { FloatArray, Shape } from '../core/index.ts';
import type { Conditions, RepaintJumps, Sampling } from '../diffusion/index.ts';
import type { FieldCondition } from '../models/index.ts';
import type { ImageModel, SampleId } from '../pipelines/index.ts';

/** What to generate. Lists have one entry for each image, or one for all of them. */
export interface GenerateRequest {
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Images, default 1. */
  readonly count?: number | undefined;
  /** The number of the first image, default 0; image i of a seed is the same at any count. */
  readonly first?: number | undefined;
  /** [count] images of several seeds together, in the place of `seed` and `first`: each is what it would be alone. */
  readonly ids?: readonly SampleId[] | undefined;
  /** What they show, for a generator that takes text. */
  readonly prompts?: readonly string[] | undefined;
  /** What they should not show; needs guidance. */
  readonly negativePrompts?: readonly string[] | undefined;
  /** Values of the fields that a generator takes, such as `outline`; several for one image are separated by commas: `tabler, filled`. */
  readonly styles?: readonly string[] | undefined;
  /** Names of classes, or their numbers. */
  readonly classes?: readonly (string | number)[] | undefined;
  /** [C, H, W] or [count, C, H, W] in [−1, 1]: the image to change, or the one of low resolution, as `takes.image` says. */
  readonly image?: FloatArray | undefined;
  /** [1, H, W]: 1 where the image is painted anew, 0 where it is kept. */
  readonly mask?: FloatArray | undefined;
  /** How far an image that is changed may go: 0 leaves it as it is, 1 forgets it; default 0.6. */
  readonly strength?: number | undefined;
  /** [D] or [count, D] CLIP image embeddings to generate images of, for a generator that takes them; no prior draws them then. */
  readonly embeddings?: FloatArray | undefined;
  /** Embeddings that a prior draws for each image, of which the one nearest to the text's is kept; default the model's own. */
  readonly candidates?: number | undefined;
  /** [C, H, W] or [count, C, H, W] the noise that the images of the first stage begin as, in the place of the seed's. */
  readonly noise?: FloatArray | undefined;
  /** How often RePaint goes back under a mask; default its own. */
  readonly jumps?: RepaintJumps | undefined;
  /** How to sample: of the first stage, and of others by their names. What is left out is the generator's default. */
  readonly sampling?: (Sampling & { readonly stages?: Readonly<Record<string, Sampling>> }) | undefined;
  /** When it aborts, generating ends with its reason before the next step. */
  readonly signal?: AbortSignal | undefined;
}

/** What a generator tells while it works. */
export interface GenerateProgress {
  /** The name of the stage that it is in. */
  readonly stage: string;
  /** Steps done and to do, over all stages and batches. */
  readonly done: number;
  readonly total: number;
  /** The step of this stage and batch that was taken, from 0, and how many there are. */
  readonly step: number;
  readonly steps: number;
  /** The time that was reached, as the stage's schedule counts; absent where there is none. */
  readonly t?: number;
  /** Which images of the request these are, from 0. */
  readonly places: readonly number[];
  /** [B, ...] how they look so far, as estimated in this step: x̂_0. */
  readonly preview?: FloatArray;
  /** [B, ...] the state of the sampler after this step: x_t. */
  readonly xt?: FloatArray;
  /** [B, ...] the images, once: in [−1, 1]. */
  readonly finished?: FloatArray;
  /** [count, D] the CLIP embeddings of one candidate, when a stage that draws several has drawn it. */
  readonly candidate?: FloatArray;
  /** [count, candidates] once, of a stage that draws several CLIP embeddings for each image: their cosines to the text's; the largest is kept. */
  readonly similarities?: FloatArray;
}

/** What a generator can be asked with besides a seed. */
export interface GeneratorInputs {
  /** Prompts of at most so many tokens; absent, text means nothing to it. */
  readonly text?: { readonly maxTokens: number | null; readonly required: boolean };
  /** Fields of its data, such as `style` and `set`, by the values of which images can be asked for; absent, it has none. */
  readonly styles?: readonly FieldCondition[];
  /** Classes; absent, it has none. */
  readonly classes?: {
    readonly count: number;
    /** In the order of their numbers; null where nobody wrote them down. */
    readonly names: readonly string[] | null;
  };
  /** `required` is an image of low resolution that is enlarged, `optional` one to change; absent, images mean nothing to it. */
  readonly image?: { readonly shape: Shape; readonly use: 'required' | 'optional' };
  /** CLIP image embeddings in the place of texts; absent, they mean nothing to it. */
  readonly embeddings?: { readonly width: number };
  /** Whether a part of an image can be painted anew. */
  readonly mask: boolean;
  /** Whether it can be guided: `guidanceScale` other than 1, negative prompts. */
  readonly guidance: boolean;
}

/** The CLIP that a generator of its image embeddings brings along. */
export interface GeneratorClip {
  /** D. */
  readonly width: number;
  /** Whether it has an image encoder. */
  readonly seesImages: boolean;
  /** @returns [N, D], before they are made unit vectors */
  embedTexts(texts: readonly string[]): Promise<FloatArray>;
  /**
   * @param images  [N, C, H, W] in [−1, 1], of any size
   * @returns       [N, D], before they are made unit vectors
   * @throws if the model has no image encoder
   */
  embedImages(images: FloatArray): Promise<FloatArray>;
}

/** What a request says to a model's denoiser. */
export interface RequestConditions {
  /** [count, ...] each, by the names of the model's conditions. */
  readonly conditions: Conditions;
  /** [count, ...] what guidance leads away from: negative prompts. */
  readonly negative?: Conditions;
}

/** The stage that begins with noise alone. */
export interface FirstStage {
  /** Its name, and what its random numbers are for. */
  readonly stage: string;
  readonly model: ImageModel;
  /** What the model is conditioned on for a request; what comes before it, such as a prior, is run. */
  conditionsOf(request?: GenerateRequest): Promise<RequestConditions>;
}

/** Makes images from requests. */
export interface ImageGenerator {
  /** The extents of an image: [C, H, W]; of other samples whatever they have. */
  readonly shape: Shape;
  /** Images that are computed together. */
  readonly batchSize: number;
  readonly takes: GeneratorInputs;
  /** Its stages in their order, and how each is sampled when nobody says, all filled in. */
  readonly defaults: Readonly<Record<string, Sampling>>;
  /**
   * How each stage is sampled for a request, all filled in.
   *
   * @throws what `generate` would throw before its first step: the request does not fit
   */
  check(request?: GenerateRequest): Readonly<Record<string, Sampling>>;
  /** What to know of the model, one sentence each. */
  readonly notes: readonly string[];
  /** What to know of a request before it is generated, one sentence each: a prompt that is too long. */
  notesOn?(request: GenerateRequest): readonly string[];
  /** The diffusion model whose images are the first; absent where something else makes them. */
  readonly first?: FirstStage;
  /** Embeds texts and images, where it brings a CLIP. */
  readonly clip?: GeneratorClip;
  /**
   * The noise from which a deterministic sampler makes an image again, under the embedding and the prompt of the request: DDIM
   * inversion.
   *
   * @returns [C, H, W] for `noise`
   */
  invert?(request: GenerateRequest): Promise<FloatArray>;
  /** What computes it, for people. */
  readonly device: string;
  /**
   * Generates images; the finished ones come batch by batch, in the order of the request.
   *
   * @throws before the first step if the request does not fit; the signal's reason on abort
   */
  generate(request?: GenerateRequest): AsyncGenerator<GenerateProgress, void, undefined>;
  dispose(): Promise<void>;
}

/**
 * Generates images and returns them together.
 *
 * @returns [count, C, H, W] in [−1, 1]
 */
export async function generateImages(
  generator: ImageGenerator,
  request: GenerateRequest = {},
  onProgress?: (progress: GenerateProgress) => void,
): Promise<FloatArray> {
  const batches: FloatArray[] = [];
  for await (const progress of generator.generate(request)) {
    onProgress?.(progress);
    if (progress.finished) batches.push(progress.finished);
  }
  return joinedBatches(batches, generator.shape);
}

/** Batches after each other: [N, ...]. */
export function joinedBatches(batches: readonly FloatArray[], shape: Shape): FloatArray {
  const data = new Float32Array(batches.reduce((total, { data: own }) => total + own.length, 0));
  let at = 0;
  let count = 0;
  for (const batch of batches) {
    data.set(batch.data, at);
    at += batch.data.length;
    count += batch.shape[0]!;
  }
  return { dtype: 'f32', shape: [count, ...(batches[0]?.shape.slice(1) ?? shape)], data };
}
