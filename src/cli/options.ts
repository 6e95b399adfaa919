import { nearest, unknownName } from '../core/suggest.ts';
import { plainTemplates, templateProblem } from '../data/texts/template.ts';

/** What was typed is not a way to call the command: exit status 2. */
export class UsageError extends Error {}

/**
 * Reads the value of an option as a whole number.
 *
 * @throws UsageError `--count: expected an integer from 1 to 100, got "x"`
 */
export function integerOption(
  name: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
      throw new UsageError(`${name}: expected an integer ${range}, got ${JSON.stringify(text)}`);
    }
    return value;
  };
}

/**
 * Reads the value of an option as the size of an image: `64` for a square, `64x48` for width and height.
 *
 * @returns the side, or height and width as configurations have them
 * @throws UsageError if it is neither
 */
export function sizeOption(name: string, most: number): (text: string) => number | [height: number, width: number] {
  return (text) => {
    const [width, height, ...more] = text.split(/[x×]/).map((side) => (/^\d+$/.test(side) ? Number(side) : Number.NaN));
    const fits = (side: number | undefined) => side === undefined || (side >= 1 && side <= most);
    if (width === undefined || more.length > 0 || !fits(width) || !fits(height))
      throw new UsageError(
        `${name}: expected pixels from 1 to ${most}, as 64 or as 64x48, got ${JSON.stringify(text)}`,
      );
    return height === undefined || height === width ? width : [height, width];
  };
}

/** Reads the value of an option as a number in an interval. */
export function numberOption(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= least && value <= most))
      throw new UsageError(`${name}: expected a number from ${least} to ${most}, got ${JSON.stringify(text)}`);
    return value;
  };
}

/** Reads the value of an option as one of a few names. They are its `choices`, by which shells complete it. */
export function choiceOption<T extends string>(
  what: string,
  names: readonly T[],
): ((text: string) => T) & { readonly choices: readonly T[] } {
  const read = (text: string): T => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new UsageError(unknownName(what, text, names));
    return found;
  };
  return Object.assign(read, { choices: names });
}

/** A name that the work checks when it knows more; shells complete it by the names. */
export function namedOption(
  names: readonly string[],
): ((text: string) => string) & { readonly choices: readonly string[] } {
  return Object.assign((text: string) => text, { choices: names });
}

/**
 * The sentences of `--template`, or the label alone where none is given.
 *
 * @throws UsageError if one has no place for the label
 */
export function templatesOption(given: readonly string[]): readonly string[] {
  const problem = templateProblem(given);
  if (problem !== undefined) throw new UsageError(`--template: ${problem}`);
  return given.length === 0 ? plainTemplates : given;
}

/** Settings of a configuration given on the command line: `--model.layersPerBlock 2`, `--train.ema.decay=0.99`. */
export type Overrides = readonly (readonly [path: readonly string[], value: unknown])[];

/**
 * Takes the dotted options out of what a command was given next to its own options.
 *
 * @param known     the command's own options, for suggestions
 * @param switches  settings that are true or false, which are true where nothing is said: `--train.recompute`
 * @returns the settings, and what else was given that is no option
 * @throws UsageError for an option nobody knows, or a setting without a value
 */
export function parseOverrides(
  rest: readonly string[],
  known: readonly string[],
  switches: readonly string[] = [],
): { readonly overrides: Overrides; readonly others: readonly string[] } {
  const overrides: [string[], unknown][] = [];
  const others: string[] = [];
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!;
    if (!word.startsWith('-')) {
      others.push(word);
      continue;
    }
    const [option, inline] = splitOnce(word);
    if (!/^--[^.]+\../.test(option)) {
      const close = nearest(option, known);
      throw new UsageError(
        `unknown option ${option}${close ? `; did you mean ${close}?` : '; kuosan train --help lists the options'}`,
      );
    }
    const isSwitch =
      switches.includes(option.slice(2)) &&
      inline === undefined &&
      !/^(?:true|false|\d*\.?\d+)$/.test(rest[i + 1] ?? '');
    const text = isSwitch ? 'true' : (inline ?? rest[++i]);
    if (text === undefined) throw new UsageError(`${option}: a value is missing`);
    overrides.push([option.slice(2).split('.'), parseValue(text)]);
  }
  return { overrides, others };
}

function splitOnce(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** JSON where it is JSON (numbers, true, null, lists), else the text itself. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/**
 * A copy of a configuration with the overrides set, and without what they replace; objects on the way are made where they are
 * missing.
 *
 * @param heads  settings by which the others of their section stand or fall (`sectionHeadsOf`): another value of one empties
 *   its section
 */
export function applyOverrides(
  config: Readonly<Record<string, unknown>>,
  overrides: Overrides,
  heads: readonly string[] = [],
): Record<string, unknown> {
  const copy = structuredClone(config) as Record<string, unknown>;
  for (const [path, value] of overrides)
    if (heads.includes(path.join('.')) && valueAt(copy, path) !== value) set(copy, path.slice(0, -1), {});
  for (const [path, value] of overrides) set(copy, path, value);
  return copy;
}

function valueAt(config: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<string, unknown>)[key]
        : undefined,
    config,
  );
}

function set(config: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let inner = config;
  const define = (key: string, content: unknown) =>
    Object.defineProperty(inner, key, { value: content, enumerable: true, writable: true, configurable: true });
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(inner, key) ? inner[key] : undefined;
    const section = typeof next === 'object' && next !== null ? (next as Record<string, unknown>) : {};
    if (section !== next) define(key, section);
    inner = section;
  }
  define(path.at(-1)!, value);
}
