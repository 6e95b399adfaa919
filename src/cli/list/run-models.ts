import { join } from 'node:path';
import { packagePretrainedDir, pretrainedNames, readModelCard, type ModelKind } from '../../checkpoint/index.ts';
import { folderSize } from '../../files/folder-size.ts';
import { columns, dateText, sizeText } from './columns.ts';
import type { ListOptions } from './list-options.ts';

/** What a model of a kind is for. */
const purposes: Readonly<Record<ModelKind, string>> = {
  model: 'generates images',
  clip: 'CLIP',
  network: 'classifies images',
};

/**
 * Prints a line for each model: what it is for, its size, its date, what it learned from.
 *
 * @param dir  a folder of model folders; default the package's
 * @throws one line if there is none
 */
export async function listModels(
  dir: string | undefined,
  { json }: ListOptions,
  print: (line: string) => void,
): Promise<void> {
  const folder = dir ?? packagePretrainedDir();
  const models = [];
  for (const kind of Object.keys(purposes) as ModelKind[]) {
    for (const name of await pretrainedNames(folder, kind)) {
      const path = join(folder, name);
      const { bytes, modified } = await folderSize(path);
      const { summary, data, license } = await readModelCard(path);
      models.push({
        name,
        kind,
        path,
        bytes,
        date: dateText(modified) || null,
        summary: summary ?? null,
        data: data ?? null,
        license: license ?? null,
      });
    }
  }
  if (models.length === 0)
    throw new Error(`models ${JSON.stringify(folder)}: no model folders here; give a folder that holds some`);
  if (json) return print(JSON.stringify(models, null, 2));
  const rows = models.map(({ name, kind, bytes, date, data, summary }) => [
    name,
    purposes[kind],
    sizeText(bytes),
    date ?? '',
    data ?? summary ?? '',
  ]);
  for (const line of columns(rows)) print(line);
}
