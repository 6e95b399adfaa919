/** Sets of icons in npm packages of Iconify: one JSON of SVG bodies a set. */
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { unknownName } from '../../core/suggest.ts';
import { findPackage, findPackages, type FoundPackage } from '../packages/find-packages.ts';
import { readPackageJson } from '../packages/read-package-json.ts';

/** Where Iconify's packages are. */
const scope = '@iconify-json';

/** Licenses that weights and samples made from a set may be passed on under, with attribution at most in the source. */
export const cleanLicenses: readonly string[] = ['MIT', 'Apache-2.0', 'ISC', 'CC0-1.0'];

/**
 * The sets that a data set is made of unless others are named: one color, a clean license, and icons by themselves. In
 * the order in which one keeps an image that another has too.
 */
export const iconSetNames = [
  'tabler',
  'lucide',
  'ph',
  'material-symbols',
  'fluent',
  'mdi',
  'ic',
  'ri',
  'mingcute',
  'carbon',
  'hugeicons',
  'icon-park-outline',
  'icon-park-solid',
  'boxicons',
  'tdesign',
  'ion',
  'bi',
  'mynaui',
  'iconoir',
  'healthicons',
  'la',
  'uil',
  'bx',
  'bxs',
  'si',
  'heroicons',
  'pixelarticons',
  'f7',
  'teenyicons',
  'clarity',
  'majesticons',
  'octicon',
  'ant-design',
  'proicons',
  'eva',
  'akar-icons',
  'radix-icons',
  'zondicons',
  'weui',
  'maki',
] as const;

/** The major version of Iconify's packages: there is no later version that every set has. */
const majorVersion = '1';

/** One icon: SVG without its outermost element. */
export interface IconSource {
  readonly name: string;
  readonly body: string;
  /** Left, top, width and height of what is shown. */
  readonly viewBox: readonly [number, number, number, number];
}

/** A set of icons. */
export interface IconSet {
  /** As Iconify calls it: `tabler`. */
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** By SPDX. */
  readonly license: string;
  readonly licenseUrl: string;
  readonly author: string;
  readonly icons: readonly IconSource[];
  /** Names that the set files under brands and logos. */
  readonly brands: ReadonlySet<string>;
}

const sizes = {
  width: z.number().optional(),
  height: z.number().optional(),
  left: z.number().optional(),
  top: z.number().optional(),
};
const iconsSchema = z.object({
  icons: z.record(z.string(), z.object({ body: z.string(), hidden: z.boolean().optional(), ...sizes })),
  ...sizes,
});
const infoSchema = z.object({
  name: z.string(),
  author: z.object({ name: z.string() }),
  license: z.object({ title: z.string(), spdx: z.string().optional(), url: z.string().optional() }),
  palette: z.boolean().optional(),
});
const metadataSchema = z.object({ categories: z.record(z.string(), z.array(z.string())).optional() });

/** Categories of brands. "Social" is none: most of its icons are people, messages and weather. */
const brandCategory = /brand|logo/i;

/** What sets are wanted. */
export interface IconSetOptions {
  /** Names of sets; default `iconSetNames`. */
  readonly sets?: readonly string[] | undefined;
  /** Where the packages are looked for. */
  readonly packages: string;
  /** Take sets under other licenses too. */
  readonly allLicenses: boolean;
  /** How messages call the command. */
  readonly command: string;
}

/**
 * Reads installed sets.
 *
 * @throws one line if one is not installed (with the command that installs all of them), is unknown, has colors, or a
 *   license that is not clean
 */
export async function readIconSets({ sets, packages, allLicenses, command }: IconSetOptions): Promise<IconSet[]> {
  const names = sets ?? iconSetNames;
  await checkKnown(names, packages, command);
  const needs = names.map((name) => ({ name: `${scope}/${name}`, version: majorVersion }));
  const found = await findPackages(needs, packages, command);
  const read: IconSet[] = [];
  for (const name of names) read.push(await readIconSet(name, found.get(`${scope}/${name}`)!, allLicenses, command));
  return read;
}

/** @throws if a set is neither ours nor installed: a slip of the finger is no missing package */
async function checkKnown(names: readonly string[], packages: string, command: string): Promise<void> {
  const known: readonly string[] = iconSetNames;
  for (const name of names.filter((wanted) => !known.includes(wanted))) {
    if (await findPackage(`${scope}/${name}`, resolve(packages))) continue;
    const candidates = [...known, ...(await installed(packages))];
    throw new Error(
      `${command}: ${unknownName('set', name, candidates)}; a set of Iconify that is installed works too`,
    );
  }
}

async function installed(packages: string): Promise<string[]> {
  for (let folder = resolve(packages); ; folder = dirname(folder)) {
    const names = await readdir(join(folder, 'node_modules', scope)).catch(() => undefined);
    if (names || dirname(folder) === folder) return names ?? [];
  }
}

async function readIconSet(name: string, found: FoundPackage, allLicenses: boolean, command: string): Promise<IconSet> {
  const info = await readPackageJson(found, 'info.json', infoSchema);
  const { icons, ...shared } = await readPackageJson(found, 'icons.json', iconsSchema);
  const { categories = {} } = await readPackageJson(found, 'metadata.json', metadataSchema).catch(() => ({
    categories: {},
  }));
  const license = info.license.spdx ?? info.license.title;
  if (info.palette) throw new Error(`${command}: the icons of ${name} have colors; leave it out of --sets`);
  if (!allLicenses && !cleanLicenses.includes(license)) {
    throw new Error(
      `${command}: ${name} is under ${license}, not one of ${cleanLicenses.join(', ')}; leave it out of --sets, or give --licenses all`,
    );
  }
  const brands = Object.entries(categories).filter(([category]) => brandCategory.test(category));
  return {
    name,
    title: info.name,
    version: found.version,
    license,
    licenseUrl: info.license.url ?? '',
    author: info.author.name,
    brands: new Set(brands.flatMap(([, members]) => members)),
    icons: Object.entries(icons)
      .filter(([, { hidden }]) => !hidden)
      .map(([iconName, own]) => {
        const side = (key: 'width' | 'height') => own[key] ?? shared[key] ?? 16;
        const viewBox = [
          own.left ?? shared.left ?? 0,
          own.top ?? shared.top ?? 0,
          side('width'),
          side('height'),
        ] as const;
        return { name: iconName, body: own.body, viewBox };
      }),
  };
}
