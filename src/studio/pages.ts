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
  {
    name: 'reverse',
    title: { zh: '反向过程', en: 'Reverse process' },
    about: {
      zh: '网络一步一步去噪声，旁边是整个数据集给出的精确答案。',
      en: 'A network removes noise step by step, next to the exact answer of the entire data set.',
    },
    load: () => import('./pages/reverse.svelte'),
  },
  {
    name: 'plane',
    title: { zh: '二维', en: 'Two dimensions' },
    about: {
      zh: '自己画点，几秒训练出一个模型，看它的箭头，旁边是精确答案。',
      en: 'Draw points, train a model on them in seconds, and see its arrows next to the exact ones.',
    },
    load: () => import('./pages/plane.svelte'),
  },
];
