import { describe, expect, test } from 'vitest';
import { filesBelow, textOf } from '../../../test/source-files.ts';
import { pages } from '../pages.ts';
import { languages, type Words } from '../shell/language.ts';

const modules = import.meta.glob<Record<string, unknown>>('./*.ts', { eager: true });
/** Every dictionary of the studio, by the file that holds it. */
const dictionaries: [string, Words][] = Object.entries(modules).flatMap(([path, content]) =>
  Object.entries(content)
    .filter(([name]) => name.endsWith('Words'))
    .map(([, words]): [string, Words] => [path, words as Words]),
);
const inPages: Words = Object.fromEntries(
  pages.flatMap(({ name, title, about }) => [
    [`${name}: title`, title],
    [`${name}: about`, about],
  ]),
);
const markup = new Map(filesBelow('src/studio', '.svelte').map((path) => [path, textOf(path)]));

const chinese = /\p{Script=Han}/u;
const placeholders = (text: string) => [...text.matchAll(/(?<![\\^_\w}])\{(\w+)\}/g)].map(([, name]) => name!).sort();
/** What is the same in both languages: formulas, symbols, names. */
const withoutMath = (text: string) => text.replaceAll(/\$[^$]*\$|`[^`]*`|\{\w+\}/g, '');

describe.each([...dictionaries, ['pages.ts', inPages] as [string, Words]])('%s', (path, words) => {
  test('says everything in every language', () => {
    for (const [name, said] of Object.entries(words)) {
      expect(Object.keys(said).sort(), name).toEqual([...languages].sort());
      for (const language of languages) expect(said[language].trim(), `${name} in ${language}`).not.toBe('');
      expect(placeholders(said.zh), name).toEqual(placeholders(said.en));
      if (name.startsWith('language')) continue;
      expect(chinese.test(said.en), `${name} in English: ${said.en}`).toBe(false);
      // A word in Latin letters is a name, or has been left as it was.
      if (/[a-z]{4}/i.test(withoutMath(said.en)))
        expect(chinese.test(said.zh), `${name} in Chinese: ${said.zh}`).toBe(true);
    }
  });

  test('says nothing that nobody asks for', () => {
    if (path === 'pages.ts') return;
    const all = [...markup.values(), ...filesBelow('src/studio', '.ts').map(textOf)].join('\n');
    const unused = Object.keys(words).filter(
      (name) =>
        !new RegExp(`[wW]ords\\.${name}\\b|'${name}'`).test(all) &&
        // Rows of the families are named by family and question.
        !/^theme[A-Z]|(?:Learns|Samples|Likelihood)$/.test(name),
    );
    expect(unused).toEqual([]);
  });
});

test('no page says a word of its own: they are all in the dictionaries', () => {
  const own = [...markup].flatMap(([path, text]) => {
    const body = text.replaceAll(/<script[\s\S]*?<\/script>|<style[\s\S]*?<\/style>|<!--[\s\S]*?-->/g, '');
    let [depth, visible, inTag] = [0, '', false];
    for (const character of body) {
      if (character === '{') depth++;
      else if (character === '}') depth--;
      else if (depth === 0 && character === '<') inTag = true;
      else if (depth === 0 && character === '>') [inTag, visible] = [false, `${visible}\n`];
      else if (depth === 0 && !inTag) visible += character;
    }
    return visible
      .split('\n')
      .filter((line) => /\p{L}{2}/u.test(line) && !/^\s*Kuosan\s*$/.test(line))
      .map((line) => `${path}: ${line.trim()}`);
  });
  expect(own).toEqual([]);
});
