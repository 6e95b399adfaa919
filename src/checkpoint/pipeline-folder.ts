/** Writing a model of several parts, as diffusers lays out a pipeline. */
import { dirname, join } from 'node:path';
import { kindOf, makeFolder, syncFolder, writeNewFile } from '../files/durable-files.ts';
import { describeSystemError } from '../files/system-reason.ts';
import { type JsonObject, jsonText } from '../formats/json-object.ts';
import { toHuggingFace } from '../models/index.ts';
import { checksums } from './checksum.ts';
import type { Component, WritePartOptions } from './component.ts';
import { indexFile } from './file-names.ts';
import { cardFile } from './model-card.ts';
import { factsFile, factsText, type ModelFacts } from './model-facts.ts';

/** A part with what it is. */
export interface Part {
  readonly className: string;
  readonly library: string;
  /** The file that is there if the part is. */
  readonly file: string;
  readonly files: (options: WritePartOptions) => ReturnType<Component<never>['write']>;
}

/** A part to be written. */
export function part<Value>(component: Component<Value>, value: Value): Part {
  return {
    className: component.className(value),
    library: component.library,
    file: component.file,
    files: (options) => component.write(value, options),
  };
}

/** A model of several parts. */
export interface PipelineToWrite {
  /** The class in model_index.json: diffusers' pipeline where it has one. */
  readonly className: string;
  /** By the name of their folder. */
  readonly parts: Readonly<Record<string, Part>>;
  /** What model_index.json says besides the class; default the parts, by library and class. */
  readonly index?: JsonObject;
  readonly facts?: ModelFacts;
  /** The text of its README.md. */
  readonly card?: string;
  readonly dtype?: 'f32' | 'f16' | undefined;
}

/**
 * Writes a model folder, every file flushed to the disk, `model_index.json` last: a folder that has it is whole.
 *
 * @param dir  made if it is not there
 * @throws if weights are not a network's, do not fit the dtype, or a file exists already or cannot be written
 */
export async function writePipelineFolder(
  dir: string,
  { className, parts, index, facts = {}, card, dtype }: PipelineToWrite,
): Promise<void> {
  const where = `checkpoint ${dir}`;
  // Whatever cannot be written is said before anything is.
  const laid = Object.entries(parts).map(
    ([name, { files }]) => [name, files({ dtype, where, metadata: checksums })] as const,
  );
  if ((await kindOf(join(dir, indexFile))) !== 'nothing')
    throw new Error(`${where}: holds a model already; give another folder`);
  for (const [name] of laid) {
    try {
      await makeFolder(join(dir, name));
    } catch (error) {
      throw new Error(`${where}: cannot be written, ${describeSystemError(error)}; give another folder`, {
        cause: error,
      });
    }
  }
  for (const [name, files] of laid) {
    for (const [file, content] of files) {
      const folder = dirname(join(dir, name, file));
      await makeFolder(folder);
      await writeNewFile(join(dir, name, file), content);
      await syncFolder(folder);
    }
  }
  const said = factsText(facts);
  if (said !== undefined) await writeNewFile(join(dir, factsFile), said);
  if (card !== undefined) await writeNewFile(join(dir, cardFile), card);
  const listed = Object.fromEntries(
    Object.entries(parts).map(([name, { library, className: own }]) => [name, [library, own]]),
  );
  await writeNewFile(join(dir, indexFile), jsonText(toHuggingFace(className, { ...(index ?? listed) })));
  await syncFolder(dir);
}
