/** The studio's languages. */
import { remembered } from './remembered.ts';

/** The languages that every string has. */
export const languages = ['zh', 'en'] as const;
/** One of `languages`. */
export type Language = (typeof languages)[number];

/** One string in every language. */
export type Said = Readonly<Record<Language, string>>;
/** What a page says, by names of its own. */
export type Words = Readonly<Record<string, Said>>;

/** The visitor's language: the one chosen, else the browser's. */
export const language = remembered<Language>('kuosan-language', languages, preferred());

function preferred(): Language {
  const asked = typeof navigator === 'undefined' ? [] : (navigator.languages ?? []);
  return asked.map((tag) => tag.slice(0, 2)).find((tag): tag is Language => tag === 'zh' || tag === 'en') ?? 'en';
}

/** A string with values in the place of `{names}`. */
export function withValues(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
