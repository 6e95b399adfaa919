/**
 * Writes the tarball to publish, from the build in `dist/`:
 *
 *     npm run package && npm publish kuosan-0.1.0.tgz
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packForNpm } from './pack-for-npm.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const stage = mkdtempSync(join(tmpdir(), 'kuosan-stage-'));
try {
  cpSync(join(root, 'dist'), join(stage, 'dist'), { recursive: true });
  const { filename, size, unpackedSize, files } = packForNpm(stage, root);
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  process.stdout.write(`${filename}: ${files.length} files, ${megabytes(size)}, ${megabytes(unpackedSize)} unpacked\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
