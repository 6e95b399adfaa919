import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { filesBelow, root, textOf } from './source-files.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-examples-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** Runs an example at toy size, in a folder of its own, and returns what it prints. */
async function run(name: string, size: number): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), join(root, 'examples', `${name}.ts`), String(size)],
    { cwd, env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'), KUOSAN_CACHE: join(cwd, '.cache') } },
  );
  return stdout;
}

/** The numbers of the lines that are a row of a table: those that begin with the given pattern. */
function rows(printed: string, begins: RegExp = /^ *\d/): number[][] {
  return printed
    .split('\n')
    .filter((line) => begins.test(line))
    .map((line) => (line.match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number));
}

describe('the examples', () => {
  const names = filesBelow('examples', '.ts').map((path) => path.split('/').at(-1)!.replace('.ts', ''));

  test('are ten, of at most 100 lines, and each has a line on the page', () => {
    expect(names).toHaveLength(10);
    for (const name of names) {
      expect(textOf(`examples/${name}.ts`).trimEnd().split('\n').length, name).toBeLessThanOrEqual(100);
      expect(textOf('examples/README.md')).toContain(`(${name}.ts)`);
    }
  });

  test('import as a user does', () => {
    for (const name of names) expect(textOf(`examples/${name}.ts`), name).not.toMatch(/from '\./);
  });

  test('two Gaussians merge into one: both variances are the same number', async () => {
    const printed = await run('01-two-gaussians', 4000);
    const [first, second] = [...printed.matchAll(/= (0\.\d+)$/gm)].map(([, value]) => value);
    expect(first).toBe(second);
    for (const [, mean, closed, variance, theory] of rows(printed, /^ +\d+ +-?\d/)) {
      expect(Math.abs(mean! - closed!)).toBeLessThan(0.07);
      expect(Math.abs(variance! - theory!)).toBeLessThan(0.1);
    }
  });

  test('the forward process: the image at first, and noise at last', async () => {
    const table = rows(await run('02-forward-process', 60));
    expect(table[0]!.slice(1, 3)).toEqual(table[0]!.slice(3, 5));
    for (const std of [table.at(-1)![2]!, table.at(-1)![4]!]) expect(Math.abs(std - 1)).toBeLessThan(0.06);
    expect(existsSync(join(cwd, 'forward.png'))).toBe(true);
  });

  test('x_T becomes isotropic: the axes go from far apart to 1', async () => {
    const table = rows(await run('03-isotropic', 400), /^ *\d+ +\d\.\d{5}/);
    expect(table[0]![2]! / table[0]![3]!).toBeGreaterThan(10);
    expect(table.at(-1)![2]! / table.at(-1)![3]!).toBeLessThan(1.2);
    expect(existsSync(join(cwd, 'isotropic.png'))).toBe(true);
  });

  test('the posterior: what is kept has the mean of theory', async () => {
    const table = rows(await run('04-posterior', 200_000));
    expect(table).toHaveLength(4);
    // Four standard errors, and what a window of some width adds.
    for (const [, , mean, theory, , , chance] of table)
      expect(Math.abs(mean! - theory!)).toBeLessThan(4 * chance! + 0.004);
  });

  test('a 2-D DDPM trains and is sampled', async () => {
    const printed = await run('05-train-2d', 60);
    const losses = [...printed.matchAll(/loss (\d\.\d+)/g)].map(([, loss]) => Number(loss));
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    expect(printed).toMatch(/half of the 1000 points drawn lie within \d/);
    expect(existsSync(join(cwd, 'spiral.png'))).toBe(true);
  }, 60_000);

  test('the exact denoiser generates images of the data set', async () => {
    const distances = [...(await run('06-exact-denoiser', 3)).matchAll(/\((\d\.\d+) away\)/g)].map(([, distance]) =>
      Number(distance),
    );
    expect(distances).toHaveLength(3);
    for (const distance of distances) expect(distance).toBeLessThan(0.01);
  });

  test('DDIM: its error falls with the steps, and it draws the same twice; DDPM does not', async () => {
    const printed = await run('07-ddim-and-ddpm', 1000);
    const errors = rows(printed, /^ +\d+ +0\./).map(([, , error]) => error!);
    expect(errors).toHaveLength(7);
    for (let i = 1; i < errors.length; i++) expect(errors[i]!).toBeLessThan(errors[i - 1]!);
    const [ddim, ddpm] = ['DDIM', 'DDPM'].map((name) =>
      new RegExp(`^${name} twice.*: (\\S+) and (\\S+)$`, 'm').exec(printed)!,
    );
    expect(ddim![1]).toBe(ddim![2]);
    expect(ddpm![1]).not.toBe(ddpm![2]);
  });

  test('guidance: means move away, deviations shrink', async () => {
    const table = rows(await run('08-guidance', 500));
    for (let i = 1; i < table.length; i++) {
      expect(table[i]![1]!).toBeGreaterThan(table[i - 1]![1]!);
      expect(table[i]![2]!).toBeLessThan(table[i - 1]![2]!);
    }
  });

  test('in-painting: going back completes more images, and what is known stays', async () => {
    const printed = await run('09-in-painting', 8);
    const [once, often] = [...printed.matchAll(/: (\d+) of 8/g)].map(([, count]) => Number(count));
    expect(often!).toBeGreaterThan(once!);
    expect(printed.match(/every known value is as it was/g)).toHaveLength(2);
    expect(existsSync(join(cwd, 'painted.png'))).toBe(true);
  });

  test('a custom denoiser: every sampler draws the circle', async () => {
    const radii = [...(await run('10-custom-denoiser', 40)).matchAll(/^[\w-]+ +50 +(\d\.\d+) +(\d\.\d+)/gm)].map(
      ([, mean, off]) => [Number(mean), Number(off)],
    );
    expect(radii).toHaveLength(9);
    for (const [mean, off] of radii) {
      expect(Math.abs(mean! - 1)).toBeLessThan(1e-3);
      expect(off).toBeLessThan(1e-3);
    }
  });
});
