/** Writes presets/config.schema.json and docs/settings.md from the schemas of configurations: `npm run settings`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { settingsFiles } from './settings/settings-files.ts';
import { root } from './settings/load-described.ts';

for (const [path, text] of Object.entries(await settingsFiles())) await writeFile(join(root, path), text);
