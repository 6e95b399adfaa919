/** The Python that tests compare with, where there is one. */
import { spawnSync } from 'node:child_process';

/** KUOSAN_PYTHON, or the Python on the path, if it has these modules. */
export function pythonWith(...modules: readonly string[]): string | undefined {
  return [process.env['KUOSAN_PYTHON'], 'python3'].find(
    (command) =>
      command !== undefined &&
      spawnSync(command, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' }).status === 0,
  );
}
