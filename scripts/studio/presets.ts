/** Presets of the command line as modules of the studio. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'jsonc-parser';
import type { Plugin } from 'vite';

/** The modules `virtual:preset/<name>`: presets/<name>.jsonc without its comments. */
export function presetModules(): Plugin {
  const prefix = 'virtual:preset/';
  return {
    name: 'preset-modules',
    resolveId: (id) => (id.startsWith(prefix) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${prefix}`)) return undefined;
      const path = fileURLToPath(new URL(`../../presets/${id.slice(prefix.length + 1)}.jsonc`, import.meta.url));
      this.addWatchFile(path);
      return `export default ${JSON.stringify(parse(readFileSync(path, 'utf8')))};`;
    },
  };
}
