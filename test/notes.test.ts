/** docs/notes.en.md and docs/notes.zh.md: every formula holds, every quoted line is in the code, and both languages say the same. */
import { existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import katex from 'katex';
import { describe, expect, test } from 'vitest';
import { commandLines, parseCommandLine } from './command-lines.ts';
import { families } from './notes/families.ts';
import { forward } from './notes/forward.ts';
import { loss } from './notes/loss.ts';
import { predictions } from './notes/predictions.ts';
import { reverse } from './notes/reverse.ts';
import { sampling } from './notes/sampling.ts';
import { textToImage } from './notes/text-to-image.ts';
import { root, textOf } from './source-files.ts';

const [english, chinese] = ['docs/notes.en.md', 'docs/notes.zh.md'].map(textOf) as [string, string];

/** A numbered formula, and what stands under it. */
interface Formula {
  readonly id: string;
  readonly latex: string;
  readonly number: number;
  /** The exported name that is it, the file of it, and a line of it. */
  readonly name: string;
  readonly file: string;
  readonly quote: string;
  readonly command: string;
}

const block =
  /^<a id="([\w-]+)"><\/a>\n\n\$\$\n([^\n]+) \\tag\{(\d+)\}\n\$\$\n\n- \[`(\w+)`\]\(\.\.\/([\w./-]+)\): `([^`\n]+)`\n- `([^`\n]+)`$/gm;

function formulasOf(text: string): Formula[] {
  return [...text.matchAll(block)].map(([, id, latex, number, name, file, quote, command]) => ({
    id: id!,
    latex: latex!,
    number: Number(number),
    name: name!,
    file: file!,
    quote: quote!,
    command: command!,
  }));
}

const formulas = formulasOf(english);
const checks = { ...forward, ...reverse, ...loss, ...sampling, ...predictions, ...textToImage, ...families };

/** The formulas within the text, without their dollars. */
function inlineFormulas(text: string): string[] {
  const prose = text.replace(/^\$\$\n[\s\S]*?^\$\$$/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\$([^$\n]+)\$/g)].map(([, latex]) => latex!);
}

/** Line breaks and runs of spaces do not count: the formatter makes them. */
const squeezed = (code: string) =>
  code
    .replace(/\s+/g, ' ')
    .replace(/([([{]) | ([)\]}])/g, '$1$2')
    .replaceAll(',)', ')');

describe('the two languages', () => {
  test('have the same formulas, code and commands, in the same order', () => {
    expect(formulasOf(chinese)).toEqual(formulas);
  });

  test('have the same structure: headings, tables, lists, images, links', () => {
    const shape = (text: string) =>
      text
        .split('\n')
        .map((line) => /^(#+ |\||- |!\[|\$\$|<a)/.exec(line)?.[1] ?? (line === '' ? '' : 'text'))
        .join('\n');
    expect(shape(chinese)).toBe(shape(english));
    const targets = (text: string) =>
      [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!.replace(/notes\.(en|zh)\.md/, 'notes'));
    expect(targets(chinese).sort()).toEqual(targets(english).sort());
  });

  test('name the same code in the text', () => {
    const codes = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!).sort();
    expect(codes(chinese)).toEqual(codes(english));
  });
});

describe('the formulas', () => {
  test('are all numbered in order, with an id of their own', () => {
    expect(formulas.map(({ number }) => number)).toEqual(formulas.map((_, i) => i + 1));
    expect(new Set(formulas.map(({ id }) => id)).size).toBe(formulas.length);
    for (const text of [english, chinese]) expect(text.match(/\\tag/g)).toHaveLength(formulas.length);
    for (const text of [english, chinese]) expect(text.match(/^\$\$$/gm)).toHaveLength(2 * formulas.length);
  });

  test('each have a check, and no check is left over', () => {
    expect(Object.keys(checks).sort()).toEqual(formulas.map(({ id }) => id).sort());
  });

  test.each(formulas)('$id ($number) holds', async ({ id }) => {
    await checks[id]!();
    expect.hasAssertions();
  });

  test('are read by KaTeX, and by GitHub, whose Markdown takes backslashes before punctuation, and stars, for its own', () => {
    const inline = [english, chinese].flatMap(inlineFormulas);
    expect(inline.length).toBeGreaterThan(200);
    for (const latex of [...inline, ...formulas.map(({ latex: each, number }) => `${each} \\tag{${number}}`)]) {
      const displayMode = latex.includes('\\tag');
      expect(
        () => katex.renderToString(latex, { displayMode, throwOnError: true, strict: 'error' }),
        latex,
      ).not.toThrow();
      expect(latex).not.toMatch(/\\[^A-Za-z]|[*<>`]|\\operatorname/);
    }
  });

  test('within the text stand where GitHub sees them: after a space, before a space or punctuation', () => {
    for (const text of [english, chinese])
      for (const line of text.replace(/^\$\$\n[\s\S]*?^\$\$$/gm, '').split('\n')) {
        const prose = line.replace(/`[^`\n]*`/g, '`');
        const rest = prose.replace(/(^|[ ])\$(?! )[^$]+(?<! )\$(?=$|[ .,:;?。，：；、？）])/g, '$1');
        expect(rest, line).not.toContain('$');
      }
  });
});

describe('the code under the formulas', () => {
  const quotes = [...new Map(formulas.map((each) => [`${each.name} ${each.quote}`, each])).values()];

  test.each(quotes)('$name of $file says `$quote`', ({ name, file, quote }) => {
    const source = textOf(file);
    expect(source).toMatch(new RegExp(`^export (?:async )?(?:function\\*?|const|class|interface) ${name}\\b`, 'm'));
    // Quoted from the code, or from its doc comment, whose lines begin with a star.
    expect(squeezed(source.replace(/\n \* /g, ' ')).includes(squeezed(quote)), `${file} has no line ${quote}`).toBe(
      true,
    );
  });

  test('in the tables is exported where the link says', () => {
    const links = [...english.matchAll(/\[`(\w+)`\]\(\.\.\/(src\/[\w./-]+)\)/g)];
    for (const [, name, file] of links) {
      expect(existsSync(join(root, file!)), file).toBe(true);
      expect(textOf(file!), `${name} in ${file}`).toMatch(
        new RegExp(`^export (?:async )?(?:function\\*?|const|class|interface) ${name}\\b`, 'm'),
      );
    }
  });
});

describe('the commands under the formulas', () => {
  const commands = [...new Set(formulas.map(({ command }) => command))];

  test.each(commands)('%s', async (command) => {
    const [, runner, file, id] = /^npx (tsx|vitest run) (\S+)(?: -t (\S+))?$/.exec(command) ?? [];
    if (runner === undefined) {
      expect(commandLines(`\`${command}\``)).toEqual([command]);
      await expect(parseCommandLine(command)).resolves.toBeUndefined();
      return;
    }
    expect(normalize(file!)).toMatch(runner === 'tsx' ? /^examples\/[\w-]+\.ts$/ : /^test\/notes\.test\.ts$/);
    expect(existsSync(join(root, file!)), file).toBe(true);
    if (id !== undefined) expect(Object.keys(checks)).toContain(id);
  });
});
