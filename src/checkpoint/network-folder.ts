/**
 * One network in a folder of its own, as Python's transformers lays it out: the files of its part, and what belongs to it next
 * to them.
 *
 *     config.json         its class and configuration
 *     model.safetensors   its weights; see weight-files.ts for the other ways they come
 */
import { join } from 'node:path';
import { type Content, kindOf, makeFolder, syncFolder, writeNewFile } from '../files/durable-files.ts';
import { checksums } from './checksum.ts';
import type { Component } from './component.ts';
import { folderFiles } from './folder-files.ts';
import { cardFile } from './file-names.ts';
import type { Part } from './pipeline-files.ts';

type NamedFile = readonly [file: string, content: Content];

/** A network to be written. */
export interface NetworkToWrite {
  readonly network: Part;
  /** Further files, by name. */
  readonly files?: Readonly<Record<string, Content>>;
  /** The text of its README.md. */
  readonly card?: string;
  /** How the weights are stored; default f32. */
  readonly dtype?: 'f32' | 'f16' | undefined;
}

/**
 * Writes a network's folder, every file flushed to the disk, the network's own (`config.json`) last: a folder that has it is
 * whole.
 *
 * @param dir  made if it is not there
 * @throws if the weights are not the network's, do not fit the dtype, or a file exists already or cannot be written
 */
export async function writeNetworkFolder(
  dir: string,
  { network, files = {}, card, dtype }: NetworkToWrite,
): Promise<void> {
  const where = `checkpoint ${dir}`;
  const own = network.files({ dtype, where, metadata: checksums });
  if ((await kindOf(join(dir, network.file))) !== 'nothing')
    throw new Error(`${where}: holds a model already; give another folder`);
  await makeFolder(dir);
  const isLast = ([file]: NamedFile) => file === network.file;
  const all: NamedFile[] = [
    ...Object.entries(files),
    ...(card === undefined ? [] : [[cardFile, card] as const]),
    ...own.filter((each: NamedFile) => !isLast(each)),
    ...own.filter(isLast),
  ];
  for (const [file, content] of all) await writeNewFile(join(dir, file), content);
  await syncFolder(dir);
}

/**
 * Reads a network's folder.
 *
 * @throws one line if there is none, it is another class's, or a file is damaged
 */
export async function readNetworkFolder<Value>(dir: string, component: Component<Value>): Promise<Value> {
  const files = folderFiles(dir);
  if (!(await files.has(component.file)))
    throw new Error(
      `checkpoint ${dir}: there is no ${component.file} in it, so it is no ${component.classNames.join(' or ')}; give the folder or the run of one`,
    );
  return component.read(files, '');
}
