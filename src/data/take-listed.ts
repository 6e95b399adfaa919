import { readFile } from 'node:fs/promises';
import { nearest } from '../core/suggest.ts';
import { fingerprintOf, selectImages, type Dataset } from './dataset.ts';
import { describeSystemError } from './write-file.ts';

/** A list of names is read whole; this is ten million of them. */
const mostBytes = 500_000_000;

/**
 * The pictures of a data set that a list names, in the list's order: one of the lists that say what to train and what to test on.
 *
 * @param path  of a text file with one name a line, as `dataset.ids` has them: `noto/1F600.png`. Empty lines are nothing
 * @throws if the file cannot be read or names nothing, a name is not in the data set, or stands there twice
 */
export async function takeListed(dataset: Dataset, path: string): Promise<Dataset> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => { throw new Error(`data list ${JSON.stringify(path)}: ${describeSystemError(error)}`, { cause: error }); });
  if (text.length > mostBytes) throw new Error(`data list ${JSON.stringify(path)}: has ${text.length} characters, expected a list of file names`);
  const places = new Map(dataset.ids.map((id, place) => [id, place]));
  const left = new Set(dataset.skipped.map(({ id }) => id));
  const chosen = new Set<number>();
  for (const [index, line] of text.split('\n').entries()) {
    const name = line.trim();
    if (name === '' || left.has(name)) continue;
    const place = places.get(name);
    if (place === undefined) {
      const close = nearest(name, dataset.ids);
      throw new Error(`data list ${JSON.stringify(path)}:${index + 1}: ${dataset.name} has no picture ${JSON.stringify(name.slice(0, 100))}${close === undefined ? `; one is called ${JSON.stringify(dataset.ids[0])}` : `; did you mean ${close}?`}`);
    }
    if (chosen.has(place)) throw new Error(`data list ${JSON.stringify(path)}:${index + 1}: ${JSON.stringify(name)} stands there already`);
    chosen.add(place);
  }
  if (chosen.size === 0) throw new Error(`data list ${JSON.stringify(path)}: names no picture`);
  const { labels, classNames } = dataset;
  const order = [...chosen];
  const content = selectImages(dataset, order, labels && classNames && { labels: Int32Array.from(order, (place) => labels[place]!), classNames });
  return { ...content, name: dataset.name, fingerprint: fingerprintOf(content), fromCache: dataset.fromCache };
}
