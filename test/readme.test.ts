import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writePng } from '../src/data/index.ts';
import { buildPackage, type BuiltPackage } from './built-package.ts';
import { codeBlocks } from './code-blocks.ts';
import { commandLines, parseCommandLine, words } from './command-lines.ts';
import { filesBelow, root, textOf } from './source-files.ts';

const readme = textOf('README.md');

describe('the README', () => {
  test('is read in one sitting', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(250);
  });

  test('sets up with exactly two commands', () => {
    const commands = codeBlocks(readme, 'sh')
      .flatMap((block) => block.trim().split('\n'))
      .filter((line) => line.startsWith('npm ci'));
    expect(commands).toEqual(['npm ci && npx kuosan demo', 'npm ci && npm test']);
  });
});

describe('the programs in docs/library.md', () => {
  const programs = codeBlocks(textOf('docs/library.md'), 'ts');
  let built: BuiltPackage;
  beforeAll(() => {
    built = buildPackage();
  }, 240_000);
  afterAll(() => built?.remove());

  test('the first trains and writes an image (here with two steps)', () => {
    const short = programs[0]!
      .replace(/const steps = \d+;/, 'const steps = 2;')
      .replace('step % 100 === 0', 'step % 2 === 0')
      .replace('const batchSize = 32;', 'const batchSize = 2;');
    built.compile('train.ts', short);
    expect(built.node(['train.js'])).toMatch(/^step 2: loss \d\.\d{4}\n$/);
    expect(existsSync(join(built.folder, 'smileys.png'))).toBe(true);
    // The compiler reads the whole package's types, and its machine may have other work.
  }, 240_000);

  test('the second names an image, by the CLIP of the package', async () => {
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => {
      const [x, y] = [((Math.floor(i / 3) % 32) - 15.5) / 11, (13 - Math.floor(i / 96)) / 11];
      // The heart curve, red on white.
      const inside = (x * x + y * y - 1) ** 3 - x * x * y ** 3 < 0;
      return inside && i % 3 > 0 ? 30 : 255;
    });
    await writePng(join(built.folder, 'heart.png'), { data, height: 32, width: 32, channels: 3 });
    built.compile('name.ts', programs[1]!);
    expect(built.node(['name.js'])).toMatch(/^heart\.png red heart [01]\.\d{3}( (cat face|rainbow) 0\.\d{3}){2}\n$/);
  }, 60_000);

  test('the third encodes texts (here by a small encoder)', () => {
    cpSync(join(root, 'test/golden/text-encoder-folders/sentence-bert'), join(built.folder, 'all-MiniLM-L6-v2'), {
      recursive: true,
    });
    built.compile('encode.ts', programs[2]!);
    const promised = /console\.log\(.*\); \/\/ (.*)$/m.exec(programs[2]!)![1]!;
    expect(built.node(['encode.js']).trim()).toBe(promised.replaceAll('384', '12'));
  }, 60_000);

  test('the fourth prints what its comment says', () => {
    const promised = /console\.log\(.*\); \/\/ (.*)$/m.exec(programs[3]!)![1]!;
    built.compile('gradient.ts', programs[3]!);
    expect(built.node(['gradient.js']).trim()).toBe(promised);
  }, 60_000);

  test('there are no others', () => {
    expect(programs).toHaveLength(4);
  });
});

describe('the command lines in the documentation', () => {
  const lines = filesBelow('', '.md').flatMap((path) => commandLines(textOf(path)).map((line) => ({ path, line })));

  test('show every command', () => {
    const shown = new Set(
      lines.filter(({ path }) => path === 'README.md').map(({ line }) => words(line.replace(/^npx /, ''))[1]),
    );
    for (const name of [
      'demo',
      'train',
      'sample',
      'evaluate',
      'edit',
      'interpolate',
      'compare',
      'loss-by-noise',
      'export',
      'forward',
      'data',
      'tokenizer',
    ])
      expect(shown).toContain(name);
  });

  test.each(lines)('$path: $line', async ({ line }) => {
    await expect(parseCommandLine(line)).resolves.toBeUndefined();
  });
});
