import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { ModelCard } from '../../checkpoint/index.ts';
import { checkWritable, writeFileWhole } from '../../data/index.ts';
import { replaceWhole } from '../../files/durable-files.ts';
import { folderSize } from '../../files/folder-size.ts';
import { engineFolder, modelFile, modelFolder, type PageModel } from '../../page/page-model.ts';
import type { PageContent } from './page-content.ts';
import { webEngineFiles, webEngineFolder } from '../../runtime/web-engine-files.ts';
import { builtSite, checkBuilt, copyWebEngine, hostFiles } from '../static-site.ts';

/** What a page is made from. */
export interface PageSource {
  readonly content: PageContent;
  readonly card: ModelCard;
  readonly name: string;
  /** What the form says first, for a model of text to image; default nothing. */
  readonly prompt?: string | undefined;
  /** Where the page was built; default the package's own. */
  readonly builtPage?: string;
}

/**
 * Checks that a page can be written to a folder: it is not there, is empty, or, if it may be replaced, holds an earlier page.
 *
 * @throws one line otherwise
 */
export async function checkPageFolder(folder: string, force: boolean): Promise<void> {
  await checkWritable(join(folder, 'index.html'));
  const entries = existsSync(folder) ? await readdir(folder) : [];
  if (entries.length === 0) return;
  const isPage = existsSync(join(folder, modelFolder, modelFile)) && existsSync(join(folder, 'index.html'));
  if (!isPage) throw new Error(`${folder}: holds other files (${JSON.stringify(entries[0])}); give another folder`);
  if (!force) throw new Error(`${folder}: holds a page already; replace it with --force, or give another folder`);
}

/** A page that was written. */
export interface WrittenPage {
  /** Of the whole folder. */
  readonly bytes: number;
  /** What a browser loads that computes on the CPU, and one that computes on the GPU. */
  readonly visitorBytes: number;
  readonly gpuVisitorBytes: number;
}

/**
 * Writes a page that samples the model in a browser: static files for any host. The folder appears whole, or not at all.
 *
 * @returns the bytes of all its files, and of those that a visitor's browser loads
 */
export async function writePage(
  folder: string,
  { content, card, name, prompt, builtPage = builtSite('web-page') }: PageSource,
): Promise<WrittenPage> {
  checkBuilt(builtPage);
  webEngineFolder();
  const { dtype, imageShape, parameters, process } = content;
  const full = resolve(folder);
  await mkdir(dirname(full), { recursive: true });
  // The earlier page goes only when the new one is whole.
  await replaceWhole(full, async (aside) => {
    await mkdir(aside);
    await cp(builtPage, aside, { recursive: true });
    const page = join(aside, 'index.html');
    await writeFile(page, titled(await readFile(page, 'utf8'), name, card.summary));
    for (const [file, text] of Object.entries(hostFiles)) await writeFile(join(aside, file), text);
    await copyWebEngine(join(aside, engineFolder));
    await content.write(join(aside, modelFolder));
    const description: PageModel = {
      format: 2,
      name,
      ...(card.summary !== undefined && { summary: card.summary }),
      ...(card.license !== undefined && { license: card.license }),
      ...(prompt !== undefined && { prompt }),
      parameters,
      imageShape,
      process,
      dtype,
      files: await sizesBelow(join(aside, modelFolder)),
    };
    await writeFileWhole(
      join(aside, modelFolder, modelFile),
      new TextEncoder().encode(`${JSON.stringify(description, null, 2)}\n`),
    );
  });
  const { bytes } = await folderSize(full);
  const engineBytes = async (kind: keyof typeof webEngineFiles) => {
    let total = 0;
    for (const file of webEngineFiles[kind]) total += (await stat(join(full, engineFolder, file))).size;
    return total;
  };
  const [cpu, gpu] = [await engineBytes('cpu'), await engineBytes('gpu')];
  return { bytes, visitorBytes: bytes - gpu, gpuVisitorBytes: bytes - cpu };
}

/** The files below a folder by their paths from it, and their bytes. */
async function sizesBelow(folder: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    sizes[relative(folder, path).replaceAll(sep, '/')] = (await stat(path)).size;
  }
  return sizes;
}

/** For those who see only the page's text: search engines, and previews of links. */
function titled(html: string, name: string, summary: string | undefined): string {
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  const description = summary === undefined ? '' : `\n  <meta name="description" content="${escape(summary)}">`;
  return html.replace('<title>Kuosan</title>', () => `<title>${escape(name)}</title>${description}`);
}
