import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, textOf } from './source-files.ts';

const declaration = /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const) (\w+)/;

/** The names a file exports by declaring them, each with the line of its declaration. */
function declarations(path: string): Map<string, number> {
  const found = new Map<string, number>();
  textOf(path)
    .split('\n')
    .forEach((line, i) => {
      const name = declaration.exec(line)?.[1];
      if (name !== undefined && !found.has(name)) found.set(name, i);
    });
  return found;
}

/** What an index offers: the file and the name of each declaration behind it. */
function offered(index: string): { path: string; name: string }[] {
  return [...textOf(index).matchAll(/^export (?:type )?(\*|\{[^}]*\}) from '([^']+)'/gm)].flatMap(
    ([, clause, from]) => {
      const path = join(dirname(index), from!);
      const names =
        clause === '*'
          ? [...declarations(path).keys()]
          : clause!
              .slice(1, -1)
              .split(',')
              .map((name) =>
                name
                  .replace('type ', '')
                  .replace(/ as \w+/, '')
                  .trim(),
              )
              .filter((name) => name !== '');
      return names.map((name) => ({ path, name }));
    },
  );
}

test('every export of a subpath has a doc comment', () => {
  const entrances = filesBelow('src', '.ts').filter((path) => /^src\/[\w/]+\/(?:index|browser)\.ts$/.test(path));
  const offers = [
    // What one entrance passes on of another is looked at there.
    ...entrances.flatMap(offered).filter(({ path }) => !entrances.includes(path)),
    ...[...declarations('src/runtime/node.ts').keys()].map((name) => ({ path: 'src/runtime/node.ts', name })),
  ];
  expect(offers.length).toBeGreaterThan(200);
  const missing = offers.filter(({ path, name }) => {
    const line = declarations(path).get(name);
    const lines = textOf(path).split('\n');
    return line === undefined || !lines[line - 1]!.trimEnd().endsWith('*/');
  });
  expect(missing.map(({ path, name }) => `${path}: ${name}`)).toEqual([]);
});
