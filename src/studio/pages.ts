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
    name: 'what',
    title: { zh: '它是什么', en: 'What it is' },
    about: {
      zh: '写一句话，看 DALL·E 2 分几个阶段把它变成图像。',
      en: 'Write a text, and see DALL·E 2 turn it into an image, stage by stage.',
    },
    load: () => import('./pages/what.svelte'),
  },
  {
    name: 'clip',
    title: { zh: 'CLIP：图与文', en: 'CLIP' },
    about: {
      zh: '你的图像对你的词：相似度、零样本分类、搜索。',
      en: 'Your images against your words: similarity, zero-shot classification, search.',
    },
    load: () => import('./pages/clip.svelte'),
  },
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
  {
    name: 'algorithm-1',
    title: { zh: '算法 1：训练', en: 'Algorithm 1: training' },
    about: {
      zh: '在页面里训练演示的模型：用表情，或者你自己的图像。',
      en: "Train the demo's model in the page, on emoji or on your own images.",
    },
    load: () => import('./pages/algorithm-1.svelte'),
  },
  {
    name: 'algorithm-2',
    title: { zh: '算法 2：采样', en: 'Algorithm 2: sampling' },
    about: {
      zh: '一行一行地走：亮着的是正在运行的一行，旁边是它碰到的张量。',
      en: 'Line by line: the one that runs is lit, next to the tensors that it touches.',
    },
    load: () => import('./pages/algorithm-2.svelte'),
  },
  {
    name: 'models',
    title: { zh: '生成模型', en: 'Generative models' },
    about: {
      zh: 'GAN、VAE、流、扩散、自回归：各学什么。',
      en: 'GAN, VAE, flow, diffusion, autoregressive: what each learns.',
    },
    load: () => import('./pages/models.svelte'),
  },
  {
    name: 'runs',
    title: { zh: '训练一览', en: 'Runs' },
    about: {
      zh: '看着 kuosan train 训练：曲线、样本、机器，几次训练放在一起比。',
      en: 'Watch kuosan train: curves, samples, the machine, and several runs next to each other.',
    },
    load: () => import('./pages/runs.svelte'),
  },
  {
    name: 'notes',
    title: { zh: '笔记', en: 'Notes' },
    about: {
      zh: '从前向过程到两个算法的全部数学，每一步都指向它的代码。',
      en: 'The whole mathematics from the forward process to both algorithms, each step with its line of code.',
    },
    load: () => import('./pages/notes.svelte'),
  },
];
