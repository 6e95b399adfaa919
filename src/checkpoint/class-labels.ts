/** The class names of a class-conditional model: `class_labels.json` next to the model's index. */
import { join } from 'node:path';
import { z } from 'zod';
import { parseConfig } from '../models/index.ts';
import { kindOf, writeNewFile } from '../files/durable-files.ts';
import { jsonText, readJsonFile } from '../files/json-file.ts';

const classLabelsFile = 'class_labels.json';

/** The classes of a model. */
export interface ClassLabels {
  /** By class index, without the null label. */
  readonly names: readonly string[];
  /** The null label of models trained with label dropout; only these can be guided. */
  readonly nullClass: number | null;
}

const schema = z.strictObject({
  id2label: z.record(z.string().regex(/^\d+$/), z.string()),
  null_class: z.number().int().nonnegative().nullable(),
});

export async function writeClassLabels(dir: string, { names, nullClass }: ClassLabels): Promise<void> {
  await writeNewFile(
    join(dir, classLabelsFile),
    jsonText({ id2label: Object.fromEntries(names.entries()), null_class: nullClass }),
  );
}

/**
 * The classes of a model folder, or null where it has no file of them.
 *
 * @param classes  how many the network takes
 * @throws one line if the file is damaged or names a class that the network has not
 */
export async function readClassLabels(dir: string, classes: number): Promise<ClassLabels | null> {
  const path = join(dir, classLabelsFile);
  if ((await kindOf(path)) === 'nothing') return null;
  const where = `checkpoint ${path}`;
  const { id2label, null_class: nullClass } = parseConfig(schema, await readJsonFile(path, where), where);
  const names = Object.keys(id2label).map((_, i) => {
    const name = id2label[i];
    if (name === undefined)
      throw new Error(`${where}: id2label has ${Object.keys(id2label).length} entries, but none for class ${i}`);
    return name;
  });
  for (const id of [names.length - 1, nullClass ?? 0])
    if (id >= classes)
      throw new Error(`${where}: names class ${id}, and the network has ${classes} classes (0 to ${classes - 1})`);
  return { names, nullClass };
}
