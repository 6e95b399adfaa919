import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { unknownName } from '../../core/suggest.ts';
import type { FoundPackage, PackageNeed } from '../packages/find-packages.ts';
import { readPackageJson } from '../packages/read-package-json.ts';
import { plainCode } from './styles.ts';

/** The words of Unicode's CLDR in many languages, MIT license. */
export const annotationPackage: PackageNeed = { name: 'emojibase-data', version: '17.0.0' };

/** What an emoji means, and where Unicode files it. */
export interface EmojiConcept {
  /** Its code points without the variation selector, in capitals. */
  readonly code: string;
  readonly label: string;
  /** CLDR's keywords, and last the name of the sub-group in the language of the words: `mammals`. */
  readonly tags: readonly string[];
  /** In English, whatever the language of the words: `smileys-emotion`. */
  readonly group: string;
  readonly subgroup: string;
}

const dataSchema = z.array(
  z.object({
    hexcode: z.string(),
    label: z.string().min(1),
    order: z.number().optional(),
    group: z.number().optional(),
    subgroup: z.number().optional(),
    tags: z.array(z.string()).default([]),
  }),
);
const messagesSchema = z.object({ subgroups: z.array(z.object({ key: z.string(), message: z.string().min(1) })) });
const groupsSchema = z.object({
  groups: z.record(z.string(), z.string()),
  subgroups: z.record(z.string(), z.string()),
});

/**
 * The concepts without skin tones, in the order of Unicode, with words of a language.
 *
 * @throws if the package has no such language, naming the nearest
 */
export async function readConcepts(found: FoundPackage, language: string): Promise<EmojiConcept[]> {
  const languages: string[] = [];
  for (const name of (await readdir(found.folder)).sort()) {
    if (
      await stat(join(found.folder, name, 'data.json')).then(
        (file) => file.isFile(),
        () => false,
      )
    )
      languages.push(name);
  }
  if (!languages.includes(language)) throw new Error(`data emoji: ${unknownName('language', language, languages)}`);
  const data = await readPackageJson(found, `${language}/data.json`, dataSchema);
  const names = await readPackageJson(found, 'meta/groups.json', groupsSchema);
  const { subgroups } = await readPackageJson(found, `${language}/messages.json`, messagesSchema);
  const kinds = new Map(subgroups.map(({ key, message }) => [key, message]));
  return data
    .flatMap(({ hexcode, label, order, group, subgroup, tags }) => {
      const [groupName, subgroupName] = [names.groups[group ?? -1], names.subgroups[subgroup ?? -1]];
      // The letters that flags are spelled with are no emoji of their own, and have no place in the order.
      if (order === undefined || groupName === undefined || subgroupName === undefined) return [];
      const words = new Set([...tags, ...(kinds.has(subgroupName) ? [kinds.get(subgroupName)!] : [])]);
      words.delete(label);
      return [
        {
          order,
          concept: { code: plainCode(hexcode), label, tags: [...words], group: groupName, subgroup: subgroupName },
        },
      ];
    })
    .sort((a, b) => a.order - b.order)
    .map(({ concept }) => concept);
}
