import { prose, tex } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of the forward process. */
export const forwardWords = {
  lead: {
    zh: prose`前向过程不学习任何东西：它把图像 $x_0$ 一步一步变成噪声 $x_T$。每一步把图像缩小一点，再加一点高斯噪声。`,
    en: prose`The forward process learns nothing: it turns an image $x_0$ into noise $x_T$, step by step. Each step shrinks the image a little and adds a little Gaussian noise.`,
  },
  walkTitle: { zh: prose`从 $x_0$ 到 $x_T$`, en: prose`From $x_0$ to $x_T$` },
  walk: {
    zh: prose`一步一步走，是 $t$ 次乘加；用闭式，是一次。两幅图像不同，因为噪声不同；它们的分布相同。均值和标准差写在图像下面。`,
    en: prose`Step by step it takes $t$ multiplications and additions; in closed form it takes one. The two images differ, since their noise does; their distribution is the same. Mean and deviation stand under each image.`,
  },
  walkBars: {
    zh: prose`记 $\alpha_t = 1-\beta_t$，$\abar_t = \prod_{i\le t}\alpha_i$。信号的系数 $\sig{\sqrt{\abar_t}}$ 降到 0，噪声的系数 $\noi{\sqrt{1-\abar_t}}$ 升到 1，平方和总是 1。`,
    en: prose`With $\alpha_t = 1-\beta_t$ and $\abar_t = \prod_{i\le t}\alpha_i$. The scale of the signal $\sig{\sqrt{\abar_t}}$ falls to 0, that of the noise $\noi{\sqrt{1-\abar_t}}$ rises to 1, and their squares always add up to 1.`,
  },
  iterated: { zh: '迭代', en: 'Step by step' },
  closed: { zh: '闭式', en: 'Closed form' },
  clean: { zh: '原图', en: 'Image' },
  schedule: { zh: '噪声表', en: 'Schedule' },
  steps: { zh: prose`步数 $T$`, en: prose`Steps $T$` },
  time: { zh: prose`时刻 $t$`, en: prose`Time $t$` },
  seed: { zh: '随机种子', en: 'Seed' },
  signal: { zh: '信号 √ᾱ', en: 'signal √ᾱ' },
  noise: { zh: '噪声 √(1−ᾱ)', en: 'noise √(1−ᾱ)' },
  scalesChart: { zh: '信号与噪声的系数随 t 的变化', en: 'Scales of signal and noise over t' },
  scheduleRefused: { zh: '这个噪声表不行：{why}', en: 'This schedule cannot be: {why}' },

  mergeTitle: { zh: '两个高斯合成一个', en: 'Two Gaussians merge into one' },
  merge: {
    zh: prose`走两步，加了两次独立的噪声。独立高斯之和还是高斯，*方差*相加（不是标准差）：`,
    en: prose`Two steps add independent noise twice. A sum of independent Gaussians is a Gaussian, and *variances* add up (deviations do not):`,
  },
  mergeEnd: {
    zh: prose`所以两次噪声就是一次噪声 $\noi{\sqrt{1-\alpha_t\alpha_{t-1}}}\,\eps$。一直这样合并下去，就得到闭式 $q(x_t\mid x_0)$。`,
    en: prose`So the two are one noise, $\noi{\sqrt{1-\alpha_t\alpha_{t-1}}}\,\eps$. Merged again and again, they give the closed form $q(x_t\mid x_0)$.`,
  },
  first: { zh: '第一次的噪声', en: 'first noise' },
  second: { zh: '第二次的噪声', en: 'second noise' },
  sum: { zh: '和：N(0, 1−α₁α₂)', en: 'sum: N(0, 1−α₁α₂)' },
  sampled: {
    zh: '{count} 个样本之和的直方图；方差 {measured}，公式 {exact}',
    en: 'Histogram of {count} sampled sums; variance {measured}, by formula {exact}',
  },
  beta1: { zh: prose`$\beta_{t-1}$`, en: prose`$\beta_{t-1}$` },
  beta2: { zh: prose`$\beta_t$`, en: prose`$\beta_t$` },
  mergeChart: { zh: '两次噪声和它们之和的密度', en: 'Densities of the two noises and of their sum' },

  pixelsTitle: { zh: '像素的分布变成 N(0, 1)', en: 'Pixels become N(0, 1)' },
  pixels: {
    zh: prose`不管图像的像素原来怎样分布，$x_t$ 的像素都越来越像标准正态分布：$q(x_T\mid x_0)\approx\mathcal N(0, I)$。所以生成可以从纯噪声开始。拖动上面的 $t$，或者按播放。`,
    en: prose`However the pixels of an image are distributed, those of $x_t$ approach a standard normal: $q(x_T\mid x_0)\approx\mathcal N(0, I)$. That is why generation can begin with pure noise. Move $t$ above, or press play.`,
  },
  pixelsChart: {
    zh: 'x_t 像素值的直方图，与 N(0, 1) 的密度',
    en: 'Histogram of the pixels of x_t, with the density of N(0, 1)',
  },
  pixelsBars: { zh: 'x_t 的像素', en: 'pixels of x_t' },

  whyTitle: { zh: '为什么要有前向过程？', en: 'Why a forward process?' },
  why1: {
    zh: prose`我们想要的是反过来走：从噪声到图像。但 $q(x_{t-1}\mid x_t)$ 不容易估计，因为它需要整个数据集。`,
    en: prose`What is wanted is the way back: from noise to images. But $q(x_{t-1}\mid x_t)$ is not easily estimated, because it needs the entire data set.`,
  },
  why2: {
    zh: prose`前向过程造出训练数据：任取一幅 $x_0$、一个 $t$、一份噪声 $\eps$，闭式立刻给出 $x_t$，而答案 $\eps$ 是已知的。网络只需学会回答：这里面加了什么噪声？`,
    en: prose`The forward process makes the training data: take any $x_0$, any $t$ and any noise $\eps$, and the closed form gives $x_t$ at once, with the answer $\eps$ known. The network only has to learn to say what noise was added.`,
  },
  why3: {
    zh: prose`而且一旦知道 $x_0$，回头的一步就有公式：$q(x_{t-1}\mid x_t, x_0)$ 是高斯分布（贝叶斯）。反向过程用网络的估计代替 $x_0$。`,
    en: prose`And for somebody who knows $x_0$, the step back has a formula: $q(x_{t-1}\mid x_t, x_0)$ is a Gaussian, by Bayes. The reverse process puts the network's estimate in the place of $x_0$.`,
  },
  meaningX0: { zh: '原图', en: 'the clean image' },
  meaningXt: {
    zh: prose`时刻 $t$ 的图像；代码里 $t$ 从 0 数，−1 是原图`,
    en: prose`the image at time $t$; code counts $t$ from 0, and −1 is the clean image`,
  },
  meaningBeta: { zh: '一步的方差', en: 'the variance of one step' },
  meaningAlphaBar: { zh: prose`$\alpha$ 的累积乘积`, en: prose`the product of all $\alpha$ so far` },
  meaningAlpha: { zh: '信号的系数；不是论文的 α_t', en: "the scale of the signal; not the papers' α_t" },
  meaningSigma: { zh: '噪声的系数', en: 'the scale of the noise' },
  meaningQSample: { zh: '闭式', en: 'the closed form' },
  meaningQStep: { zh: '一步', en: 'one step' },
} as const satisfies Words;

/** The formulas of the page. */
export const forwardFormulas = {
  step: tex`x_t=\sig{\sqrt{\alpha_t}}\,x_{t-1}+\noi{\sqrt{1-\alpha_t}}\,z_t,\quad z_t\sim\mathcal N(0,I)`,
  closed: tex`x_t=\sig{\sqrt{\abar_t}}\,x_0+\noi{\sqrt{1-\abar_t}}\,\eps,\quad \eps\sim\mathcal N(0,I)`,
  two: tex`\begin{aligned}x_t&=\sqrt{\alpha_t\alpha_{t-1}}\,x_{t-2}\\&\quad+\noi{\sqrt{\alpha_t(1-\alpha_{t-1})}}\,z_1+\noi{\sqrt{1-\alpha_t}}\,z_2\end{aligned}`,
  variances: tex`\alpha_t(1-\alpha_{t-1})+(1-\alpha_t)=1-\alpha_t\alpha_{t-1}`,
  posterior: tex`\begin{aligned}q(x_{t-1}\mid x_t,x_0)&=\mathcal N(\tilde\mu_t,\tilde\beta_t I)\\ \tilde\mu_t&=\tfrac{\sqrt{\abar_{t-1}}\,\beta_t}{1-\abar_t}x_0+\tfrac{\sqrt{\alpha_t}(1-\abar_{t-1})}{1-\abar_t}x_t\\ \tilde\beta_t&=\tfrac{1-\abar_{t-1}}{1-\abar_t}\beta_t\end{aligned}`,
} as const;

/** Symbols of the page and their names in code. */
export const forwardSymbols = [
  { symbol: prose`$x_0$`, code: 'x0', meaning: forwardWords.meaningX0 },
  { symbol: prose`$x_t$`, code: 'xt', meaning: forwardWords.meaningXt },
  { symbol: prose`$\beta_t$`, code: 'schedule.betas[t]', meaning: forwardWords.meaningBeta },
  { symbol: prose`$\abar_t$`, code: 'schedule.alphaBar(t)', meaning: forwardWords.meaningAlphaBar },
  { symbol: prose`$\sqrt{\abar_t}$`, code: 'schedule.alpha(t)', meaning: forwardWords.meaningAlpha },
  { symbol: prose`$\sqrt{1-\abar_t}$`, code: 'schedule.sigma(t)', meaning: forwardWords.meaningSigma },
  { symbol: prose`$q(x_t\mid x_0)$`, code: 'qSample(schedule, x0, [t], eps)', meaning: forwardWords.meaningQSample },
  { symbol: prose`$q(x_t\mid x_{t-1})$`, code: 'qStep(schedule, xPrev, [t], z)', meaning: forwardWords.meaningQStep },
] as const;
