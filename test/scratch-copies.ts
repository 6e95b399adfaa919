import { cpSync } from 'node:fs';
import { join } from 'node:path';

/** Numbered folders below a scratch folder, and copies of fixtures in them. */
export function scratchCopies(scratch: string, fixtures: string) {
  let count = 0;
  const newFolder = () => join(scratch, String(count++));
  /** A copy of a fixture in which something is changed. */
  function copy(name: string, change: (dir: string) => void = () => {}): string {
    const dir = newFolder();
    cpSync(join(fixtures, name), dir, { recursive: true });
    change(dir);
    return dir;
  }
  return { newFolder, copy };
}
