/** The pages of the studio in the order of the notes. */
import type { Component } from 'svelte';
import type { Said } from './shell/language.ts';

/** A page: its name in the address, its title, and its component, loaded when it is opened. */
export interface StudioPage {
  readonly name: string;
  readonly title: Said;
  /** One line for the contents. */
  readonly about: Said;
  readonly load: () => Promise<{ readonly default: Component }>;
}

/** All pages; a page that is listed here is in the menu, in the contents and in the tests. */
export const pages: readonly StudioPage[] = [
  {
    name: 'forward',
    title: { zh: '前向过程', en: 'Forward process' },
    about: {
      zh: '给一幅图像一步一步加噪声，直到只剩下噪声。',
      en: 'Add noise to an image, step by step, until only noise is left.',
    },
    load: () => import('./pages/forward.svelte'),
  },
];
