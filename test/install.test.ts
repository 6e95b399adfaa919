import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserPath, serveFolder, startBrowser, withoutBrowser } from './browser.ts';
import { codeBlocks } from './code-blocks.ts';
import {
  command,
  install,
  newProject,
  packagesWithScripts,
  packPackage,
  remove,
  withoutRegistry,
  type PackedPackage,
} from './installed-package.ts';
import { filesBelow, root, textOf } from './source-files.ts';

/** `npm run test:install` tries what takes long too: other versions of npm and of Node. */
const everything = process.env['KUOSAN_TEST_INSTALL'] === 'all';
const onlyThen = 'npm run test:install';

let packed: PackedPackage;
beforeAll(() => {
  packed = packPackage();
}, 180_000);
afterAll(() => remove(packed));

describe('what npm publishes', () => {
  const paths = () => packed.packed.files.map(({ path }) => path);

  test('holds the data, the presets, the pages of the documentation and the licenses', () => {
    const wanted = [
      'LICENSE',
      'NOTICE',
      'README.md',
      'CHANGELOG.md',
      'package.json',
      ...['presets', 'pretrained', 'data', 'docs', 'examples'].flatMap((folder) => filesBelow(folder, '')),
    ];
    const packedPaths = new Set(paths());
    expect(wanted.filter((path) => !packedPaths.has(path))).toEqual([]);
  });

  test('holds no tests, sources or workings', () => {
    const workings = /^(?:src|test|bench|scripts|\.ci|node_modules|runs)\/|\.test\.|^tsconfig|^vitest|\.tgz$/;
    expect(paths().filter((path) => workings.test(path))).toEqual([]);
  });

  test('has a manifest without the scripts that build it', () => {
    const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const manifest = read(join(packed.folder, 'stage/package.json'));
    const { scripts, devDependencies, ...rest } = read(join(root, 'package.json'));
    expect(scripts).toBeDefined();
    expect(devDependencies).toBeDefined();
    expect(manifest).toEqual(rest);
  });

  test('has a README whose links and images are addresses of files that it holds', () => {
    const readme = readFileSync(join(packed.folder, 'stage/README.md'), 'utf8');
    const { version } = JSON.parse(textOf('package.json')) as { version: string };
    const targets = [...readme.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const own = `https://unpkg.com/kuosan@${version}/`;
    const held = targets.filter((target) => target.startsWith(own));
    expect(held.length).toBeGreaterThan(5);
    const packedPaths = paths();
    // A folder is a link too.
    const holds = (path: string) => packedPaths.some((each) => each === path || each.startsWith(`${path}/`));
    expect(held.map((target) => target.slice(own.length).split('#')[0]!).filter((path) => !holds(path))).toEqual([]);
    expect(targets.filter((target) => !/^(?:https?:|#)/.test(target))).toEqual([]);
  });
});

const unreachable = withoutRegistry();
const skipped = unreachable === undefined ? '' : ` (skipped: ${unreachable})`;

describe.skipIf(unreachable !== undefined)(`in an empty project${skipped}`, { timeout: 180_000 }, () => {
  let project: string;
  beforeAll(() => {
    project = newProject(join(packed.folder, 'project'));
    install(project, [packed.tarball]);
  }, 180_000);

  test('npm installs no package that runs a script, downloads or belongs to browsers', () => {
    const modules = join(project, 'node_modules');
    expect(packagesWithScripts(modules)).toEqual([]);
    expect(['onnxruntime-node', 'onnxruntime-web'].filter((name) => existsSync(join(modules, name)))).toEqual([]);
  });

  test.skipIf(!everything).each(['10', '11', '12'])(`npm %s installs it too (${onlyThen})`, (version) => {
    const folder = newProject(join(packed.folder, `npm-${version}`));
    install(folder, [packed.tarball], version);
    expect(command(process.execPath, [cli(folder), 'sample', ...smallSample], { cwd: folder })).toMatch(
      /^small\.png: /,
    );
  });

  test('the command generates images, and says what a page needs', () => {
    expect(command(process.execPath, [cli(project), 'sample', ...smallSample], { cwd: project })).toMatch(
      /^small\.png: /,
    );
    expect(existsSync(join(project, 'small.png'))).toBe(true);
    expect(() =>
      command(process.execPath, [cli(project), 'export', 'noto-32', '--web', 'site'], { cwd: project }),
    ).toThrow(/kuosan: onnxruntime-web is not installed, .*; npm i onnxruntime-web@\d+\.\d+\.\d+\n/);
    expect(existsSync(join(project, 'site'))).toBe(false);
  });

  describe('strict TypeScript takes', () => {
    const compilers = { 'TypeScript 5.4': '', 'this TypeScript': join(root, 'node_modules/typescript') };
    // A block that imports what it uses is a program; the others are parts of one.
    const programs = ['README.md', ...filesBelow('docs', '.md')]
      .flatMap((page) => codeBlocks(textOf(page), 'ts'))
      .filter((block) => block.startsWith('import '));
    const inPage = (text: string) => /from 'kuosan\/(?:web|runtime\/web)'/.test(text);
    const everyExport = Object.keys((JSON.parse(textOf('package.json')) as { exports: object }).exports)
      .filter((path) => !path.endsWith('.json'))
      .map((path) => path.replace(/^\./, 'kuosan'));
    /** What runs in a browser and declares nothing of Node. */
    const ofPages = [
      'core',
      'formats',
      'nn',
      'diffusion',
      'models',
      'onnx',
      'pipelines',
      'generators',
      'runtime/web',
      'web',
    ];
    /** hono's declarations need a newer one, whoever imports them. */
    const newer = ['kuosan/server'];
    const importAll = (paths: readonly string[]) =>
      paths.map((path, i) => `import * as part${i} from '${path}';\nvoid part${i};\n`).join('');

    beforeAll(() => {
      install(project, ['@types/node@20', 'typescript@5.4']);
      compilers['TypeScript 5.4'] = join(project, 'node_modules/typescript');
    }, 180_000);

    test.each(
      (Object.keys(compilers) as (keyof typeof compilers)[]).flatMap((compiler) =>
        (['bundler', 'nodenext'] as const).map((resolution) => [compiler, resolution] as const),
      ),
    )('every export and program, by %s with moduleResolution %s', (compiler, moduleResolution) => {
      const options = {
        target: 'ES2022',
        module: moduleResolution === 'bundler' ? 'ESNext' : 'NodeNext',
        moduleResolution,
        strict: true,
        exactOptionalPropertyTypes: true,
        noUnusedLocals: true,
        noEmit: true,
        skipLibCheck: false,
      };
      const place = (texts: readonly string[], folder: string, types: readonly string[], lib: readonly string[]) => {
        const files = Object.fromEntries(texts.map((text, i) => [`program-${i}.ts`, `${text}\nexport {};\n`]));
        const at = join(project, `${compiler} ${moduleResolution} ${folder}`);
        newProject(at, {
          ...files,
          'tsconfig.json': JSON.stringify({ compilerOptions: { ...options, types, lib }, files: Object.keys(files) }),
        });
        return command(process.execPath, [join(compilers[compiler], 'bin/tsc'), '-p', at], { cwd: at });
      };
      const onServer = programs.filter((text) => !inPage(text));
      const taken = everyExport.filter((path) => compiler !== 'TypeScript 5.4' || !newer.includes(path));
      expect(place([importAll(taken), ...onServer], 'server', ['node'], ['ES2023'])).toBe('');
      const inPages = programs.filter(inPage);
      const partsOfPages = importAll(ofPages.map((path) => `kuosan/${path}`));
      expect(place([partsOfPages, ...inPages], 'page', [], ['ES2023', 'DOM'])).toBe('');
    });
  });

  describe('the programs in the README', () => {
    const [server, page, clip, text] = codeBlocks(textOf('README.md'), 'ts');
    const output = (name: string) => join(project, 'programs', name);

    beforeAll(() => {
      const compilerOptions = {
        target: 'ES2022',
        module: 'NodeNext',
        strict: true,
        skipLibCheck: true,
        types: ['node'],
      };
      const files = { 'server.ts': server!, 'clip.ts': clip!, 'text.ts': text! };
      newProject(join(project, 'programs'), {
        ...files,
        'tsconfig.json': JSON.stringify({ compilerOptions, files: Object.keys(files) }),
      });
      install(project, ['@types/node@20']);
      const compiler = join(root, 'node_modules/typescript/bin/tsc');
      command(process.execPath, [compiler, '-p', output('.')], { cwd: project });
    }, 180_000);

    test('are four, each under ten lines', () => {
      const programs = codeBlocks(textOf('README.md'), 'ts');
      expect(programs).toHaveLength(4);
      for (const program of programs) expect(program.trim().split('\n').length).toBeLessThan(10);
    });

    test('the first samples a model on a server, the third asks the bundled CLIP about it', () => {
      expect(command(process.execPath, ['server.js'], { cwd: output('.') })).toBe('');
      for (const i of [0, 1, 2, 3]) expect(existsSync(output(`emoji-${i}.png`))).toBe(true);
      const answer = command(process.execPath, ['clip.js'], { cwd: output('.') });
      expect(answer).toMatch(/^(?:(?:red heart|cat face|grinning face) [01]\.\d{3} ?){3}\n$/);
    });

    test('the fourth generates an image from a text', () => {
      expect(command(process.execPath, ['text.js'], { cwd: output('.') })).toBe('');
      expect(existsSync(output('folder.png'))).toBe(true);
    });

    test.skipIf(browserPath === undefined)(`the second samples it in a page (${withoutBrowser})`, async () => {
      // As npm i onnxruntime-web would, without its 139 MB.
      symlinkSync(
        join(root, 'node_modules/onnxruntime-web'),
        join(project, 'node_modules/onnxruntime-web'),
        'junction',
      );
      const site = newProject(join(project, 'site'), {
        'index.html': '<!doctype html><script type="module" src="./main.ts"></script>',
        'main.ts': page!,
      });
      const model = join(project, 'node_modules/kuosan/pretrained/noto-32');
      cpSync(model, join(site, 'public/models/noto-32'), { recursive: true });
      const target = 'es2022';
      const built = { root: site, configFile: false, base: './', logLevel: 'error', build: { target } } as const;
      await build({ ...built, worker: { format: 'es' } });
      const served = await serveFolder(join(site, 'dist'), false);
      const browser = await startBrowser();
      try {
        const opened = await browser.newPage();
        const errors: string[] = [];
        opened.on('pageerror', ({ message }) => errors.push(message));
        await opened.goto(served.url);
        const shown = `document.images.length === 4 && [...document.images].every(({ naturalWidth }) => naturalWidth === 32)`;
        await Promise.race([
          opened.waitForFunction(shown, undefined, { timeout: 120_000 }),
          opened.waitForEvent('pageerror', { timeout: 120_000 }).then((error) => Promise.reject(error)),
        ]);
        expect(errors).toEqual([]);
        const pixels = (await opened.evaluate(pixelsOfFirst)) as number[];
        const { data, info } = await sharp(output('emoji-0.png')).raw().toBuffer({ resolveWithObject: true });
        expect(info.channels).toBe(3);
        // The same seed is the same image on another engine, to a level of 255.
        const far = pixels.filter((value, i) => i % 4 < 3 && Math.abs(value - data[(i >> 2) * 3 + (i % 4)]!) > 1);
        expect(far.length).toBeLessThanOrEqual(data.length / 1000);
      } finally {
        await browser.close();
        served.close();
      }
    });
  });

  describe.skipIf(!everything || process.platform === 'win32')(`Node 20, 22 and 24 (${onlyThen})`, () => {
    test.each(['20', '22', '24'])('Node %s generates the same images', (version) => {
      const folder = newProject(join(packed.folder, `node-${version}`));
      install(folder, [`node-${process.platform}-${process.arch}@${version}`]);
      const node = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin/node');
      expect(command(node, ['--version'], { cwd: folder })).toMatch(new RegExp(`^v${version}\\.`));
      expect(command(node, [cli(project), 'sample', ...smallSample], { cwd: folder })).toMatch(/^small\.png: /);
      expect(readFileSync(join(folder, 'small.png'))).toEqual(readFileSync(join(project, 'small.png')));
    });
  });
});

/** In the page: the RGBA of its first image. */
const pixelsOfFirst = `(() => {
  const canvas = new OffscreenCanvas(32, 32);
  const context = canvas.getContext('2d');
  context.drawImage(document.images[0], 0, 0, 32, 32);
  return [...context.getImageData(0, 0, 32, 32).data];
})()`;

const smallSample = ['noto-32', '--count', '2', '--steps', '2', '--out', 'small.png'];

function cli(folder: string): string {
  return join(folder, 'node_modules/kuosan/dist/cli/main.js');
}
