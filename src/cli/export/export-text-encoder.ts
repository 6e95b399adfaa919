/** A text encoder in a folder of its own, in fewer bytes, and what it lost. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  folderFiles,
  readTextEncoder,
  resolveModel,
  textEncoderFolder,
  writeTextEncoderFolder,
  type LoadedTextEncoder,
  type TextEncoderDType,
} from '../../checkpoint/index.ts';
import { checkWritable } from '../../data/index.ts';
import { makeFolder, replaceWhole, syncFolder } from '../../files/durable-files.ts';
import { folderSize } from '../../files/folder-size.ts';
import { fromHome } from '../../files/from-home.ts';
import { countParameters } from '../../nn/index.ts';
import { openTextEncoder } from '../../pipelines/index.ts';
import { createNodeExecutor } from '../../runtime/node.ts';

/** The types of weights, by what they are called in options. */
export const storedTypes = { float32: 'f32', float16: 'f16', int8: 'int8' } as const satisfies Readonly<
  Record<string, TextEncoderDType>
>;

/** On what the loss is measured: captions of a word, compositions, sentences. */
const captions = [
  'bell',
  'folder',
  'map pin',
  'arrow left',
  'bell off',
  'key off',
  'a folder with a heart',
  'a cat in a circle',
  'three stars',
  'letter a in a square',
  'a red car next to a blue house',
  'two people shake hands',
  'a bottle of poison',
  'the sun behind a cloud',
  'a rocket that starts from the moon',
  'an old bicycle leans against a wall of bricks',
  'a watercolor of a lighthouse in a storm at night',
  'chart of a falling price',
  'no smoking',
  'happiness',
  'a dog chases a cat',
  'a cat chases a dog',
  'the quick brown fox jumps over the lazy dog',
  'an astronaut rides a horse in photorealistic style, with mountains and two moons in the background',
];

/** A text encoder that was written. */
export interface WrittenTextEncoder {
  readonly className: string;
  readonly parameters: number;
  /** Of the whole folder. */
  readonly bytes: number;
  /** The least cosine between a caption's vector and the original's. */
  readonly leastCosine: number;
  readonly captions: number;
}

/**
 * Checks that a text encoder can be written to a folder: it is not there, is empty, or, if it may be replaced, holds an earlier one.
 *
 * @throws one line otherwise
 */
export async function checkTextEncoderFolder(folder: string, force: boolean): Promise<void> {
  await checkWritable(join(folder, 'config.json'));
  const entries = existsSync(folder) ? await readdir(folder) : [];
  if (entries.length === 0) return;
  if (!entries.includes('config.json') || !entries.includes('tokenizer.json'))
    throw new Error(`${folder}: holds other files (${JSON.stringify(entries[0])}); give another folder`);
  if (!force)
    throw new Error(`${folder}: holds a text encoder already; replace it with --force, or give another folder`);
}

/**
 * Writes the text encoder in a folder, or that of a model, with its weights in another type.
 *
 * @param source  of transformers, sentence-transformers, or a model with a `text_encoder`
 */
export async function exportTextEncoder(
  source: string,
  out: string,
  { dtype, variant }: { readonly dtype: keyof typeof storedTypes; readonly variant?: string | undefined },
): Promise<WrittenTextEncoder> {
  const encoder = await openSource(source, variant);
  await makeFolder(dirname(resolve(out)));
  await replaceWhole(resolve(out), async (aside) =>
    writeTextEncoderFolder(aside, encoder, { dtype: storedTypes[dtype] }),
  );
  await syncFolder(dirname(resolve(out)));
  return {
    className: encoder.network.className,
    parameters: countParameters(encoder.network.module),
    bytes: (await folderSize(out)).bytes,
    leastCosine: await leastCosine(encoder, await readTextEncoder(folderFiles(out))),
    captions: captions.length,
  };
}

/** A folder of Hugging Face by its path; a model by its folder, its run or its name. */
async function openSource(source: string, variant: string | undefined): Promise<LoadedTextEncoder> {
  const own = folderFiles(fromHome(source));
  const isOwn = (await own.has('config.json')) || (await own.has('modules.json'));
  const model = isOwn ? undefined : await resolveModel(source).catch(() => undefined);
  // What is neither is answered as a text encoder would be.
  return model === undefined
    ? readTextEncoder(own, { variant })
    : readTextEncoder(folderFiles(model), { folder: textEncoderFolder, variant });
}

async function leastCosine(...encoders: readonly [LoadedTextEncoder, LoadedTextEncoder]): Promise<number> {
  const executor = createNodeExecutor();
  try {
    const [a, b] = await Promise.all(
      encoders.map(async (loaded) => {
        const encoder = await openTextEncoder(executor, loaded);
        const { pooled } = await encoder.encode(captions);
        await encoder.dispose();
        return pooled;
      }),
    );
    const [rows, width] = a!.shape as [number, number];
    const row = (of: Float32Array, i: number) => of.subarray(i * width, (i + 1) * width);
    const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
    return Math.min(
      ...Array.from({ length: rows }, (_, i) => {
        const [x, y] = [row(a!.data, i), row(b!.data, i)];
        return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
      }),
    );
  } finally {
    await executor.dispose();
  }
}
