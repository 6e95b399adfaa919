import { dirname, join, resolve } from 'node:path';
import {
  cascadeClass,
  copyModelFolder,
  folderFiles,
  indexFile,
  readTextEncoder,
  resolveModel,
  textEncoderFolder,
  writeTextEncoderFolder,
} from '../../checkpoint/index.ts';
import { checkWritable } from '../../data/index.ts';
import { kindOf, makeFolder, replaceWhole, syncFolder, writeNewFile } from '../../files/durable-files.ts';
import { folderSize } from '../../files/folder-size.ts';
import { quoteWord } from '../../formats/quote.ts';
import { jsonText } from '../../formats/json-object.ts';
import { cascade, openGenerator, type ImageGenerator } from '../../generators/index.ts';
import { toHuggingFace } from '../../models/index.ts';
import { createNodeExecutor } from '../../runtime/node.ts';
import { storedTypes } from './export-text-encoder.ts';

/** The options of `kuosan assemble`. */
export interface AssembleOptions {
  readonly out: string;
  readonly dtype: 'float32' | 'float16';
  readonly textEncoder: 'float32' | 'float16' | 'int8';
}

/** Stages are called by what they do. */
function nameOf(stage: number, count: number): string {
  if (stage === 0) return 'base';
  return count === 2 ? 'upsampler' : `upsampler_${stage}`;
}

/**
 * Writes a cascade of stages that fit together; the text encoder of the first that has one is theirs together.
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
  const names = dirs.map((_, stage) => nameOf(stage, dirs.length));
  const shape = await checkFit(dirs, names);

  const owner = (await Promise.all(dirs.map(hasEncoder))).indexOf(true);
  await makeFolder(dirname(resolve(out)));
  await replaceWhole(resolve(out), async (aside) => {
    for (const [stage, dir] of dirs.entries())
      await copyModelFolder(dir, join(aside, names[stage]!), { dtype: storedTypes[dtype] });
    if (owner >= 0)
      await writeTextEncoderFolder(
        join(aside, textEncoderFolder),
        await readTextEncoder(folderFiles(dirs[owner]!), { folder: textEncoderFolder }),
        { dtype: storedTypes[textEncoder] },
      );
    await writeNewFile(join(aside, indexFile), jsonText(toHuggingFace(cascadeClass, { stages: names })));
    await syncFolder(aside);
  });
  await syncFolder(dirname(resolve(out)));
  const megabytes = ((await folderSize(out)).bytes / 1e6).toFixed(1);
  process.stdout.write(
    `${out}: ${names.join(', ')}; images of ${shape[2]}×${shape[1]}, weights in ${dtype}, ${megabytes} MB\nsample from it: npx kuosan sample ${quoteWord(out)}${owner >= 0 ? ' --prompt …' : ''}\n`,
  );
}

async function hasEncoder(dir: string): Promise<boolean> {
  return (await kindOf(join(dir, textEncoderFolder, 'config.json'))) === 'file';
}

/** @throws if the stages make no cascade */
async function checkFit(dirs: readonly string[], names: readonly string[]): Promise<readonly number[]> {
  const executor = createNodeExecutor({ threads: 1 });
  const stages: ImageGenerator[] = [];
  try {
    for (const [i, dir] of dirs.entries())
      stages.push(await openGenerator(executor, folderFiles(dir), { batchSize: 1, stage: names[i]! }));
    return cascade(stages.map((generator) => ({ generator }))).shape;
  } finally {
    for (const stage of stages) await stage.dispose();
    await executor.dispose();
  }
}
