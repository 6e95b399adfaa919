import type { Words } from '../shell/language.ts';

/** The page of the notes, which are files of their own: docs/notes.zh.md and docs/notes.en.md. */
export const notesWords = { loading: { zh: '正在载入笔记…', en: 'Loading the notes …' } } as const satisfies Words;
