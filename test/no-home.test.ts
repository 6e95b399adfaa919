/** A user that has neither HOME nor a name, as in a container that runs under any number. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kuosanProgram, writeImageFolder } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-no-home-'));
chmodSync(cwd, 0o777);
beforeAll(() => writeImageFolder(join(cwd, 'images'), 3));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const root = fileURLToPath(new URL('..', import.meta.url));

function asNobody(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { PATH } = process.env;
  return spawnSync(process.execPath, args, {
    cwd,
    uid: 12345,
    gid: 12345,
    env: { PATH, TMPDIR: cwd, ...env },
    encoding: 'utf8',
  });
}
const kuosan = (args: readonly string[], env?: NodeJS.ProcessEnv) => asNobody([...kuosanProgram, ...args], env);

// Only the super-user may become somebody else, and the sources must be readable for others.
const canBeNobody = process.getuid?.() === 0 && process.platform === 'linux' && kuosan(['--version']).status === 0;

describe.runIf(canBeNobody)('without a home', () => {
  test('commands work, and say that nothing is kept', () => {
    const { status, stdout, stderr } = kuosan(['data', 'images', '--out', 'grid.png']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(
      'decoded images are not cached (this user has no home folder); set KUOSAN_CACHE to a folder that can be written',
    );
    expect(existsSync(join(cwd, 'grid.png'))).toBe(true);
  }, 60_000);

  test('KUOSAN_CACHE is where it is kept', () => {
    const { status, stdout, stderr } = kuosan(['data', 'images', '--out', 'grid.png'], {
      KUOSAN_CACHE: join(cwd, 'cache'),
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).not.toContain('not kept');
    expect(existsSync(join(cwd, 'cache/data'))).toBe(true);
  }, 60_000);

  test('a model is sampled, and the machine examined', () => {
    const sampled = kuosan([
      'sample',
      'noto-32',
      '--count',
      '1',
      '--steps',
      '1',
      '--out',
      'one.png',
      '--device',
      'cpu',
    ]);
    expect(sampled.status, sampled.stderr).toBe(0);
    expect(kuosan(['doctor']).stdout).toContain('none: this user has no home folder');
  }, 120_000);

  test('a path in a home that is not there is one line', () => {
    const { status, stderr } = kuosan(['data', '~/images', '--out', 'grid.png']);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^kuosan: unknown data set "~\/images"[^\n]*\n$/)]);
  }, 60_000);

  test('the library loads', () => {
    const { status, stderr } = asNobody([
      '--import',
      import.meta.resolve('tsx'),
      '--eval',
      `import(${JSON.stringify(join(root, 'src/data/index.ts'))})`,
    ]);
    expect([status, stderr]).toEqual([0, '']);
  }, 60_000);
});
