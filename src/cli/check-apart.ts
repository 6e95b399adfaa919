import { realpath } from 'node:fs/promises';

/**
 * Checks that a file to be written is none of those that are read.
 *
 * @param read  the paths by what they are, `the image`
 * @throws one line if it is one of them, by whatever path
 */
export async function checkApart(out: string, read: Readonly<Record<string, string | undefined>>): Promise<void> {
  const real = (path: string) => realpath(path).catch(() => undefined);
  const written = await real(out);
  if (written === undefined) return;
  for (const [what, path] of Object.entries(read))
    if (path !== undefined && (await real(path)) === written)
      throw new Error(`--out ${JSON.stringify(out)} is ${what} itself; give another path`);
}
