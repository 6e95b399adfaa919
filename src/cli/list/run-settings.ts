import { unknownName } from '../../core/suggest.ts';
import { readConfigSchema, settingsAt, settingsOf, type Setting } from '../../train/described-settings.ts';
import { UsageError } from '../options.ts';

/** The options of `kuosan settings`. */
export interface SettingsOptions {
  readonly task?: string;
  readonly json: boolean;
}

/** A setting, and the kinds of run that have it with the same meaning and default. */
interface Shown extends Setting {
  readonly tasks: readonly string[];
}

/** What every configuration has, which is no setting of a run. */
const ownKeys = ['$schema', 'task', 'getData'];

/**
 * Prints the settings of a path: a line each, or all that there is to say where it is one.
 *
 * @param path  `train.ema`; empty for all
 * @throws UsageError if no kind of run has it
 */
export async function showSettings(
  path: string,
  { task, json }: SettingsOptions,
  print: (line: string) => void,
): Promise<void> {
  const { definitions } = await readConfigSchema();
  const tasks = Object.keys(definitions);
  if (task !== undefined && !tasks.includes(task)) throw new UsageError(unknownName('task', task, tasks));
  const wanted = task === undefined ? tasks : [task];
  const byTask = wanted.map((name) => ({
    name,
    settings: settingsOf(definitions[name]!).filter((setting) => !ownKeys.includes(setting.path)),
  }));
  const found = merged(byTask, path);
  if (json) return print(JSON.stringify(found, null, 2));
  const one = found.filter(({ section }) => !section).length === 1;
  for (const setting of found) for (const line of one ? whole(setting) : [short(setting, wanted.length)]) print(line);
}

/** The settings of the path in all kinds of run, equal ones once. */
function merged(
  byTask: readonly { readonly name: string; readonly settings: readonly Setting[] }[],
  path: string,
): Shown[] {
  const shown = new Map<string, Shown>();
  let missing: Error | undefined;
  for (const { name, settings } of byTask) {
    try {
      for (const setting of settingsAt(settings, path)) {
        const key = JSON.stringify(setting);
        shown.set(key, { ...setting, tasks: [...(shown.get(key)?.tasks ?? []), name] });
      }
    } catch (error) {
      missing ??= error as Error;
    }
  }
  if (shown.size === 0 && missing) throw new UsageError(missing.message);
  return [...shown.values()];
}

/** `train.ema.decay = 0.9999 · The largest share …`, with the kinds of run where not all have it. */
function short({ path, meaning, type, default: value, required, tasks }: Shown, all: number): string {
  const only = tasks.length === all ? '' : ` (${tasks.join(', ')})`;
  const shown =
    type === 'section'
      ? ':'
      : value === undefined
        ? required
          ? ' (must be given)'
          : ''
        : ` = ${JSON.stringify(value)}`;
  return `${path}${shown}${only}${meaning === '' ? '' : `  ${meaning}`}`;
}

function whole({ path, meaning, type, unit, default: value, required, source, tasks }: Shown): string[] {
  const origin = source === undefined ? '' : ` (${source})`;
  return [
    path,
    ...(meaning === '' ? [] : [`  ${meaning}`]),
    `  value: ${type}${unit === undefined ? '' : `, in ${unit}`}`,
    value === undefined
      ? `  ${required ? 'must be given' : 'may be left out'}`
      : `  default: ${JSON.stringify(value)}${origin}`,
    `  of: ${tasks.join(', ')}`,
  ];
}
