/** Synonyms that designers wrote for their icons: "trash" is also garbage, bin, rubbish. */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { findPackage, type FoundPackage, type PackageNeed } from '../packages/find-packages.ts';
import { readPackageJson } from '../packages/read-package-json.ts';

/** A package with synonyms for the icons of a set. */
interface TagSource {
  readonly set: string;
  readonly package: PackageNeed;
  /** Words by the name of an icon. */
  readonly read: (found: FoundPackage) => Promise<ReadonlyMap<string, readonly string[]>>;
}

/** Designers write numbers among their words, and empty places: what is text counts. */
const words = z
  .array(z.unknown())
  .nullish()
  .transform((all) => (all ?? []).filter((word) => typeof word === 'string'));

const tagSources: readonly TagSource[] = [
  {
    set: 'lucide',
    package: { name: 'lucide-static', version: '1.30.0' },
    read: async (found) =>
      new Map(Object.entries(await readPackageJson(found, 'tags.json', z.record(z.string(), words)))),
  },
  {
    set: 'tabler',
    package: { name: '@tabler/icons', version: '3.48.0' },
    read: async (found) => {
      const icons = await readPackageJson(found, 'icons.json', z.record(z.string(), z.object({ tags: words })));
      return new Map(Object.entries(icons).map(([name, { tags }]) => [name, tags]));
    },
  },
  {
    set: 'ph',
    package: { name: '@phosphor-icons/core', version: '2.1.1' },
    read: async (found) => {
      const schema = z.object({ icons: z.array(z.object({ name: z.string(), tags: words })) });
      const module: unknown = await import(pathToFileURL(join(found.folder, 'dist/index.mjs')).href);
      return new Map(schema.parse(module).icons.map(({ name, tags }) => [name, tags]));
    },
  },
  {
    set: 'mdi',
    package: { name: '@mdi/svg', version: '7.4.47' },
    read: async (found) => {
      const schema = z.array(z.object({ name: z.string(), aliases: words }));
      const icons = await readPackageJson(found, 'meta.json', schema);
      return new Map(icons.map(({ name, aliases }) => [name, aliases.map((alias) => alias.replaceAll('-', ' '))]));
    },
  },
];

/** Packages whose synonyms are read where they are installed. */
export const tagPackages: readonly PackageNeed[] = tagSources.map((source) => source.package);

/** Synonyms, and the packages that they are from. */
export interface IconTags {
  /** By set, then by the icon's name. */
  readonly bySet: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  readonly versions: Readonly<Record<string, string>>;
}

/** Reads the synonyms of the sets that there are. A package that is not installed leaves its set without. */
export async function readIconTags(sets: readonly string[], packages: string): Promise<IconTags> {
  const bySet = new Map<string, ReadonlyMap<string, readonly string[]>>();
  const versions: Record<string, string> = {};
  for (const { set, package: need, read } of tagSources) {
    if (!sets.includes(set)) continue;
    const found = await findPackage(need.name, resolve(packages));
    if (!found) continue;
    bySet.set(set, await read(found));
    versions[need.name] = found.version;
  }
  return { bySet, versions };
}

/** The most synonyms of a caption; what all sets say of a common one would be a page. */
const mostTags = 24;

/**
 * Synonyms of each caption: those of all its icons, in the order in which they come, without the caption itself and
 * without what is no word.
 */
export function tagsByCaption(
  icons: readonly { readonly set: string; readonly tagName: string; readonly caption: string }[],
  { bySet }: IconTags,
): Map<string, string[]> {
  const all = new Map<string, Set<string>>();
  for (const { set, tagName, caption } of icons) {
    for (const tag of bySet.get(set)?.get(tagName) ?? []) {
      const text = tag.trim().toLowerCase();
      if (text === caption || !/^\p{L}[\p{L} ’'&-]*$/u.test(text)) continue;
      if (!all.has(caption)) all.set(caption, new Set());
      all.get(caption)!.add(text);
    }
  }
  return new Map([...all].map(([caption, tags]) => [caption, [...tags].slice(0, mostTags)]));
}
