/** The `@example` of an export is a program: the compiler checks all of them, and those that are cheap run here. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesBelow, root, textOf } from './source-files.ts';

interface Example {
  readonly name: string;
  readonly code: string;
}

const examples: readonly Example[] = filesBelow('src', '.ts')
  .filter((path) => !path.endsWith('.test.ts'))
  .flatMap((path) =>
    [
      ...textOf(path).matchAll(
        /\/\*\*(?:(?!\*\/)[^])*?\n \* @example\n([^]*?)\n \*\/\nexport (?:async )?(?:function\*? |class |const )(\w+)/g,
      ),
    ].map(([, body, name]) => ({
      name: name!,
      code: `${body!.replaceAll(/^ \* ?/gm, '')}\n`.replace(/\n@\w+[^]*$/, '\n'),
    })),
  );

/** Checked by the compiler alone, and why. */
const notRun: Readonly<Record<string, string>> = {
  openWebModel: 'a page; test/web-executor.test.ts and src/page/page.test.ts have one',
  fetchedFiles: 'fetches from an address that does not exist',
  openModel: 'takes 16 images; test/install.test.ts runs it',
  openClip: 'wants an image; test/install.test.ts runs it',
  openTextEncoder: 'wants a text encoder; docs/library.md has the same, and runs',
  openNodeExecutor: 'wants a GPU',
  configuredRun: 'trains for minutes',
};

const folder = mkdtempSync(join(tmpdir(), 'kuosan-doc-examples-'));
const fileOf = (name: string) => join(folder, `${name}.mts`);
beforeAll(() => {
  for (const { name, code } of examples) writeFileSync(fileOf(name), code);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the comments behind `console.log` promise, in order. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text!);
}

describe('the examples of exports', () => {
  test('are those of at least thirty', () => {
    expect(new Set(examples.map(({ name }) => name)).size).toBe(examples.length);
    expect(examples.length).toBeGreaterThanOrEqual(30);
    for (const name of Object.keys(notRun)) expect(examples.map((each) => each.name)).toContain(name);
  });

  test('are right to the compiler, strictly', () => {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: {
          lib: ['ES2023', 'DOM'],
          noUnusedLocals: false,
          types: ['node'],
          typeRoots: [join(root, 'node_modules/@types')],
        },
        include: ['*.mts'],
        exclude: [],
      }),
    );
    const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
    expect(stdout).toBe('');
  }, 120_000);

  describe('that are cheap', () => {
    const run = examples.filter(({ name }) => !Object.hasOwn(notRun, name));
    let printed: Readonly<Record<string, readonly string[]>>;
    beforeAll(() => {
      const cwd = join(folder, 'work');
      mkdirSync(cwd);
      // One process for all: loading the library takes longer than most of them.
      const driver = join(folder, 'driver.mts');
      writeFileSync(
        driver,
        `import { format } from 'node:util';
const printed = {};
for (const [name, url] of ${JSON.stringify(run.map(({ name }) => [name, pathToFileURL(fileOf(name)).href]))}) {
  const lines = [];
  console.log = (...values) => void lines.push(format(...values));
  await import(url).catch((error) => lines.push(String(error.stack)));
  printed[name] = lines;
}
process.stdout.write(JSON.stringify(printed), () => process.exit(0));
`,
      );
      const out = execFileSync(process.execPath, ['--import', import.meta.resolve('tsx'), driver], {
        cwd,
        encoding: 'utf8',
        env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'), KUOSAN_CACHE: join(folder, 'cache') },
      });
      printed = JSON.parse(out) as typeof printed;
    }, 240_000);

    test.each(run.map(({ name, code }) => [name, code] as const))('%s prints what it says', (name, code) => {
      expect(printed[name]).toEqual(promised(code));
    });
  });
});
