/** Renders the notes when the studio is built: Markdown with formulas between dollars. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Marked } from 'marked';
import type { Plugin } from 'vite';
import { formulaHtml } from './rendered-math.ts';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));

/** Markdown as HTML; `$…$` and `$$…$$` are formulas, but not inside code. */
export function notesHtml(text: string): string {
  const formulas: string[] = [];
  const kept = (html: string) => `⟦${formulas.push(html) - 1}⟧`;
  const withoutFormulas = text
    .split(/(```[\s\S]*?```|`[^`\n]*`)/)
    .map((part, i) =>
      i % 2 === 1
        ? part
        : part
            .replaceAll(/\$\$([\s\S]+?)\$\$/g, (_, formula: string) => kept(formulaHtml(formula.trim(), true)))
            .replaceAll(/\$([^$\n]+?)\$/g, (_, formula: string) => kept(formulaHtml(formula, false))),
    )
    .join('');
  const html = new Marked({ gfm: true }).parse(withoutFormulas, { async: false });
  return html
    .replaceAll(/⟦(\d+)⟧/g, (_, i: string) => formulas[Number(i)]!)
    .replaceAll(/<h([1-5])>(.*?)<\/h\1>/g, (_, level: string, inner: string) => {
      const slug = inner
        .replaceAll(/<[^>]*>/g, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}]+/gu, '-');
      return `<h${level} id="${slug.replaceAll(/^-|-$/g, '')}">${inner}</h${level}>`;
    })
    .replaceAll('<table>', '<div class="scrolling" tabindex="0" role="region" aria-label="table"><table>')
    .replaceAll('</table>', '</table></div>');
}

/** The modules `virtual:notes/zh` and `virtual:notes/en`: docs/notes.<language>.md as HTML, or null where there is none. */
export function renderedNotes(): Plugin {
  const prefix = 'virtual:notes/';
  return {
    name: 'rendered-notes',
    resolveId: (id) => (id.startsWith(prefix) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${prefix}`)) return undefined;
      const path = join(docs, `notes.${id.slice(prefix.length + 1)}.md`);
      this.addWatchFile(path);
      const html = existsSync(path) ? notesHtml(readFileSync(path, 'utf8')) : null;
      return `export const html = ${JSON.stringify(html)};`;
    },
  };
}
