/** Generators after each other: each enlarges, or decodes, what the one before it has made. */
import { float32, type FloatArray } from '../core/index.ts';
import type { Sampling } from '../diffusion/index.ts';
import { joinedBatches, type GenerateProgress, type GenerateRequest, type ImageGenerator } from './image-generator.ts';
import { fullRequest } from './request.ts';

/** A stage of a cascade. */
export interface CascadeStage {
  /** One whose `takes.image` is required, except in the first stage; its stages have names of their own, by which their random numbers are drawn. */
  readonly generator: ImageGenerator;
  /** Steps of it weigh so much in the progress; default 1. */
  readonly weight?: number;
}

/**
 * A chain of generators as one. The prompts and classes of a request go to every stage that takes them.
 *
 * @throws if it has no stages, a later one takes no image of the size that the one before makes, or two have one name
 * @see Ho et al. 2022 (cascaded diffusion) — https://arxiv.org/abs/2106.15282
 */
export function cascade(stages: readonly CascadeStage[]): ImageGenerator {
  const [first, ...later] = stages.map(({ generator }) => generator);
  if (!first) throw new Error('cascade: there are no stages');
  let made = first;
  for (const next of later) {
    const wanted = next.takes.image;
    if (wanted?.use !== 'required')
      throw new Error(`cascade: the stage ${stageNames(next)} takes no image to begin with`);
    if (wanted.shape.join() !== made.shape.join())
      throw new Error(
        `cascade: ${stageNames(made)} makes images of [${made.shape.join(', ')}], and ${stageNames(next)} takes [${wanted.shape.join(', ')}]`,
      );
    made = next;
  }
  const names = stages.flatMap(({ generator }) => Object.keys(generator.defaults));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new Error(
      `cascade: two stages are called ${twice}; each needs a name, by which its random numbers are drawn`,
    );
  const all = stages.map(({ generator }) => generator);
  const textual = all.find(({ takes }) => takes.text)?.takes.text;
  const styled = all.find(({ takes }) => takes.styles)?.takes.styles;
  const classed = all.find(({ takes }) => takes.classes)?.takes.classes;
  const takes: ImageGenerator['takes'] = {
    ...first.takes,
    ...(textual && { text: textual }),
    ...(styled && { styles: styled }),
    ...(classed && { classes: classed }),
    guidance: all.some((stage) => stage.takes.guidance),
  };

  return {
    shape: made.shape,
    batchSize: first.batchSize,
    takes,
    defaults: Object.assign({}, ...all.map(({ defaults }) => defaults)) as Readonly<Record<string, Sampling>>,
    notes: all.flatMap(({ notes }) => notes),
    notesOn: (request) => [...new Set(all.flatMap((stage) => stage.notesOn?.(request) ?? []))],
    ...(first.first && { first: first.first }),
    ...(first.clip && { clip: first.clip }),
    ...(first.invert && { invert: (request) => first.invert!(request) }),
    device: [...new Set(all.map(({ device }) => device))].join(', '),
    check(request = {}) {
      const { count, ids } = fullRequest(request, takes);
      return Object.assign(
        {},
        ...all.map((generator, i) => {
          const image = i === 0 ? undefined : float32([1, ...generator.takes.image!.shape]);
          return generator.check(requestOf(generator, request, { count, ids, image, isFirst: i === 0 }));
        }),
      ) as Readonly<Record<string, Sampling>>;
    },
    async *generate(request = {}) {
      const { count, ids } = fullRequest(request, takes);
      const totals = stages.map(({ generator, weight = 1 }) => weight * Math.ceil(count / generator.batchSize));
      const whole = totals.reduce((sum, total) => sum + total, 0);
      let image: FloatArray | undefined;
      let before = 0;
      for (const [i, { generator }] of stages.entries()) {
        const isLast = i === stages.length - 1;
        const batches: FloatArray[] = [];
        for await (const progress of generator.generate(
          requestOf(generator, request, { count, ids, image, isFirst: i === 0 }),
        )) {
          if (progress.finished) batches.push(progress.finished);
          yield partOf(progress, before / whole, totals[i]! / whole, isLast);
        }
        before += totals[i]!;
        image = joinedBatches(batches, generator.shape);
      }
    },
    async dispose() {
      for (const generator of all) await generator.dispose();
    },
  };
}

const stageNames = ({ defaults }: ImageGenerator) => Object.keys(defaults).join(' and ');

/** What of a request a stage is asked: its own inputs, the images of the stage before, its own sampling. */
function requestOf(
  { takes, defaults }: ImageGenerator,
  {
    prompts,
    negativePrompts,
    styles,
    classes,
    mask,
    strength,
    sampling: { stages, ...first } = {},
    signal,
    image: given,
    embeddings,
    candidates,
    noise,
    jumps,
  }: GenerateRequest,
  {
    count,
    ids,
    image,
    isFirst,
  }: {
    readonly count: number;
    readonly ids: GenerateRequest['ids'];
    readonly image: FloatArray | undefined;
    readonly isFirst: boolean;
  },
): GenerateRequest {
  const own = Object.fromEntries(Object.entries(stages ?? {}).filter(([name]) => name in defaults));
  return {
    count,
    ids,
    signal,
    ...(takes.text && { prompts, ...(takes.guidance && { negativePrompts }) }),
    ...(takes.styles && { styles }),
    ...(takes.classes && { classes }),
    ...(isFirst ? { image: given, mask, strength, embeddings, candidates, noise, jumps } : { image }),
    sampling: { ...(isFirst && first), stages: own },
  };
}

/** Steps beyond which shares of a whole are counted in: fine enough for a bar. */
const shares = 10_000;

/** A stage's progress as a part of the whole; only the last stage's images are finished. */
function partOf(
  { finished, done, total, ...progress }: GenerateProgress,
  before: number,
  share: number,
  isLast: boolean,
): GenerateProgress {
  return {
    ...progress,
    done: Math.round(shares * (before + (share * done) / total)),
    total: shares,
    ...(finished && isLast && { finished }),
  };
}
