/** Writes the meaning of every setting into the declarations of `dist/`: a part of `npm run build`. */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentDeclarations } from './settings/document-declarations.ts';
import { root, withDescribed } from './settings/load-described.ts';

await withDescribed(async ({ load }) => {
  for (const path of await readdir(join(root, 'dist'), { recursive: true })) {
    if (!path.endsWith('.d.ts')) continue;
    const file = join(root, 'dist', path);
    const text = await readFile(file, 'utf8');
    const source = join('src', path.replace(/\.d\.ts$/, '.ts'));
    // What an earlier build left has no source any more.
    if (!existsSync(join(root, source)) || !/export declare const \w+: z\.ZodObject</.test(text)) continue;
    await writeFile(file, documentDeclarations(text, await load(source)));
  }
});
