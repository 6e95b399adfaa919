/**
 * Reading a part of a model to train it on: from a run of that part alone, or from a folder that holds it among others.
 */
import { quoteWord } from '../formats/quote.ts';
import type { JsonObject } from '../formats/json-object.ts';
import type { Component } from './component.ts';
import { cascadeClass } from './file-names.ts';
import { folderFiles } from './folder-files.ts';
import { isPart, readModelIndex, readPart } from './read-model.ts';

/**
 * Reads a part of a model folder.
 *
 * @param dir   a checkpoint, or a folder that `kuosan assemble` or diffusers wrote
 * @param name  of the part, as the index lists it
 * @throws one line if the folder has no such part, or the part is of another class, damaged or wrong
 */
export async function readTrainedPart<Value>(dir: string, name: string, component: Component<Value>): Promise<Value> {
  const files = folderFiles(dir);
  const index = await readModelIndex(files);
  if (index && isPart(index, name, component.classNames)) return readPart(files, index, name, component);
  throw new Error(`checkpoint ${dir}: ${obstacle(dir, index, { name, classNames: component.classNames })}`);
}

function obstacle(
  dir: string,
  index: JsonObject | undefined,
  { name, classNames }: { readonly name: string; readonly classNames: readonly string[] },
): string {
  const hint = 'give a run that trained one, or a folder that one was put together in (kuosan assemble)';
  if (index === undefined) return `is a network alone, and no folder with the part ${name}; ${hint}`;
  const stages = index['stages'];
  if (index['_class_name'] === cascadeClass && Array.isArray(stages))
    return `is a cascade of the stages ${stages.join(', ')}; give the one that has the part ${name}: ${quoteWord(`${dir}/${String(stages[0])}`)}`;
  const listed = index[name];
  const found = Array.isArray(listed) ? (listed[1] as unknown) : null;
  return found === null
    ? `has no part ${name}, it is a ${String(index['_class_name'])}; ${hint}`
    : `its ${name} is a ${String(found)}, expected ${classNames.join(' or ')}; ${hint}`;
}
