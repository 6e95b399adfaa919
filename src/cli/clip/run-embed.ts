import { checkExtension, checkWritable, writeFileWhole } from '../../data/index.ts';
import { writeNpy } from '../../formats/npy.ts';
import { checkOutside } from '../check-apart.ts';
import { withImageTower, type ClipOptions } from './open-clip.ts';
import type { StartedEngine } from '../with-engine.ts';

/** The options of `kuosan embed`. */
export interface EmbedCommandOptions extends ClipOptions {
  readonly out: string;
}

/** Writes the array, and the paths of the images next to it, one line per row. */
export async function runEmbed(
  source: string,
  { out, ...options }: EmbedCommandOptions,
  engine: StartedEngine,
  print: (line: string) => void,
): Promise<void> {
  checkExtension(out, '.npy');
  const names = `${out.slice(0, -'.npy'.length)}.txt`;
  for (const path of [out, names]) await checkWritable(path);
  await checkOutside({ '--out': out }, [options.images]);
  await withImageTower(source, options, engine, async ({ embed }) => {
    const { files, embeddings, fromCache } = await embed();
    await writeFileWhole(out, writeNpy(embeddings));
    await writeFileWhole(names, new TextEncoder().encode(files.map((file) => `${file}\n`).join('')));
    print(`${out}: [${embeddings.shape.join(', ')}], ${fromCache} of them cached; the paths are in ${names}`);
  });
}
