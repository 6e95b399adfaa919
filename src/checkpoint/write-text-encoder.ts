/** Writing a text encoder into a folder of its own. */
import { dirname, join } from 'node:path';
import { kindOf, makeFolder, syncFolder, writeNewFile } from '../files/durable-files.ts';
import { checksums } from './checksum.ts';
import { configFile } from './file-names.ts';
import { textEncoderContent, type TextEncoderDType } from './text-encoder-component.ts';
import type { LoadedTextEncoder } from './text-encoder-folder.ts';

/**
 * Writes a text encoder's folder, every file flushed to the disk, `config.json` last: a folder that has it is whole. One in f32 or f16 opens
 * in transformers and sentence-transformers, one in int8 only here.
 *
 * @param dir  made if it is not there
 * @throws if a file exists already or cannot be written, or a value does not fit the dtype
 */
export async function writeTextEncoderFolder(
  dir: string,
  encoder: LoadedTextEncoder,
  { dtype = 'f32' }: { readonly dtype?: TextEncoderDType } = {},
): Promise<void> {
  const where = `checkpoint ${dir}`;
  const content = textEncoderContent(encoder, dtype, { where, metadata: checksums });
  if ((await kindOf(join(dir, configFile))) !== 'nothing')
    throw new Error(`${where}: holds a model already; give another folder`);
  for (const [file, bytes] of content) {
    await makeFolder(dirname(join(dir, file)));
    await writeNewFile(join(dir, file), bytes);
    await syncFolder(dirname(join(dir, file)));
  }
}
