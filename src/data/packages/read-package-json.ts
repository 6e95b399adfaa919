import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeSystemError } from '../../files/system-reason.ts';
import type { FoundPackage } from './find-packages.ts';

/**
 * A JSON file of a package, checked.
 *
 * @throws one line that names the package, its version and the file
 */
export async function readPackageJson<S extends z.ZodType>(
  found: FoundPackage,
  path: string,
  schema: S,
): Promise<z.output<S>> {
  try {
    return schema.parse(JSON.parse(await readFile(join(found.folder, path), 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error).split('\n')[0]! : describeSystemError(error);
    throw new Error(
      `data: ${path} of ${found.name} ${found.version} is missing or not as expected (${reason}); install the version that kuosan names`,
      { cause: error },
    );
  }
}
