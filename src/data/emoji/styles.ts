import { readFile, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { z } from 'zod';
import type { FoundPackage, PackageNeed } from '../packages/find-packages.ts';
import { readPackageJson } from '../packages/read-package-json.ts';

/** The images of one style by code points: each reads the bytes of an image file. */
export type EmojiImages = ReadonlyMap<string, () => Promise<Uint8Array>>;

/** One style of emoji: its package and how its images are found. */
export interface EmojiStyle {
  /** The package that holds the images. */
  readonly package: PackageNeed;
  readonly title: string;
  /** Of the images, as its authors state it. */
  readonly license: string;
  readonly read: (found: FoundPackage) => Promise<EmojiImages>;
}

/** The styles by name; all their licenses allow training. */
export const emojiStyles = {
  noto: datasource('google', 'Noto Emoji, Google', 'Apache-2.0'),
  fluent: {
    package: { name: '@lobehub/fluent-emoji-3d', version: '1.1.0' },
    title: 'Fluent Emoji 3D, Microsoft',
    license: 'MIT',
    read: readFluent,
  },
  'fluent-flat': {
    package: { name: '@iconify-json/fluent-emoji-flat', version: '1.2.6' },
    title: 'Fluent Emoji Flat, Microsoft',
    license: 'MIT',
    read: readIconify,
  },
  twemoji: datasource('twitter', 'Twemoji, Twitter and contributors', 'CC-BY-4.0'),
  openmoji: {
    package: { name: 'openmoji', version: '17.0.0' },
    title: 'OpenMoji, HfG Schwäbisch Gmünd and contributors',
    license: 'CC-BY-SA-4.0',
    read: readOpenmoji,
  },
} as const satisfies Readonly<Record<string, EmojiStyle>>;

/** The name of a style. */
export type EmojiStyleName = keyof typeof emojiStyles;

/** The names of the styles. */
export const emojiStyleNames = Object.keys(emojiStyles) as readonly EmojiStyleName[];

/** Code points in capitals without the variation selector, by which all packages agree: `2764-fe0f` is `2764`. */
export function plainCode(codePoints: string): string {
  return codePoints
    .toUpperCase()
    .split('-')
    .filter((point) => point !== 'FE0F')
    .join('-');
}

const datasourceSchema = z.array(z.looseObject({ unified: z.string(), image: z.string().regex(/^[\w-]+\.png$/) }));

type DatasourceSet = 'google' | 'twitter';

/** A style of emoji-datasource, which has a package for each. */
function datasource(set: DatasourceSet, title: string, license: string): EmojiStyle {
  return {
    package: { name: `emoji-datasource-${set}`, version: '16.0.0' },
    title,
    license,
    read: (found) => readDatasource(found, set),
  };
}

/** PNG files of 64×64, without skin tones in the list itself. */
async function readDatasource(found: FoundPackage, set: DatasourceSet): Promise<EmojiImages> {
  const list = await readPackageJson(found, 'emoji.json', datasourceSchema);
  const drawn = list.filter((entry) => entry[`has_img_${set}`] === true);
  return new Map(
    drawn.map(({ unified, image }) => [
      plainCode(unified),
      () => readFile(join(found.folder, 'img', set, '64', image)),
    ]),
  );
}

/** WebP files of 256×256, named by their code points. */
async function readFluent(found: FoundPackage): Promise<EmojiImages> {
  const names = (await readdir(join(found.folder, 'assets'))).filter((name) => extname(name) === '.webp').sort();
  return new Map(
    names.map((name) => [
      plainCode(name.slice(0, -'.webp'.length)),
      () => readFile(join(found.folder, 'assets', name)),
    ]),
  );
}

const openmojiSchema = z.array(z.object({ hexcode: z.string().regex(/^[\dA-F-]+$/) }));

/** SVG files of 72×72, named by their code points. */
async function readOpenmoji(found: FoundPackage): Promise<EmojiImages> {
  const list = await readPackageJson(found, 'data/openmoji.json', openmojiSchema);
  return new Map(
    list.map(({ hexcode }) => [
      plainCode(hexcode),
      () => readFile(join(found.folder, 'color', 'svg', `${hexcode}.svg`)),
    ]),
  );
}

const extent = z.number().positive().optional();
const iconSchema = z.object({
  body: z.string(),
  left: z.number().optional(),
  top: z.number().optional(),
  width: extent,
  height: extent,
});
const iconifySchema = z.object({
  icons: z.record(z.string(), iconSchema),
  aliases: z.record(z.string(), z.object({ parent: z.string(), hFlip: z.boolean().optional() })).default({}),
  width: z.number().positive(),
  height: z.number().positive(),
});

/** Iconify's JSON: the inside of each SVG, aliases that may be mirrored, and names by code points. */
async function readIconify(found: FoundPackage): Promise<EmojiImages> {
  const { icons, aliases, ...size } = await readPackageJson(found, 'icons.json', iconifySchema);
  const names = await readPackageJson(found, 'chars.json', z.record(z.string(), z.string()));
  const images = new Map<string, () => Promise<Uint8Array>>();
  for (const [code, name] of Object.entries(names)) {
    const alias = aliases[name];
    const icon = icons[alias?.parent ?? name];
    if (icon === undefined) continue;
    const { left = 0, top = 0, width = size.width, height = size.height, body } = icon;
    const inside = alias?.hFlip ? `<g transform="translate(${2 * left + width} 0) scale(-1 1)">${body}</g>` : body;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="${left} ${top} ${width} ${height}">${inside}</svg>`;
    images.set(plainCode(code), async () => new TextEncoder().encode(svg));
  }
  return images;
}
