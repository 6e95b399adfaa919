/** Renders the studio's formulas when it is built, so that no visitor loads KaTeX. */
import katex from 'katex';
import type { Plugin } from 'vite';

/** KaTeX's answer to one formula: HTML, and MathML for screen readers. @throws on a slip in the formula */
export function formulaHtml(formula: string, display: boolean): string {
  const html = katex.renderToString(formula, {
    displayMode: display,
    throwOnError: true,
    strict: 'ignore',
    // Signal and noise have their colors in formulas too.
    trust: ({ command }) => command === '\\htmlClass',
    macros: {
      '\\sig': '\\htmlClass{signal}{#1}',
      '\\noi': '\\htmlClass{noise}{#1}',
      '\\abar': '\\bar\\alpha',
      '\\eps': '\\varepsilon',
    },
  });
  // Without the formula in TeX, which nobody sees, and what HTML's parser knows of MathML by itself.
  return html
    .replaceAll(/<annotation[^>]*>[\s\S]*?<\/annotation>/g, '')
    .replaceAll(/<\/?semantics>| xmlns="http:\/\/www\.w3\.org\/1998\/Math\/MathML"/g, '');
}

/** A sentence in pieces: its words escaped, `code` marked, formulas between dollars rendered. */
function piecesOf(sentence: string): { readonly html: string; readonly formula: boolean }[] {
  return sentence
    .split(/(\$[^$]+\$|`[^`]+`|\*[^*]+\*)/)
    .filter((part) => part !== '')
    .map((part) => {
      const inner = part.slice(1, -1);
      if (/^\$.+\$$/s.test(part)) return { html: formulaHtml(inner, false), formula: true };
      if (/^`.+`$/s.test(part)) return { html: `<code>${escaped(inner)}</code>`, formula: false };
      return { html: /^\*.+\*$/s.test(part) ? `<em>${escaped(inner)}</em>` : escaped(part), formula: false };
    });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/**
 * The code of a module with HTML in the place of its templates tagged `tex` (a formula) and `prose` (a sentence). A formula
 * that stands in several sentences, of two languages above all, is in the code once.
 */
export function withRenderedMath(code: string): string {
  const formulas = new Map<string, string>();
  const rendered = code.replaceAll(/\b(tex|prose)`([^`\\]*(?:\\.[^`\\]*)*)`/gs, (_, tag: string, template: string) => {
    // A code span in prose is written between escaped back quotes.
    const text = template.replaceAll('\\`', '`');
    if (tag === 'tex') return JSON.stringify(formulaHtml(text, true));
    const parts = piecesOf(text);
    // A line does not end between a formula and the comma after it.
    const closing = (i: number) =>
      /^[,.;:)!?，。；：）！？、]+/.exec(parts[i]?.formula === false ? parts[i].html : '')?.[0] ?? '';
    const pieces = parts.map(({ html, formula }, i) => {
      if (!formula) return JSON.stringify(parts[i - 1]?.formula ? html.slice(closing(i).length) : html);
      if (!formulas.has(html)) formulas.set(html, `formula_${formulas.size}`);
      const end = closing(i + 1);
      const name = formulas.get(html)!;
      return end === '' ? name : `'<span class="unbroken">'+${name}+${JSON.stringify(`${end}</span>`)}`;
    });
    return `(${pieces.length === 0 ? '""' : pieces.join('+')})`;
  });
  return [...[...formulas].map(([html, name]) => `const ${name}=${JSON.stringify(html)};`), rendered].join('\n');
}

/** Renders the formulas of the studio's words. */
export function renderedMath(): Plugin {
  return {
    name: 'rendered-math',
    enforce: 'pre',
    transform(code, id) {
      if (id.endsWith('katex.min.css'))
        // Every browser that runs the studio reads woff2.
        return code.replaceAll(/,url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, '');
      if (!/\/src\/studio\/words\/.*\.ts$/.test(id)) return undefined;
      try {
        return withRenderedMath(code);
      } catch (error) {
        throw new Error(`${id}: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}
