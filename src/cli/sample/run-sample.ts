import { layClassGrid, layRows, type Bitmap } from '../../data/index.ts';
import { reranked, type GenerateRequest } from '../../generators/index.ts';
import { checkNeedsNoImage, classesFor, samplerUsed, samplingFrom, type OpenImages } from '../open-images.ts';
import { UsageError } from '../options.ts';
import { checkPromptOptions, readPrompts, type PromptOptions } from '../prompt-options.ts';
import { withImages } from '../with-images.ts';
import { checkSamplerOptions, type SamplerCommandOptions, type SourceOptions } from '../sampling-options.ts';
import { checkImageFiles, writeSamples, type ImageOutputs } from './write-images.ts';
import { checkSvgFiles, checkTraceable, svgPaths, writeSvg } from './write-svg.ts';

/** The options of `kuosan sample`. */
export interface SampleCommandOptions extends SourceOptions, SamplerCommandOptions, PromptOptions, ImageOutputs {
  /** Of each prompt, where there are some. */
  readonly count?: number;
  /** Images generated for each, of which the one nearest to its prompt is kept. */
  readonly rerank?: number;
  /** A folder for traced icons. */
  readonly svg?: string;
  readonly seed: number;
}

/** How many images when nobody says: a sheet, or a few of each prompt. */
const defaultCount = { sheet: 64, prompt: 4 } as const;

/** An image costs as much as a whole batch: so few are computed in a small one. The bytes are those of any other. */
const few = 4;

/** What is asked for, and how it stands on the grid. */
interface Asked {
  readonly request: GenerateRequest;
  readonly lay: (images: readonly Bitmap[]) => Promise<Bitmap>;
}

export async function runSample(
  source: string | undefined,
  options: SampleCommandOptions,
  { isBatchSizeGiven = true }: { readonly isBatchSizeGiven?: boolean } = {},
): Promise<void> {
  const { out, seed, style, negativePrompt } = options;
  checkSamplerOptions(options);
  const prompts = await readPrompts(options);
  const count = options.count ?? (prompts ? defaultCount.prompt : defaultCount.sheet);
  const each = prompts?.flatMap((prompt) => Array<string>(count).fill(prompt));
  const total = each?.length ?? count;
  await checkImageFiles(options, total);
  const svg = options.svg === undefined ? undefined : svgPaths(options.svg, each, total);
  if (svg) await checkSvgFiles(options.svg!, svg, options);
  const batchSize = total <= few && !isBatchSizeGiven ? few : options.batchSize;
  await withImages(source, { ...options, batchSize }, async (opened, signal) => {
    const { generator } = opened;
    checkNeedsNoImage(opened, 'sample');
    checkPromptOptions(options, generator.takes);
    checkRerank(options, opened);
    if (svg) checkTraceable(generator);
    const start = performance.now();
    const classes = classesFor(opened, options.class, total);
    const sampling = samplingFrom(options);
    const { request, lay } = prompts ? ofPrompts(prompts, count, seed) : ofClasses(opened, classes, options);
    const asked: GenerateRequest = {
      ...request,
      count: total,
      classes,
      ...(each && { prompts: each }),
      ...(negativePrompt !== undefined && { negativePrompts: [negativePrompt] }),
      ...(style !== undefined && { styles: [style] }),
      sampling,
      signal,
    };
    for (const note of generator.notesOn?.(asked) ?? []) process.stderr.write(`note: ${note}\n`);
    const images = await writeSamples(
      options.rerank === undefined ? generator.generate(asked) : reranked(generator, asked, options.rerank),
      options,
      { count: total, lay },
    );
    if (svg) await writeSvg(svg, images);
    const seconds = (performance.now() - start) / 1000;
    for (const prompt of prompts ?? []) process.stdout.write(`  ${prompt}\n`);
    process.stdout.write(
      `${out}: ${total} ${total === 1 ? 'image' : 'images'} with ${samplerUsed(opened, sampling)}, seed ${seed}, on ${generator.device} in ${seconds.toFixed(1)} s (${(seconds / total).toFixed(2)} s each)\n`,
    );
  });
}

/** @throws UsageError if there is nothing to compare images by */
function checkRerank({ rerank, prompt, prompts, gif }: SampleCommandOptions, { generator, name }: OpenImages): void {
  if (rerank === undefined) return;
  if (!generator.clip) throw new UsageError(`--rerank: ${name} brings no CLIP, as a DALL·E 2 does; leave it out`);
  if (!prompt && prompts === undefined)
    throw new UsageError('--rerank: images are compared with their prompts; give --prompt');
  if (gif !== undefined) throw new UsageError('--gif: shows one way to each image; leave out --gif or --rerank');
}

/** A row of images for each prompt; image i of a seed begins with the same noise under every prompt. */
function ofPrompts(prompts: readonly string[], count: number, seed: number): Asked {
  return {
    request: { ids: Array.from({ length: prompts.length * count }, (_, i) => ({ seed, index: i % count })) },
    lay: (images) =>
      layRows(prompts.map((title, row) => ({ title, images: images.slice(row * count, (row + 1) * count) }))),
  };
}

function ofClasses(opened: OpenImages, classes: readonly number[] | undefined, { seed }: SampleCommandOptions): Asked {
  return {
    request: { seed },
    lay: (images) => layClassGrid(images, classes, opened.generator.takes.classes?.names ?? undefined),
  };
}
