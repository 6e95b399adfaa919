/** The package as its users have it, built into a temporary folder, for the tests that need one. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './source-files.ts';

export interface BuiltPackage {
  /** Code in this folder finds the package under its own name, `kuosan/core`. */
  readonly folder: string;
  /** Compiles a TypeScript file of the folder against the package's declarations; throws what the compiler says. */
  readonly compile: (name: string, text: string, where?: 'server' | 'page') => void;
  /** Runs Node in the folder and returns what it printed. */
  readonly node: (args: readonly string[]) => string;
  readonly remove: () => void;
}

const compiler = join(root, 'node_modules/typescript/bin/tsc');

/** Builds the package; takes a second or two. */
export function buildPackage(): BuiltPackage {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'kuosan-package-')));
  run(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')], root);
  for (const part of ['package.json', 'presets', 'data'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  // Read and never written, and large.
  for (const part of ['node_modules', 'pretrained']) symlinkSync(join(root, part), join(folder, part), 'junction');
  return {
    folder,
    compile(name, text, where = 'server') {
      writeFileSync(join(folder, name), text);
      const config = {
        compilerOptions: {
          target: 'ES2023',
          lib: where === 'server' ? ['ES2023'] : ['ES2023', 'DOM'],
          module: 'NodeNext',
          moduleResolution: 'NodeNext',
          // A page has no types of Node, and libraries are checked along.
          types: where === 'server' ? ['node'] : [],
          strict: true,
          noUnusedLocals: true,
        },
        files: [name],
      };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
      run(process.execPath, [compiler, '-p', folder], folder);
    },
    node: (args) => run(process.execPath, args, folder),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function run(command: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}
