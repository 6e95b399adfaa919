import { prose, tex } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of the reverse process. */
export const reverseWords = {
  lead: {
    zh: prose`反向过程从噪声 $x_T$ 走回图像。每一步问网络一个问题：这里面有什么噪声？回答 $\hat\eps$ 给出原图的估计 $\hat x_0$，有了它，回头的一步就有公式。`,
    en: prose`The reverse process goes from noise $x_T$ back to an image. Each step asks the network one question: what noise is in this? Its answer $\hat\eps$ gives an estimate $\hat x_0$ of the image, and with that the step back has a formula.`,
  },
  askTitle: { zh: '问网络一个问题', en: 'One question to the network' },
  askText: {
    zh: prose`给一幅图像加噪声到时刻 $t$，然后问：原图是什么？网络只见过训练集，没见过这份噪声。误差是与真的 $\eps$ 相差的均方：它就是训练的损失。`,
    en: prose`Add noise to an image up to time $t$, then ask for the image. The network has learned from its data set and never saw this noise. The error is the mean square of the difference to the true $\eps$: the loss of training.`,
  },
  exactText: {
    zh: prose`“$q(x_{t-1}\mid x_t)$ 不容易估计，因为它需要整个数据集”：这里就是。169 个表情足够少，可以全部算出来：$x_t$ 来自每个表情 $x_i$ 的概率 $p(i\mid x_t)$，它们的加权平均就是最好的估计。`,
    en: prose`“We cannot easily estimate $q(x_{t-1}\mid x_t)$, because it needs the entire data set”: here it is. 169 emoji are few enough to compute with all of them: the probability $p(i\mid x_t)$ that $x_t$ comes from emoji $x_i$, and their weighted mean, which is the best estimate there is.`,
  },
  time: { zh: prose`时刻 $t$`, en: prose`Time $t$` },
  seed: { zh: '随机种子', en: 'Seed' },
  noised: { zh: prose`$x_t$`, en: prose`$x_t$` },
  x0Network: { zh: prose`$\hat x_0$ 网络`, en: prose`$\hat x_0$ network` },
  x0Exact: { zh: prose`$\hat x_0$ 整个数据集`, en: prose`$\hat x_0$ entire data set` },
  epsNetwork: { zh: prose`$\hat\eps$ 网络`, en: prose`$\hat\eps$ network` },
  epsExact: { zh: prose`$\hat\eps$ 整个数据集`, en: prose`$\hat\eps$ entire data set` },
  hearEpsExact: { zh: '整个数据集给出的噪声', en: 'The noise from the entire data set' },
  epsTrue: { zh: prose`$\eps$ 真的`, en: prose`$\eps$ true` },
  hearXt: { zh: '加了噪声的图像', en: 'The noised image' },
  hearX0: { zh: '网络估计的原图', en: "The network's estimate of the image" },
  hearExact: { zh: '整个数据集给出的估计', en: 'The estimate from the entire data set' },
  hearEps: { zh: '网络估计的噪声', en: "The network's estimate of the noise" },
  hearTrue: { zh: '真的噪声', en: 'The true noise' },
  error: { zh: '误差 {value}', en: 'error {value}' },
  errors: { zh: '所有时刻的误差', en: 'Errors at all times' },
  errorChart: {
    zh: '噪声的均方误差随 t 的变化：网络和整个数据集',
    en: 'Mean squared error of the noise over t: network and entire data set',
  },
  network: { zh: '网络', en: 'network' },
  exact: { zh: '整个数据集', en: 'entire data set' },

  walkTitle: { zh: '从噪声到图像', en: 'From noise to an image' },
  walkText: {
    zh: prose`同一个种子，几种采样器并排走。DDPM 每一步加新的噪声，DDIM 不加；DPM-Solver++ 用少得多的步数。最后一个没有网络，只有整个数据集：它走到底，总是数据里的一幅图像。学得完美的网络只会背诵；生成新图像，靠的是它的误差。`,
    en: prose`One seed, several samplers side by side. DDPM adds fresh noise at every step, DDIM none; DPM-Solver++ needs far fewer steps. The last has no network, only the entire data set: it always ends at one of its images. A perfect network would recite; what makes new images is that it is not.`,
  },
  steps: { zh: '步数', en: 'Steps' },
  progress: { zh: '走到', en: 'Progress' },
  show: { zh: '显示', en: 'Show' },
  showXt: { zh: 'x_t：采样器的状态', en: "x_t: the sampler's state" },
  showX0: { zh: 'x̂₀：估计的原图', en: 'x̂₀: the estimated image' },
  showEps: { zh: 'ε̂：估计的噪声', en: 'ε̂: the estimated noise' },
  lane: { zh: '{name}，第 {step} 步，共 {steps} 步', en: '{name}, step {step} of {steps}' },
  laneSteps: { zh: '{step} / {steps} 步', en: 'step {step} of {steps}' },
  otherShape: {
    zh: '{name} 的样本是 {shape}，这一页要 3 × 32 × 32 的彩色图像；换一个模型。',
    en: 'A sample of {name} is {shape}, and this page needs color images of 32 × 32; take another model.',
  },
  conditioned: {
    zh: '{name} 需要条件（{names}），这一页没有；换一个模型。',
    en: '{name} is conditioned on {names}, which this page does not have; take another model.',
  },
  meaningEps: { zh: '网络的回答', en: "the network's answer" },
  meaningX0: { zh: '原图的估计', en: 'the estimate of the image' },
  meaningXs: { zh: '一步之后的图像', en: 'the image after a step' },
  meaningEta: { zh: '0 是 DDIM，1 是 DDPM 的方差', en: "0 is DDIM, 1 has DDPM's variance" },
  meaningExact: { zh: '整个数据集的估计', en: 'the estimate from the entire data set' },
} as const satisfies Words;

/** The formulas of the page. */
export const reverseFormulas = {
  x0: tex`\hat x_0=\frac{x_t-\noi{\sqrt{1-\abar_t}}\,\hat\eps}{\sig{\sqrt{\abar_t}}}`,
  error: tex`\tfrac1D\,\lVert\hat\eps-\eps\rVert^2`,
  exact: tex`\begin{aligned}p(i\mid x_t)&=\operatorname{softmax}_i\Big(-\tfrac{\lVert x_t-\sig{\sqrt{\abar_t}}\,x_i\rVert^2}{2(1-\abar_t)}\Big)\\ \hat x_0&=\textstyle\sum_i p(i\mid x_t)\,x_i\end{aligned}`,
  ddpm: tex`x_{t-1}=\tfrac{1}{\sqrt{\alpha_t}}\Big(x_t-\tfrac{\beta_t}{\sqrt{1-\abar_t}}\,\hat\eps\Big)+\sigma_t z`,
  ddim: tex`x_s=\sig{\sqrt{\abar_s}}\,\hat x_0+\noi{\sqrt{1-\abar_s}}\,\hat\eps`,
} as const;

/** Symbols of the page and their names in code. */
export const reverseSymbols = [
  {
    symbol: prose`$\hat\eps=\eps_\theta(x_t,t)$`,
    code: '(await denoise(xt, [t], {})).eps',
    meaning: reverseWords.meaningEps,
  },
  { symbol: prose`$\hat x_0$`, code: '(await denoise(xt, [t], {})).x0', meaning: reverseWords.meaningX0 },
  { symbol: prose`$x_s$`, code: 'SamplerState.xt', meaning: reverseWords.meaningXs },
  { symbol: prose`$\eta$`, code: 'eta', meaning: reverseWords.meaningEta },
  {
    symbol: prose`$\mathbb E[x_0\mid x_t]$`,
    code: 'datasetDenoiser(schedule, images)',
    meaning: reverseWords.meaningExact,
  },
] as const;
