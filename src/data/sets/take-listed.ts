import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { nearest } from '../../core/suggest.ts';
import { selectImages, type Dataset } from './dataset.ts';
import { quoteJson } from '../../formats/quote.ts';
import { fromHome } from '../../files/from-home.ts';
import { fingerprintOfPart } from './part-fingerprint.ts';
import { MissingDataError } from './missing-data.ts';
import { readText } from '../../files/read-text.ts';
import { nameFinder, sameToTheEye } from './name-finder.ts';

/** A list of names is read whole; this is ten million of them. */
const mostBytes = 500_000_000;

/**
 * The images of a data set that a list names, in the list's order: one of the lists that say what to train and what to test on.
 *
 * @param list  of a text file with one name a line, as `dataset.ids` has them: `noto/1F600.png`. Empty lines are nothing. It is looked for
 *   inside the data set's folder, then as it is given. A name counts too that is the same text in other code points (é as one or two)
 * @throws MissingDataError if it is in neither place; one line if it cannot be read or names nothing, a name is not in the data set, or
 *   stands there twice
 */
export async function takeListed(dataset: Dataset, list: string): Promise<Dataset> {
  const path = await findList(dataset.name, list);
  const text = await readText(path, mostBytes);
  if (typeof text !== 'string') throw new Error(`data list ${JSON.stringify(path)}: ${text.reason}`);
  const find = nameFinder(dataset.ids);
  const isSkipped = nameFinder(dataset.skipped.map(({ id }) => id));
  const chosen = new Set<number>();
  for (const [index, line] of text.split('\n').entries()) {
    const name = line.trim();
    const where = () => `data list ${JSON.stringify(path)}:${index + 1}`;
    if (name === '' || isSkipped(name) !== undefined) continue;
    const found = find(name);
    if (found === undefined) {
      const close = nearest(name, dataset.ids);
      throw new Error(
        `${where()}: ${dataset.name} has no image ${quoteJson(name.slice(0, 100))}${close === undefined ? `; one is called ${JSON.stringify(dataset.ids[0])}` : `; did you mean ${close}?`}`,
      );
    }
    if ('equals' in found) throw new Error(`${where()}: ${sameToTheEye(name, found.equals)}`);
    const place = found.index;
    if (chosen.has(place)) throw new Error(`${where()}: ${quoteJson(name)} stands there already`);
    chosen.add(place);
  }
  if (chosen.size === 0) throw new Error(`data list ${JSON.stringify(path)}: names no image`);
  const { labels, classNames } = dataset;
  const order = [...chosen];
  const content = selectImages(
    dataset,
    order,
    labels && classNames && { labels: Int32Array.from(order, (place) => labels[place]!), classNames },
  );
  const fingerprint = await fingerprintOfPart(dataset, order, content);
  return { ...content, name: dataset.name, fingerprint, fromCache: dataset.fromCache };
}

/** A data set that goes by a name has no folder, and its lists are where they are given. */
async function findList(source: string, list: string): Promise<string> {
  // An absolute path has one place.
  const places = isAbsolute(list) ? [list] : [join(fromHome(source), list), fromHome(list)];
  for (const place of places) {
    if (
      await stat(place).then(
        () => true,
        () => false,
      )
    )
      return place;
  }
  throw new MissingDataError(
    'list',
    `data list ${JSON.stringify(list)}: there is no such file${places.length === 1 ? '' : `, neither ${places.map((place) => JSON.stringify(place)).join(' nor ')}`}`,
  );
}
