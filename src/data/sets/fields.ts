import { createHash } from 'node:crypto';
import { fromHome } from '../../files/from-home.ts';
import { metadataColumns } from './captions.ts';
import type { Dataset } from './dataset.ts';

/** A field of a data set's metadata: a style, a set, anything that has few values. */
export interface MetadataField {
  readonly name: string;
  /** Its values, sorted. */
  readonly values: readonly string[];
  /** [N] which of them each image has, −1 for none. */
  readonly indices: Int32Array;
}

/** More values are texts and not a choice; every value is an input of the network. */
const mostValues = 1000;

/**
 * Fields of `metadata.jsonl` by their names, in the order asked for.
 *
 * @param keys  such as `style` and `set`
 * @throws if no image has one of them, or one has more than 1,000 values
 */
export async function readFields(
  dataset: Pick<Dataset, 'name' | 'ids'>,
  keys: readonly string[],
): Promise<MetadataField[]> {
  if (keys.length === 0) return [];
  const columns = await metadataColumns(fromHome(dataset.name), dataset.ids, keys);
  return keys.map((name, column): MetadataField => {
    const found = columns[column]!;
    if (found.size === 0)
      throw new Error(
        `config.data.fields: no line of metadata.jsonl in ${dataset.name} has ${JSON.stringify(name)}; leave it out, or add it to each line`,
      );
    const values = [...new Set(found.values())].sort();
    if (values.length > mostValues)
      throw new Error(
        `config.data.fields: ${JSON.stringify(name)} has ${values.length} values, at most ${mostValues} can be a condition; leave it out`,
      );
    const numbers = new Map(values.map((value, number) => [value, number]));
    const indices = Int32Array.from(dataset.ids, (id) => {
      const value = found.get(id);
      return value === undefined ? -1 : numbers.get(value)!;
    });
    return { name, values, indices };
  });
}

/** The fingerprint of a data set with its fields: training sees them too. */
export function fingerprintWithFields(fingerprint: string, fields: readonly MetadataField[]): string {
  if (fields.length === 0) return fingerprint;
  const hash = createHash('sha256').update(fingerprint);
  for (const { name, values, indices } of fields) hash.update(JSON.stringify([name, values, [...indices]]));
  return hash.digest('hex');
}
