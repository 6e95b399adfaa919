import type { ConfigSchema } from '../../src/train/described-settings.ts';
import { configJsonSchema } from './config-json-schema.ts';
import { withDescribed } from './load-described.ts';
import { settingsPage } from './settings-page.ts';

/** The files that are written from the schemas of configurations: their texts, by path. */
export async function settingsFiles(): Promise<Readonly<Record<string, string>>> {
  const schema = await withDescribed(async ({ configSchemas }) => configJsonSchema(configSchemas));
  return {
    'presets/config.schema.json': `${JSON.stringify(schema, null, 1)}\n`,
    'docs/settings.md': settingsPage(schema as unknown as ConfigSchema),
  };
}
