import { prose, tex } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of Algorithm 2. */
export const algorithm2Words = {
  lead: {
    zh: prose`算法 2 用训练好的网络生成：从噪声开始，一步一步减去网络预测的噪声，再加上一点新的。这里一行一行地走，亮着的是正在运行的一行，下面是它碰到的张量。`,
    en: prose`Algorithm 2 generates with a trained network: from noise, step by step, remove what the network says is noise and add a little that is fresh. Here it goes line by line: the line that runs is lit, and below are the tensors that it touches.`,
  },
  title: { zh: '一行一行', en: 'Line by line' },
  line1: { zh: prose`$x_T\sim\mathcal N(0,I)$`, en: prose`$x_T\sim\mathcal N(0,I)$` },
  line2: { zh: prose`对 $t=T,\dots,1$：`, en: prose`for $t=T,\dots,1$:` },
  line3: {
    zh: prose`若 $t>1$，$\noi{z}\sim\mathcal N(0,I)$，否则 $z=0$`,
    en: prose`$\noi{z}\sim\mathcal N(0,I)$ if $t>1$, else $z=0$`,
  },
  line4: {
    zh: prose`$x_{t-1}=\frac1{\sqrt{\alpha_t}}\big(x_t-\frac{1-\alpha_t}{\sqrt{1-\abar_t}}\,\eps_\theta(x_t,t)\big)+\sigma_t\noi{z}$`,
    en: prose`$x_{t-1}=\frac1{\sqrt{\alpha_t}}\big(x_t-\frac{1-\alpha_t}{\sqrt{1-\abar_t}}\,\eps_\theta(x_t,t)\big)+\sigma_t\noi{z}$`,
  },
  line5: { zh: '循环结束', en: 'end for' },
  line6: { zh: prose`返回 $x_0$`, en: prose`return $x_0$` },
  where: {
    zh: prose`在 \`src/diffusion/samplers/ddpm.ts\` 里，第 3 行是 \`drawNoise(z, streams)\`，第 4 行写成后验 $q(x_{t-1}\mid x_t,\hat x_0)$ 的均值：与论文的式子相等，并且可以把 $\hat x_0$ 限制在图像的范围里，也可以跳过时刻。`,
    en: prose`In \`src/diffusion/samplers/ddpm.ts\` line 3 is \`drawNoise(z, streams)\`, and line 4 is written as the mean of the posterior $q(x_{t-1}\mid x_t,\hat x_0)$: equal to the paper's, and it lets $\hat x_0$ be held to the range of images and times be skipped.`,
  },
  numbers: {
    zh: 't = {t}：x̂₀ 的系数 {x0}，x_t 的系数 {xt}，噪声的标准差 σ_t {sigma}',
    en: 't = {t}: coefficient of x̂₀ {x0}, of x_t {xt}, deviation of the noise σ_t {sigma}',
  },
  steps: { zh: '步数', en: 'Steps' },
  seed: { zh: '随机种子', en: 'Seed' },
  class: { zh: '类别', en: 'Class' },
  prompt: { zh: '文字（模型读英文）', en: 'Prompt' },
  needsImage: {
    zh: '{name} 从小图像开始，不只从噪声开始；换一个模型。',
    en: '{name} begins with a smaller image, not with noise alone; take another model.',
  },
  position: { zh: '运行到', en: 'Position' },
  at: { zh: '第 {step} 步，第 {line} 行', en: 'step {step}, line {line}' },
  xt: { zh: prose`$x_t$`, en: prose`$x_t$` },
  eps: { zh: prose`$\eps_\theta(x_t,t)$`, en: prose`$\eps_\theta(x_t,t)$` },
  z: { zh: prose`$z$`, en: prose`$z$` },
  xs: { zh: prose`$x_{t-1}$`, en: prose`$x_{t-1}$` },
  hearXt: { zh: '这一步之前的图像', en: 'The image before the step' },
  hearEps: { zh: '网络预测的噪声', en: 'The noise that the network says' },
  hearZ: { zh: '新的噪声', en: 'The fresh noise' },
  hearXs: { zh: '这一步之后的图像', en: 'The image after the step' },
  waiting: { zh: '运行一次，再拖动滑块，一行一行地看。', en: 'Run it, then move the slider to go through its lines.' },
  meaningZ: { zh: '一步新加的噪声', en: 'the noise that a step adds' },
  meaningSigma: {
    zh: prose`这个噪声的标准差：\`fixed_small\` 是后验的 $\sqrt{\tilde\beta_t}$，\`fixed_large\` 是 $\sqrt{\beta_t}$，\`learned_range\` 由网络给出；不是 \`schedule.sigma\``,
    en: prose`the deviation of this noise: $\sqrt{\tilde\beta_t}$ of the posterior with \`fixed_small\`, $\sqrt{\beta_t}$ with \`fixed_large\`, what the network has learned with \`learned_range\`; not \`schedule.sigma\``,
  },
  meaningPosterior: { zh: '第 4 行的系数和方差', en: 'coefficients and variance of line 4' },
} as const satisfies Words;

/** The formula of line 4 as the code has it. */
export const algorithm2Formulas = {
  posterior: tex`x_{t-1}=\underbrace{\tfrac{\sqrt{\abar_{t-1}}\,\beta_t}{1-\abar_t}}_{\texttt{posterior.x0}}\hat x_0+\underbrace{\tfrac{\sqrt{\alpha_t}(1-\abar_{t-1})}{1-\abar_t}}_{\texttt{posterior.xt}}x_t+\sigma_t\noi{z}`,
} as const;

/** Symbols of the page and their names in code. */
export const algorithm2Symbols = [
  { symbol: prose`$z$`, code: 'z', meaning: algorithm2Words.meaningZ },
  {
    symbol: prose`$\sigma_t$`,
    code: 'Math.sqrt(posterior(schedule, t, s).variance)',
    meaning: algorithm2Words.meaningSigma,
  },
  {
    symbol: prose`$q(x_{t-1}\mid x_t,x_0)$`,
    code: 'posterior(schedule, t, s)',
    meaning: algorithm2Words.meaningPosterior,
  },
] as const;
