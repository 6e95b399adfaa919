import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow, importsOf, root, textOf } from './source-files.ts';

interface Layer {
  readonly folder: string;
  readonly line: number;
  /** `in part`: its `browser.ts` runs there, and gives the layers that do all that they import of it. */
  readonly browser: 'yes' | 'no' | 'in part';
}

/** The table of ARCHITECTURE.md: `| 2 | `nn` | what it holds | yes |`. */
const layers: readonly Layer[] = [
  ...textOf('ARCHITECTURE.md').matchAll(/^\| (\d+) \| `([\w/]+)` \|.*\| (yes|no|in part) \|$/gm),
].map(([, line, folder, browser]) => ({ folder: folder!, line: Number(line), browser: browser as Layer['browser'] }));

const sources = [...filesBelow('src', '.ts'), ...filesBelow('src', '.svelte')].filter(
  (path) => !path.endsWith('.test.ts'),
);
const imports = new Map(sources.map((path) => [path, importsOf(path)]));
/** The layer of the innermost folder: a part of a layer that runs elsewhere has a line of its own. */
const layerOf = (path: string): Layer | undefined =>
  layers.filter(({ folder }) => path.startsWith(`src/${folder}/`)).sort((a, b) => b.folder.length - a.folder.length)[0];

describe('the layers', () => {
  test('are the folders of src, each once in the table', () => {
    const folders = [...new Set(sources.map((path) => path.split('/')[1]!))];
    expect(
      layers
        .map(({ folder }) => folder)
        .filter((folder) => !folder.includes('/'))
        .sort(),
    ).toEqual(folders.sort());
    expect(layers.map(({ line }) => line)).toEqual(layers.map(({ line }) => line).sort((a, b) => b - a));
    for (const { folder } of layers)
      expect(
        sources.some((path) => path.startsWith(`src/${folder}/`)),
        folder,
      ).toBe(true);
  });

  test('every import of a file names a file that is there', () => {
    const missing = sources.flatMap((path) =>
      imports
        .get(path)!
        .filter(({ target }) => target.startsWith('src/') && !imports.has(target) && !existsSync(join(root, target)))
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(missing).toEqual([]);
  });

  test('import only themselves and what lies below', () => {
    const upward = sources.flatMap((path) =>
      imports.get(path)!.flatMap(({ target }) => {
        const from = layerOf(path)!;
        const to = layerOf(target);
        return to === undefined || to === from || to.line < from.line
          ? []
          : [`${path} (line ${from.line}) imports ${target} (line ${to.line})`];
      }),
    );
    expect(upward).toEqual([]);
  });

  test('only runtime imports onnxruntime', () => {
    const users = sources.filter((path) => imports.get(path)!.some(({ target }) => target.startsWith('onnxruntime-')));
    expect([...new Set(users.map((path) => layerOf(path)!.folder))].sort()).toEqual(['runtime', 'runtime/web']);
  });

  test('no code tests for a process: its row says what differs', () => {
    const tests = sources
      .filter((path) => !path.startsWith('src/diffusion/processes'))
      .flatMap((path) =>
        textOf(path)
          .split('\n')
          .filter((line) => /\bprocess\b(?:\)|\s)*[!=]==|case '(?:flow|edm)'|=== '(?:flow|edm)'/.test(line))
          .map((line) => `${path}: ${line.trim()}`),
      );
    expect(tests).toEqual([]);
  });

  test('only onnx names ONNX operators', () => {
    const operators = new Set(
      sources
        .filter((path) => path.startsWith('src/onnx/'))
        .flatMap((path) =>
          [...textOf(path).matchAll(/\b(?:one|apply|direct|reduction)\('([A-Z]\w+)'/g)].map(([, name]) => name!),
        ),
    );
    expect(operators.size).toBeGreaterThan(30);
    // Parts of a tokenizer.json have names of their own, and a Split is one.
    const others = new Set(['src/data/texts/clip-tokenizer-json.ts']);
    const named = sources
      .filter((path) => !path.startsWith('src/onnx/') && !others.has(path))
      .flatMap((path) =>
        [...textOf(path).matchAll(/'([A-Z]\w+|com\.microsoft[.\w]*)'/g)]
          .filter(([, name]) => operators.has(name!) || name!.startsWith('com.'))
          .map(([, name]) => `${path} names ${name}`),
      );
    expect(named).toEqual([]);
  });
});

describe('files that run in a browser', () => {
  /** All that loading a file loads: types are erased, values are not. */
  function loaded(path: string, seen = new Set<string>()): Set<string> {
    for (const { target, typeOnly } of imports.get(path) ?? []) {
      if (typeOnly || seen.has(target)) continue;
      seen.add(target);
      loaded(target, seen);
    }
    return seen;
  }

  /** All files of a layer that runs there, and the door of one that does in part. */
  const isThere = (path: string): boolean => {
    const layer = layerOf(path);
    return layer?.browser === 'yes' || (layer?.browser === 'in part' && path === `src/${layer.folder}/browser.ts`);
  };

  test.each(layers.filter(({ browser }) => browser !== 'no').map(({ folder }) => folder))(
    '%s loads nothing of Node',
    (folder) => {
      const runsEverywhere = new Set([
        'zod',
        '@huggingface/tokenizers',
        '@bufbuild/protobuf/wire',
        'onnxruntime-web/wasm',
        'onnxruntime-web/webgpu',
        // What the studio is built of.
        'svelte',
        'svelte/store',
        'd3-scale',
        'd3-shape',
        'fflate',
        '@observablehq/plot',
        'katex/dist/katex.min.css',
      ]);
      const files = sources.filter((path) => layerOf(path)?.folder === folder && isThere(path));
      expect(files.length).toBeGreaterThan(0);
      const foreign = files.flatMap((path) =>
        [...loaded(path)]
          .filter((target) => !/^(?:src\/|virtual:)/.test(target) && !runsEverywhere.has(target))
          .map((target) => `${path} loads ${target}`),
      );
      expect(foreign).toEqual([]);
    },
  );

  test('they import of a layer that runs there in part what its browser.ts gives', () => {
    const deep = sources
      .filter((path) => layerOf(path)?.browser === 'yes')
      .flatMap((path) => imports.get(path)!.map(({ target }) => ({ path, target })))
      .filter(({ target }) => layerOf(target)?.browser === 'in part' && !target.endsWith('/browser.ts'));
    expect(deep.map(({ path, target }) => `${path} imports ${target}`)).toEqual([]);
  });

  test('they use no global that only Node has', () => {
    const everywhere = new Set(sources.filter(isThere).flatMap((path) => [path, ...loaded(path)]));
    const users = sources.filter(
      (path) =>
        everywhere.has(path) &&
        /(?:(?<!\.)\bprocess\.(?:env|argv|execArgv|cwd|exit|exitCode|platform|arch|pid|versions?|std(?:in|out|err)|hrtime|memoryUsage|resourceUsage|nextTick|on|once|kill)\b|\bBuffer\.|\b__dirname|\brequire\()/.test(
          textOf(path),
        ),
    );
    expect(users).toEqual([]);
  });
});

/** The circles in a graph, each as the way around it. */
function circlesOf(nodes: Iterable<string>, next: (node: string) => Iterable<string>): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (node: string, trail: readonly string[]) => {
    if (trail.includes(node)) circles.push([...trail.slice(trail.indexOf(node)), node].join(' → '));
    if (trail.includes(node) || done.has(node)) return;
    for (const target of next(node)) visit(target, [...trail, node]);
    done.add(node);
  };
  for (const node of nodes) visit(node, []);
  return circles;
}

describe('the folders of a layer', () => {
  /** `src/data/sets` of `src/data/sets/cache.ts`; undefined for a file that is on top of its layer. */
  const folderOf = (path: string): string | undefined => /^(src\/[^/]+\/[^/]+)\//.exec(path)?.[1];
  const inFolders = sources.filter((path) => folderOf(path) !== undefined);

  test('import each other in no circle', () => {
    const targetsOf = (folder: string) =>
      inFolders
        .filter((path) => folderOf(path) === folder)
        .flatMap((path) => imports.get(path)!.map(({ target }) => folderOf(target)))
        .filter((target): target is string => target !== undefined && target !== folder);
    const folders = new Set(inFolders.map((path) => folderOf(path)!));
    expect(folders.size).toBeGreaterThan(20);
    expect(circlesOf(folders, targetsOf)).toEqual([]);
  });
});

// Default exports are an error to oxlint; enums, namespaces and parameter properties to the compiler (`erasableSyntaxOnly`).
describe('every file', () => {
  test('is in no circle of imports, not even of types', () => {
    expect(circlesOf(sources, (path) => (imports.get(path) ?? []).map(({ target }) => target))).toEqual([]);
  });

  test('has names that no other file exports', () => {
    const files = new Map<string, Set<string>>();
    for (const path of sources)
      for (const [, name] of textOf(path).matchAll(
        /^export (?:async )?(?:function\*?|const|class|type|interface) (\w+)/gm,
      ))
        files.set(name!, (files.get(name!) ?? new Set()).add(path));
    // Every command has a `register`; its file says which.
    const shared = [...files].filter(([name, paths]) => paths.size > 1 && name !== 'register');
    expect(shared.map(([name, paths]) => `${name}: ${[...paths].join(', ')}`)).toEqual([]);
  });

  const written = [
    ...filesBelow('src', '.ts'),
    ...filesBelow('src', '.svelte'),
    ...filesBelow('test', '.ts'),
    ...filesBelow('scripts', '.ts'),
    ...filesBelow('bench', '.ts'),
  ];

  test('has at most 500 lines, a test 700', () => {
    const most = (path: string) => (path.endsWith('.test.ts') ? 700 : 500);
    expect(written.filter((path) => textOf(path).split('\n').length > most(path) + 1)).toEqual([]);
  });

  test('has a name in kebab case, and none that says nothing', () => {
    const names = written.map((path) =>
      path
        .split('/')
        .at(-1)!
        .replace(/(\.test|\.d)?\.(?:ts|svelte)$/, ''),
    );
    expect(
      names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || /^(utils?|helpers?|common|misc)$/.test(name)),
    ).toEqual([]);
  });
});
