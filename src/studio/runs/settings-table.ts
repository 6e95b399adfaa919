/** The settings of runs next to each other. */

/** A setting, and what it is in each run. */
export interface SettingRow {
  /** `train.batchSize` */
  readonly name: string;
  /** In the order of the runs; undefined where a run does not have it. */
  readonly values: readonly (string | undefined)[];
  readonly differs: boolean;
}

/** The settings of configurations in the order in which they come. Lists are one value: which element differs is easily seen. */
export function settingRows(configs: readonly Readonly<Record<string, unknown>>[]): SettingRow[] {
  const flat = configs.map((config) => new Map(flattened(config)));
  const names = new Set(flat.flatMap((settings) => [...settings.keys()]));
  return [...names].map((name) => {
    const values = flat.map((settings) => settings.get(name));
    return { name, values, differs: new Set(values).size > 1 };
  });
}

function* flattened(value: unknown, path: readonly string[] = []): Generator<[string, string]> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    for (const [key, inner] of Object.entries(value)) yield* flattened(inner, [...path, key]);
  else yield [path.join('.'), typeof value === 'string' ? value : (JSON.stringify(value) ?? '')];
}
