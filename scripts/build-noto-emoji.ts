/**
 * Builds data/noto-emoji: every base emoji of Noto at 32×32 in one sheet, with its label, tags, group and subgroup.
 *
 *     npm i --prefix /tmp/emoji emoji-datasource-google@16.0.0 emojibase-data@17.0.0
 *     npx tsx scripts/build-noto-emoji.ts /tmp/emoji/node_modules
 *
 * Running it twice gives the same bytes with the same version of sharp.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { z } from 'zod';

const cell = 32;
const columns = 44;

/**
 * Of pictures that are the same bytes, the first in the order of Unicode stays, but these go before it:
 * territories that fly the flag of a country (and Sark, whose picture in this package is that of Saudi Arabia) give way to it.
 */
const preferred = new Set([
  '1F1E6-1F1FA', // Australia
  '1F1EA-1F1F8', // Spain
  '1F1EB-1F1F7', // France
  '1F1EE-1F1F4', // British Indian Ocean Territory
  '1F1F3-1F1F4', // Norway
  '1F1F8-1F1E6', // Saudi Arabia
  '1F1FA-1F1F8', // United States
  '1F46A', // family
]);

const pictureSchema = z.array(z.object({ unified: z.string(), image: z.string(), has_img_google: z.boolean() }));
const annotationSchema = z.array(z.object({
  hexcode: z.string(),
  label: z.string(),
  order: z.number().optional(),
  group: z.number().optional(),
  subgroup: z.number().optional(),
  tags: z.array(z.string()).default([]),
}));
const groupSchema = z.object({ groups: z.record(z.string(), z.string()), subgroups: z.record(z.string(), z.string()) });

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Code points without the variation selector, by which the two packages agree. */
function plain(codePoints: string): string {
  return codePoints.toUpperCase().split('-').filter((point) => point !== 'FE0F').join('-');
}

async function collect(packages: string) {
  const source = join(packages, 'emoji-datasource-google');
  const pictures = pictureSchema.parse(await readJson(join(source, 'emoji.json')));
  const annotations = annotationSchema.parse(await readJson(join(packages, 'emojibase-data/en/data.json')));
  const names = groupSchema.parse(await readJson(join(packages, 'emojibase-data/meta/groups.json')));
  const byCode = new Map(annotations.map((annotation) => [plain(annotation.hexcode), annotation]));

  const all = [];
  for (const picture of pictures) {
    if (!picture.has_img_google) continue;
    const code = plain(picture.unified);
    const annotation = byCode.get(code);
    if (annotation?.group === undefined || annotation.subgroup === undefined || annotation.order === undefined) {
      throw new Error(`${picture.unified}: emojibase-data has no group for it`);
    }
    all.push({
      code,
      order: annotation.order,
      label: annotation.label,
      // The label's own words come again as tags for some emoji; the order of the package is kept.
      tags: annotation.tags.filter((tag) => tag !== annotation.label),
      group: names.groups[annotation.group]!,
      subgroup: names.subgroups[annotation.subgroup]!,
      bytes: await readFile(join(source, 'img/google/64', picture.image)),
    });
  }
  return all.sort((a, b) => a.order - b.order);
}

type Emoji = Awaited<ReturnType<typeof collect>>[number];

function withoutDuplicates(all: readonly Emoji[]): { kept: Emoji[]; dropped: string[] } {
  const groups = new Map<string, Emoji[]>();
  for (const emoji of all) {
    const hash = createHash('sha256').update(emoji.bytes).digest('hex');
    groups.set(hash, [...(groups.get(hash) ?? []), emoji]);
  }
  const kept = new Set<Emoji>();
  const dropped: string[] = [];
  for (const same of groups.values()) {
    const winner = same.find(({ code }) => preferred.has(code)) ?? same[0]!;
    kept.add(winner);
    for (const other of same) if (other !== winner) dropped.push(`${other.label} (as ${winner.label})`);
  }
  return { kept: all.filter((emoji) => kept.has(emoji)), dropped };
}

const [packages] = process.argv.slice(2);
if (packages === undefined) throw new Error('usage: tsx scripts/build-noto-emoji.ts <node_modules with emoji-datasource-google and emojibase-data>');
const out = fileURLToPath(new URL('../data/noto-emoji/', import.meta.url));
const { kept, dropped } = withoutDuplicates(await collect(packages));

const rows = Math.ceil(kept.length / columns);
const sheet = Buffer.alloc(rows * cell * columns * cell * 4);
for (const [index, emoji] of kept.entries()) {
  // sharp multiplies by alpha before it scales and divides after, so no color of invisible pixels bleeds in.
  const pixels = await sharp(emoji.bytes).ensureAlpha().resize(cell, cell, { kernel: 'lanczos3', fit: 'fill' }).raw().toBuffer();
  const top = Math.floor(index / columns) * cell;
  const left = (index % columns) * cell;
  for (let y = 0; y < cell; y++) {
    pixels.copy(sheet, ((top + y) * columns * cell + left) * 4, y * cell * 4, (y + 1) * cell * 4);
  }
}
// Color below an alpha of zero is never seen and would only cost bytes.
for (let i = 0; i < sheet.length; i += 4) if (sheet[i + 3] === 0) sheet.fill(0, i, i + 3);

await mkdir(out, { recursive: true });
const png = await sharp(sheet, { raw: { width: columns * cell, height: rows * cell, channels: 4 } })
  // No `effort` here: with it sharp would reduce the sheet to 256 colors.
  .png({ compressionLevel: 9, adaptiveFiltering: true }).toBuffer();
await writeFile(join(out, 'sheet-32.png'), png);

const lines = kept.map(({ code, label, tags, group, subgroup }) => JSON.stringify({ code, label, tags, group, subgroup }));
await writeFile(join(out, 'emoji.json'), `{"cell":${cell},"columns":${columns},"emoji":[\n${lines.join(',\n')}\n]}\n`);
console.log(`${kept.length} emoji, ${rows} rows of ${columns}, sheet ${png.length} bytes; ${dropped.length} duplicates dropped:\n${dropped.join('\n')}`);
