/** What all static sites that the command line writes have in common. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { webEngineFiles, webEngineFolder } from '../runtime/web-engine-files.ts';
import { isolation } from '../server/studio/isolation.ts';

/** How hosts are configured: Netlify and Cloudflare Pages read the one file, `npx serve` the other. */
export const hostFiles: Readonly<Record<string, string>> = {
  _headers: `/*\n${Object.entries(isolation)
    .map(([key, value]) => `  ${key}: ${value}\n`)
    .join('')}`,
  'serve.json': `${JSON.stringify({ headers: [{ source: '**', headers: Object.entries(isolation).map(([key, value]) => ({ key, value })) }] }, null, 2)}\n`,
};

/**
 * The folder of a site that `npm run build` has put next to the command; from the sources it is as far as the build is.
 *
 * @throws one line if it has not been built
 */
export function builtSite(name: 'web-page' | 'web-studio'): string {
  const folder = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? `../../dist/${name}` : `../${name}`, import.meta.url),
  );
  checkBuilt(folder);
  return folder;
}

/** @throws one line if a site has not been built */
export function checkBuilt(folder: string): void {
  if (!existsSync(join(folder, 'index.html')))
    throw new Error(`the page has not been built (${folder}); run npm run build`);
}

/** Copies ONNX Runtime's files for browsers into a folder. */
export async function copyWebEngine(folder: string): Promise<void> {
  const from = webEngineFolder();
  await mkdir(folder);
  for (const file of Object.values(webEngineFiles).flat()) await copyFile(join(from, file), join(folder, file));
}
