/** Renders the notes when the studio is built: Markdown with formulas between dollars. */
import { readFileSync } from 'node:fs';
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
  return (
    html
      .replaceAll(/⟦(\d+)⟧/g, (_, i: string) => formulas[Number(i)]!)
      .replaceAll(/<h([1-5])>(.*?)<\/h\1>/g, (_, level: string, inner: string) => {
        const slug = inner
          .replaceAll(/<[^>]*>/g, '')
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N}]+/gu, '-');
        return `<h${level} id="${slug.replaceAll(/^-|-$/g, '')}">${inner}</h${level}>`;
      })
      // The page has its own title.
      .replace(/<h1[^>]*>.*?<\/h1>/s, '')
      // A formula that is wider than a phone is scrolled, by keyboard too.
      .replaceAll('<span class="katex-display">', '<span class="katex-display" tabindex="0">')
      // Files of the repository are not next to the studio: their names stay.
      .replaceAll(/<a href="(?!https?:|#)([^"]*)">(.*?)<\/a>/gs, (_, path: string, inner: string) => {
        const name = path.replace(/^(\.\.\/)+/, '').replaceAll('"', '');
        return `<span class="of-file" title="${name}">${inner}</span>`;
      })
      .replaceAll('<table>', '<div class="scrolling" tabindex="0"><table>')
      .replaceAll('</table>', '</table></div>')
      // A part from heading to heading: browsers lay out only the parts that they show.
      .split(/(?=<h[23] )/)
      .map((part) => `<section>${part}</section>`)
      .join('')
  );
}

/** Emits `notes.zh.html` and `notes.en.html` with the images that they show: the studio fetches them, for they are no scripts. */
export function renderedNotes(): Plugin {
  return {
    name: 'rendered-notes',
    generateBundle() {
      const images = new Set<string>();
      for (const language of ['zh', 'en']) {
        const html = notesHtml(readFileSync(join(docs, `notes.${language}.md`), 'utf8'));
        for (const [, name] of html.matchAll(/src="images\/([\w.-]+)"/g)) images.add(name!);
        this.emitFile({ type: 'asset', fileName: `notes.${language}.html`, source: html });
      }
      for (const name of images)
        this.emitFile({ type: 'asset', fileName: `images/${name}`, source: readFileSync(join(docs, 'images', name)) });
    },
  };
}
