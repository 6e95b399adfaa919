import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './source-files.ts';

/** KUOSAN_PYTHON, or the Python on the path, if it has what is needed. */
const python = [process.env['KUOSAN_PYTHON'], 'python3'].find(
  (command) =>
    command !== undefined &&
    spawnSync(command, ['-c', 'import PIL, torch, diffusers, safetensors'], { stdio: 'ignore' }).status === 0,
);

describe.skipIf(python === undefined)(
  'diffusers (skipped where neither KUOSAN_PYTHON nor python3 has torch, diffusers, safetensors and Pillow)',
  () => {
    test('opens our folders as docs/python.md says, draws the stored images from them and from its own, and runs the Python of every card', () => {
      const { status, stdout, stderr } = spawnSync(python!, [join(root, 'test/golden/interop.py'), '--check'], {
        encoding: 'utf8',
      });
      expect(`${status}\n${stdout}\n${stderr}`).toMatch(/^0\n[^]*\d+ runs, \d+ programs of cards\n/);
    }, 300_000);
  },
);
