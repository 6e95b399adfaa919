/** Writing a model of several parts, as diffusers lays out a pipeline. */
import { dirname, join } from 'node:path';
import { kindOf, makeFolder, syncFolder, writeNewFile } from '../files/durable-files.ts';
import { describeSystemError } from '../files/system-reason.ts';
import { checksums } from './checksum.ts';
import { indexFile } from './file-names.ts';
import { pipelineFiles, type PipelineToWrite } from './pipeline-files.ts';

/**
 * Writes a model folder, every file flushed to the disk, `model_index.json` last: a folder that has it is whole.
 *
 * @param dir  made if it is not there
 * @throws if weights are not a network's, do not fit the dtype, or a file exists already or cannot be written
 */
export async function writePipelineFolder(dir: string, model: PipelineToWrite): Promise<void> {
  const where = `checkpoint ${dir}`;
  // Whatever cannot be written is said before anything is.
  const files = pipelineFiles(model, { where, metadata: checksums });
  if ((await kindOf(join(dir, indexFile))) !== 'nothing')
    throw new Error(`${where}: holds a model already; give another folder`);
  for (const name of Object.keys(model.parts)) {
    try {
      await makeFolder(join(dir, name));
    } catch (error) {
      throw new Error(`${where}: cannot be written, ${describeSystemError(error)}; give another folder`, {
        cause: error,
      });
    }
  }
  for (const [path, content] of files) {
    const folder = dirname(join(dir, path));
    await makeFolder(folder);
    await writeNewFile(join(dir, path), content);
    await syncFolder(folder);
  }
}
