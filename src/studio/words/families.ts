import { prose, tex } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of the families of generative models. */
export const familiesWords = {
  lead: {
    zh: prose`生成模型学的是数据的分布 $p(x)$。各家的不同在于学什么、怎样采样、能不能算出 $p(x)$。`,
    en: prose`A generative model learns the distribution $p(x)$ of data. Families differ in what they learn, how they sample, and whether they can say $p(x)$.`,
  },
  title: { zh: '各学各的', en: 'What each learns' },
  learns: { zh: '学什么', en: 'Learns' },
  samples: { zh: '怎样采样', en: 'Samples by' },
  likelihood: { zh: '似然', en: 'Likelihood' },
  calls: { zh: '一个样本问网络几次', en: 'Network calls for a sample' },
  gan: { zh: 'GAN', en: 'GAN' },
  vae: { zh: 'VAE', en: 'VAE' },
  flow: { zh: '可逆流', en: 'Normalizing flow' },
  diffusion: { zh: '扩散', en: 'Diffusion' },
  autoregressive: { zh: '自回归', en: 'Autoregressive' },
  ganLearns: {
    zh: prose`生成器 $G$ 骗过判别器 $D$，两者对弈`,
    en: prose`a generator $G$ that deceives a discriminator $D$, in a game of the two`,
  },
  ganSamples: { zh: prose`$x=G(z)$，一次`, en: prose`$x=G(z)$, at once` },
  ganLikelihood: { zh: '没有', en: 'none' },
  vaeLearns: {
    zh: prose`编码器 $q(z\mid x)$ 和解码器 $p(x\mid z)$`,
    en: prose`an encoder $q(z\mid x)$ and a decoder $p(x\mid z)$`,
  },
  vaeSamples: { zh: prose`先 $z\sim\mathcal N(0,I)$，再解码`, en: prose`$z\sim\mathcal N(0,I)$, then decoding` },
  vaeLikelihood: { zh: '下界', en: 'a lower bound' },
  flowLearns: {
    zh: prose`一个可逆的映射 $f$，噪声与数据一一对应`,
    en: prose`an invertible map $f$ between noise and data`,
  },
  flowSamples: { zh: prose`$x=f^{-1}(z)$，一次`, en: prose`$x=f^{-1}(z)$, at once` },
  flowLikelihood: { zh: '精确', en: 'exact' },
  diffusionLearns: {
    zh: prose`每一级噪声里加了什么：$\eps_\theta(x_t,t)$`,
    en: prose`what was added at every level of noise: $\eps_\theta(x_t,t)$`,
  },
  diffusionSamples: { zh: '从噪声一步一步回来', en: 'steps back from noise' },
  diffusionLikelihood: { zh: '下界', en: 'a lower bound' },
  autoregressiveLearns: {
    zh: prose`下一个值，给定前面的：$p(x_i\mid x_{<i})$`,
    en: prose`the next value, given those before: $p(x_i\mid x_{<i})$`,
  },
  autoregressiveSamples: { zh: '一个值接一个值', en: 'one value after the other' },
  autoregressiveLikelihood: { zh: '精确', en: 'exact' },
  callsOne: { zh: '1', en: '1' },
  callsSteps: { zh: '步数：10 到 1000', en: 'the steps: 10 to 1000' },
  callsValues: { zh: '每个值一次', en: 'one for each value' },
  here: { zh: '本项目里：{where}', en: 'In this project: {where}' },
  hereDiffusion: {
    zh: 'DDPM、DDIM、流匹配、EDM、文生图级联',
    en: 'DDPM, DDIM, flow matching, EDM, cascades of text to image',
  },
  hereNone: { zh: '还没有', en: 'not yet' },
  chart: { zh: '{name} 的示意图', en: 'Diagram of {name}' },
} as const satisfies Words;

/** What each family trains, as a formula. */
export const familyFormulas = {
  gan: tex`\min_G\max_D\ \mathbb E\,\ln D(x)+\mathbb E\,\ln\big(1-D(G(z))\big)`,
  vae: tex`\max\ \mathbb E_{q(z\mid x)}\ln p(x\mid z)-\mathrm{KL}\big(q(z\mid x)\,\Vert\,p(z)\big)`,
  flow: tex`\ln p(x)=\ln p\big(f(x)\big)+\ln\Big|\det\tfrac{\partial f}{\partial x}\Big|`,
  diffusion: tex`\min\ \mathbb E\,\lVert\noi{\eps}-\eps_\theta(\sig{\sqrt{\abar_t}}\,x_0+\noi{\sqrt{1-\abar_t}\,\eps},t)\rVert^2`,
  autoregressive: tex`\ln p(x)=\sum_i\ln p(x_i\mid x_{<i})`,
} as const;
