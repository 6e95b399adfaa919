import { unknownName } from '../core/suggest.ts';
import { nameFinder, sameToTheEye } from '../data/sets/name-finder.ts';
import { UsageError } from './options.ts';

const number = /^\d+$/;

/**
 * Reads the value of `--class`: a class by its name, or by its number as `#3`. A number alone is the class of that name, as folders
 * called 3 and 7 make it; it counts as the class's number only where no class is called by a number.
 *
 * @param count  of the model's classes, the null label among them
 * @param names  what they are called, if anything
 * @throws UsageError if there is no such class
 */
export function classOption(wanted: string, count: number, names: readonly string[] = []): number {
  const found = nameFinder(names)(wanted);
  if (found !== undefined && 'equals' in found) throw new UsageError(`--class: ${sameToTheEye(wanted, found.equals)}`);
  if (found !== undefined) return found.index;
  const isNumber = number.test(wanted) && !names.some((name) => number.test(name));
  if (!isNumber && !/^#\d+$/.test(wanted)) {
    if (number.test(wanted))
      throw new UsageError(
        `unknown class ${JSON.stringify(wanted)}; #${wanted} is the class by its number, names are ${names.slice(0, 20).join(', ')}`,
      );
    if (names.length > 0) throw new UsageError(unknownName('class', wanted, names));
    throw new UsageError(`--class: expected a number from 0 to ${count - 1}, got ${JSON.stringify(wanted)}`);
  }
  const index = Number(wanted.replace('#', ''));
  if (index >= count) throw new UsageError(`--class: this model has classes 0 to ${count - 1}, got ${wanted}`);
  return index;
}
