/**
 * Builds data/noto-emoji: every base emoji of Noto at 32×32 in one sheet, with its label, tags, group and subgroup.
 *
 *     npm i --prefix /tmp/emoji emoji-datasource-google@16.0.0 emojibase-data@17.0.0
 *     npx tsx scripts/build-noto-emoji.ts /tmp/emoji/node_modules
 *
 * Running it twice gives the same bytes with the same version of sharp.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { z } from 'zod';
import { duplicateGroups } from '../src/data/emoji/duplicates.ts';
import { plainCode } from '../src/data/emoji/styles.ts';

const cell = 32;
const columns = 44;

const imageSchema = z.array(z.object({ unified: z.string(), image: z.string(), has_img_google: z.boolean() }));
const annotationSchema = z.array(
  z.object({
    hexcode: z.string(),
    label: z.string(),
    order: z.number().optional(),
    group: z.number().optional(),
    subgroup: z.number().optional(),
    tags: z.array(z.string()).default([]),
  }),
);
const groupSchema = z.object({ groups: z.record(z.string(), z.string()), subgroups: z.record(z.string(), z.string()) });

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

async function collect(packages: string) {
  const source = join(packages, 'emoji-datasource-google');
  const images = imageSchema.parse(await readJson(join(source, 'emoji.json')));
  const annotations = annotationSchema.parse(await readJson(join(packages, 'emojibase-data/en/data.json')));
  const names = groupSchema.parse(await readJson(join(packages, 'emojibase-data/meta/groups.json')));
  const byCode = new Map(annotations.map((annotation) => [plainCode(annotation.hexcode), annotation]));

  const all = [];
  for (const image of images) {
    if (!image.has_img_google) continue;
    const code = plainCode(image.unified);
    const annotation = byCode.get(code);
    if (annotation?.group === undefined || annotation.subgroup === undefined || annotation.order === undefined) {
      throw new Error(`${image.unified}: emojibase-data has no group for it`);
    }
    all.push({
      code,
      order: annotation.order,
      label: annotation.label,
      // The label's own words come again as tags for some emoji; the order of the package is kept.
      tags: annotation.tags.filter((tag) => tag !== annotation.label),
      group: names.groups[annotation.group]!,
      subgroup: names.subgroups[annotation.subgroup]!,
      bytes: await readFile(join(source, 'img/google/64', image.image)),
    });
  }
  return all.sort((a, b) => a.order - b.order);
}

type Emoji = Awaited<ReturnType<typeof collect>>[number];

function withoutDuplicates(all: readonly Emoji[]): { kept: Emoji[]; dropped: string[] } {
  const labels = new Map(all.map(({ code, label }) => [code, label]));
  const others = duplicateGroups(all.map(({ code, bytes }) => [code, bytes])).flatMap(([keeper, ...rest]) =>
    rest.map((code) => ({ code, keeper: keeper! })),
  );
  const dropped = new Set(others.map(({ code }) => code));
  return {
    kept: all.filter(({ code }) => !dropped.has(code)),
    dropped: others.map(({ code, keeper }) => `${labels.get(code)} (as ${labels.get(keeper)})`),
  };
}

const [packages] = process.argv.slice(2);
if (packages === undefined)
  throw new Error(
    'usage: tsx scripts/build-noto-emoji.ts <node_modules with emoji-datasource-google and emojibase-data>',
  );
const out = fileURLToPath(new URL('../data/noto-emoji/', import.meta.url));
const { kept, dropped } = withoutDuplicates(await collect(packages));

const rows = Math.ceil(kept.length / columns);
const sheet = Buffer.alloc(rows * cell * columns * cell * 4);
for (const [index, emoji] of kept.entries()) {
  // sharp multiplies by alpha before it scales and divides after, so no color of invisible pixels bleeds in.
  const pixels = await sharp(emoji.bytes)
    .ensureAlpha()
    .resize(cell, cell, { kernel: 'lanczos3', fit: 'fill' })
    .raw()
    .toBuffer();
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
  .png({ compressionLevel: 9, adaptiveFiltering: true })
  .toBuffer();
await writeFile(join(out, 'sheet-32.png'), png);

const lines = kept.map(({ code, label, tags, group, subgroup }) =>
  JSON.stringify({ code, label, tags, group, subgroup }),
);
await writeFile(join(out, 'emoji.json'), `{"cell":${cell},"columns":${columns},"emoji":[\n${lines.join(',\n')}\n]}\n`);
console.log(
  `${kept.length} emoji, ${rows} rows of ${columns}, sheet ${png.length} bytes; ${dropped.length} duplicates dropped:\n${dropped.join('\n')}`,
);
