import { layClassGrid, layRows, type Bitmap } from '../../data/index.ts';
import type { GenerateRequest } from '../../generators/index.ts';
import { checkNeedsNoImage, classesFor, samplerUsed, samplingFrom, type OpenImages } from '../open-images.ts';
import { checkPromptOptions, readPrompts, type PromptOptions } from '../prompt-options.ts';
import { withImages } from '../with-images.ts';
import { checkSamplerOptions, type SamplerCommandOptions, type SourceOptions } from '../sampling-options.ts';
import { checkImageFiles, writeSamples, type ImageOutputs } from './write-images.ts';
import { checkSvgFiles, checkTraceable, svgPaths, writeSvg } from './write-svg.ts';

/** The options of `kuosan sample`. */
export interface SampleCommandOptions extends SourceOptions, SamplerCommandOptions, PromptOptions, ImageOutputs {
  /** Of each prompt, where there are some. */
  readonly count?: number;
  /** A folder for traced icons. */
  readonly svg?: string;
  readonly seed: number;
}

/** How many images when nobody says: a sheet, or a few of each prompt. */
const defaultCount = { sheet: 64, prompt: 4 } as const;

/** What is asked for, and how it stands on the grid. */
interface Asked {
  readonly request: GenerateRequest;
  readonly total: number;
  readonly lay: (images: readonly Bitmap[]) => Promise<Bitmap>;
}

export async function runSample(source: string | undefined, options: SampleCommandOptions): Promise<void> {
  const { out, seed } = options;
  checkSamplerOptions(options);
  const prompts = await readPrompts(options);
  const count = options.count ?? (prompts ? defaultCount.prompt : defaultCount.sheet);
  const each = prompts?.flatMap((prompt) => Array<string>(count).fill(prompt));
  await checkImageFiles(options, each?.length ?? count);
  const svg = options.svg === undefined ? undefined : svgPaths(options.svg, each, each?.length ?? count);
  if (svg) await checkSvgFiles(options.svg!, svg, options);
  await withImages(source, options, async (opened, signal) => {
    checkNeedsNoImage(opened, 'sample');
    checkPromptOptions(options, opened.generator.takes);
    if (svg) checkTraceable(opened.generator);
    const start = performance.now();
    const { request, total, lay } = prompts ? ofPrompts(prompts, count, options) : ofClasses(opened, count, options);
    const sampling = samplingFrom(options);
    for (const note of opened.generator.notesOn?.(request) ?? []) process.stderr.write(`note: ${note}\n`);
    const images = await writeSamples(opened.generator.generate({ ...request, sampling, signal }), options, {
      count: total,
      lay,
    });
    if (svg) await writeSvg(svg, images);
    const seconds = (performance.now() - start) / 1000;
    for (const prompt of prompts ?? []) process.stdout.write(`  ${prompt}\n`);
    process.stdout.write(
      `${out}: ${total} ${total === 1 ? 'image' : 'images'} with ${samplerUsed(opened, sampling)}, seed ${seed}, on ${opened.generator.device} in ${seconds.toFixed(1)} s (${(seconds / total).toFixed(2)} s each)\n`,
    );
  });
}

/** A row of images for each prompt; image i of a seed begins with the same noise under every prompt. */
function ofPrompts(
  prompts: readonly string[],
  count: number,
  { seed, negativePrompt, style }: SampleCommandOptions,
): Asked {
  const total = prompts.length * count;
  return {
    total,
    request: {
      count: total,
      ids: Array.from({ length: total }, (_, i) => ({ seed, index: i % count })),
      prompts: prompts.flatMap((prompt) => Array<string>(count).fill(prompt)),
      ...(negativePrompt !== undefined && { negativePrompts: [negativePrompt] }),
      ...(style !== undefined && { styles: [style] }),
    },
    lay: (images) =>
      layRows(prompts.map((title, row) => ({ title, images: images.slice(row * count, (row + 1) * count) }))),
  };
}

function ofClasses(opened: OpenImages, count: number, { seed, class: wanted, style }: SampleCommandOptions): Asked {
  const classes = classesFor(opened, wanted, count);
  return {
    total: count,
    request: { seed, count, classes, ...(style !== undefined && { styles: [style] }) },
    lay: (images) => layClassGrid(images, classes, opened.generator.takes.classes?.names ?? undefined),
  };
}
