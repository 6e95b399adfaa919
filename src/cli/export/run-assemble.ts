import { dirname, join, resolve } from 'node:path';
import {
  cascadeClass,
  copyModelFolder,
  decoderClass,
  folderFiles,
  indexFile,
  modelClass,
  priorClass,
  readTextEncoder,
  resolveModel,
  textEncoderFolder,
  textToImageClass,
  upsamplerObstacle,
  writeTextEncoderFolder,
  writeUnCLIPFolder,
} from '../../checkpoint/index.ts';
import { checkWritable } from '../../data/index.ts';
import { kindOf, makeFolder, replaceWhole, syncFolder, writeNewFile } from '../../files/durable-files.ts';
import { folderSize } from '../../files/folder-size.ts';
import { quoteWord } from '../../formats/quote.ts';
import { jsonText } from '../../formats/json-object.ts';
import { cascade, openGenerator, type ImageGenerator } from '../../generators/index.ts';
import { toHuggingFace } from '../../models/index.ts';
import { createNodeExecutor } from '../../runtime/node.ts';
import { ifObstacle, writeIFFolder } from '../../systems/index.ts';
import { checkOneEncoder } from './check-encoders.ts';
import { storedTypes } from './export-text-encoder.ts';

/** The options of `kuosan assemble`. */
export interface AssembleOptions {
  readonly out: string;
  readonly dtype: 'float32' | 'float16';
  /** Default int8; of a DALL·E 2 that of the other weights, for Python opens no int8. */
  readonly textEncoder?: 'float32' | 'float16' | 'int8' | undefined;
}

/** Stages are called by what they do. */
function nameOf(stage: number, count: number): string {
  if (stage === 0) return 'base';
  return count === 2 ? 'upsampler' : `upsampler_${stage}`;
}

/**
 * Writes a cascade of stages that fit together, whose text encoder is that of the first that has one; or of a prior and a decoder a
 * whole DALL·E 2, the stages after them its upsamplers.
 *
 * @throws one line if a stage is no model, stages do not fit, or the folder holds something
 */
export async function runAssemble(
  sources: readonly string[],
  { out, dtype, textEncoder }: AssembleOptions,
): Promise<void> {
  if ((await kindOf(out)) !== 'nothing')
    throw new Error(`cannot write ${JSON.stringify(out)}: exists already; give a new folder`);
  await checkWritable(join(out, indexFile));
  const dirs: string[] = [];
  for (const source of sources) dirs.push(await resolveModel(source));
  const classes = await Promise.all(dirs.map(modelClass));
  const isUnCLIP = classes.some((name) => name === priorClass || name === decoderClass);
  await makeFolder(dirname(resolve(out)));
  const { stages, takesText, note } = isUnCLIP
    ? await assembleUnCLIP(dirs, classes, out, { dtype, textEncoder: textEncoder ?? dtype })
    : await assembleStages(dirs, classes, out, { dtype, textEncoder });
  await syncFolder(dirname(resolve(out)));
  const shape = await shapeOf(out);
  const megabytes = ((await folderSize(out)).bytes / 1e6).toFixed(1);
  process.stdout.write(
    `${out}: ${stages.join(', ')}; images of ${shape[2]}×${shape[1]}, weights in ${dtype}, ${megabytes} MB\nsample from it: npx kuosan sample ${quoteWord(out)}${takesText ? ' --prompt …' : ''}\n${note === undefined ? '' : `${note}\n`}`,
  );
}

interface Assembled {
  readonly stages: readonly string[];
  readonly takesText: boolean;
  /** What Python makes of it. */
  readonly note?: string;
}

type Storage = Required<Pick<AssembleOptions, 'dtype'>> & { readonly textEncoder: 'float32' | 'float16' | 'int8' };

/** Stages of text to image lie as diffusers' pipelines open them, where these sample as the stages were trained. */
async function assembleStages(
  dirs: readonly string[],
  classes: readonly unknown[],
  out: string,
  { dtype, textEncoder }: Pick<AssembleOptions, 'dtype' | 'textEncoder'>,
): Promise<Assembled> {
  const cascaded = { dtype, textEncoder: textEncoder ?? 'int8' } as const;
  if (!classes.includes(textToImageClass)) return assembleCascade(dirs, out, cascaded);
  const names = dirs.map((_, stage) => nameOf(stage, dirs.length));
  for (const [stage, dir] of dirs.entries()) {
    const obstacle = await ifObstacle(dir);
    if (obstacle !== undefined)
      return {
        ...(await assembleCascade(dirs, out, cascaded)),
        note: `note: diffusers' IFPipeline does not open ${names[stage]!}: ${obstacle}`,
      };
  }
  await checkFit(dirs, names);
  const isAlone = dirs.length === 1;
  const written: string[] = [];
  await replaceWhole(resolve(out), async (aside) => {
    for (const [stage, dir] of dirs.entries()) {
      const className = await writeIFFolder(dir, isAlone ? aside : join(aside, names[stage]!), {
        dtype: storedTypes[dtype],
        // The first has it for all.
        textEncoder: stage === 0 ? storedTypes[textEncoder ?? dtype] : null,
      });
      written.push(`${isAlone ? out : join(out, names[stage]!)} in ${className}`);
    }
    if (!isAlone) await writeCascadeIndex(aside, names);
  });
  return {
    stages: names,
    takesText: true,
    note:
      textEncoder === 'int8'
        ? 'note: Python does not open the text encoder in int8; take float16 or float32 (--text-encoder)'
        : `note: diffusers opens ${written.join(', ')}`,
  };
}

async function assembleCascade(
  dirs: readonly string[],
  out: string,
  { dtype, textEncoder }: Storage,
): Promise<Assembled> {
  const names = dirs.map((_, stage) => nameOf(stage, dirs.length));
  await checkFit(dirs, names);
  const owner = (await Promise.all(dirs.map(hasEncoder))).indexOf(true);
  await replaceWhole(resolve(out), async (aside) => {
    for (const [stage, dir] of dirs.entries())
      await copyModelFolder(dir, join(aside, names[stage]!), { dtype: storedTypes[dtype] });
    if (owner >= 0)
      await writeTextEncoderFolder(
        join(aside, textEncoderFolder),
        await readTextEncoder(folderFiles(dirs[owner]!), { folder: textEncoderFolder }),
        { dtype: storedTypes[textEncoder] },
      );
    await writeCascadeIndex(aside, names);
  });
  return { stages: names, takesText: owner >= 0 };
}

/** The upsampler that diffusers' pipeline has room for goes into its folder; further ones make a cascade with it. */
async function assembleUnCLIP(
  dirs: readonly string[],
  classes: readonly unknown[],
  out: string,
  { dtype, textEncoder }: Storage,
): Promise<Assembled> {
  const [prior, ...otherPriors] = dirs.filter((_, i) => classes[i] === priorClass);
  const [decoder, ...otherDecoders] = dirs.filter((_, i) => classes[i] === decoderClass);
  const upsamplers = dirs.filter((_, i) => classes[i] !== priorClass && classes[i] !== decoderClass);
  if (prior === undefined || decoder === undefined || otherPriors.length + otherDecoders.length > 0)
    throw new Error(
      `assemble: a DALL·E 2 has one prior and one decoder, got ${otherPriors.length + (prior === undefined ? 0 : 1)} and ${otherDecoders.length + (decoder === undefined ? 0 : 1)}; give a run of each: kuosan assemble runs/prior runs/decoder --out ${quoteWord(out)}`,
    );
  const [first, ...rest] = upsamplers;
  const storage = { dtype: storedTypes[dtype], textEncoder: storedTypes[textEncoder] } as const;
  const isWithin = first !== undefined && (await upsamplerObstacle(first)) === undefined;
  const within = isWithin ? first : undefined;
  const behind = isWithin ? rest : upsamplers;
  const names = [nameOf(0, 1 + behind.length), ...behind.map((_, i) => nameOf(i + 1, 1 + behind.length))];
  await replaceWhole(resolve(out), async (aside) => {
    const base = behind.length === 0 ? aside : join(aside, names[0]!);
    await writeUnCLIPFolder(base, { prior, decoder, upsampler: within }, storage);
    for (const [i, dir] of behind.entries())
      await copyModelFolder(dir, join(aside, names[i + 1]!), { dtype: storedTypes[dtype] });
    if (behind.length > 0) await writeCascadeIndex(aside, names);
    // What does not fit is said before the folder has its name.
    await shapeOf(aside);
  });
  return {
    stages: ['prior', 'decoder', ...(within === undefined ? [] : ['super_res']), ...names.slice(1)],
    takesText: true,
  };
}

async function writeCascadeIndex(dir: string, stages: readonly string[]): Promise<void> {
  await writeNewFile(join(dir, indexFile), jsonText(toHuggingFace(cascadeClass, { stages })));
  await syncFolder(dir);
}

/** The images of a model. @throws if it does not open: its stages do not fit */
async function shapeOf(dir: string): Promise<readonly number[]> {
  const executor = createNodeExecutor({ threads: 1 });
  try {
    const generator = await openGenerator(executor, folderFiles(dir), { batchSize: 1 });
    const { shape } = generator;
    await generator.dispose();
    return shape;
  } finally {
    await executor.dispose();
  }
}

async function hasEncoder(dir: string): Promise<boolean> {
  return (await kindOf(join(dir, textEncoderFolder, 'config.json'))) === 'file';
}

/** @throws if the stages make no cascade */
async function checkFit(dirs: readonly string[], names: readonly string[]): Promise<void> {
  const own = await Promise.all(dirs.map(hasEncoder));
  await checkOneEncoder(dirs.filter((_, i) => own[i]));
  const executor = createNodeExecutor({ threads: 1 });
  const stages: ImageGenerator[] = [];
  try {
    for (const [i, dir] of dirs.entries())
      stages.push(await openGenerator(executor, folderFiles(dir), { batchSize: 1, stage: names[i]! }));
    const misplaced = stages.findIndex(({ takes }, i) => i > 0 && takes.image?.use !== 'required');
    if (misplaced > 0)
      throw new Error(
        `assemble: ${dirs[misplaced]} starts from noise and enlarges no image, which only the first folder may; each behind it is an upsampler, trained with objective.superResolution`,
      );
    cascade(stages.map((generator) => ({ generator })));
  } finally {
    for (const stage of stages) await stage.dispose();
    await executor.dispose();
  }
}
