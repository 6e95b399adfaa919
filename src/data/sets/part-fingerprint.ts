import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { markUsed } from '../../files/bounded-folder.ts';
import { writeFileWhole } from '../../files/write-file.ts';
import { fingerprintOf, type DatasetContent } from './dataset.ts';

/**
 * `fingerprintOf` a part of a data set. Where the pixels are in a file it is remembered next to it: to read all of them takes seconds.
 *
 * @param places  of the part's images in the whole
 */
export async function fingerprintOfPart(
  whole: { readonly fingerprint: string },
  places: readonly number[],
  part: DatasetContent,
): Promise<string> {
  const { file } = part.images;
  if (file === undefined) return fingerprintOf(part);
  const { images: _, labels, skipped: __, notes: ___, ids: ____, ...said } = part;
  const key = createHash('sha256')
    .update(JSON.stringify([whole.fingerprint, places, { ...said, ...(labels && { labels: [...labels] }) }]))
    .digest('hex');
  const line = (fingerprint: string) =>
    `${fingerprint} ${createHash('sha256').update(`${key} ${fingerprint}`).digest('hex')}\n`;
  const path = `${file.replace(/\.images$/, '')}-${key.slice(0, 24)}.fingerprint`;
  const kept = await readFile(path, 'utf8').catch(() => '');
  const [known = ''] = kept.split(' ');
  if (kept === line(known)) {
    await markUsed(path);
    return known;
  }
  const fingerprint = fingerprintOf(part);
  // It saves time and nothing else.
  await writeFileWhole(path, Buffer.from(line(fingerprint))).catch(() => {});
  return fingerprint;
}
