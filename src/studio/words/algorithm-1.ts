import { prose, tex } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of Algorithm 1. */
export const algorithm1Words = {
  lead: {
    zh: prose`算法 1 训练网络：取一幅图像、一个时刻、一份噪声，让网络说出噪声，朝错得更少的方向走一步。这里训练的就是 \`kuosan demo\` 的模型，从随机权重开始，在你的浏览器里。`,
    en: prose`Algorithm 1 trains the network: take an image, a time and some noise, let the network say the noise, and take a step that makes it less wrong. What is trained here is the model of \`kuosan demo\`, from random weights, in your browser.`,
  },
  title: { zh: '在页面里训练', en: 'Train in the page' },
  line1: { zh: prose`重复`, en: prose`repeat` },
  line2: { zh: prose`$x_0\sim q(x_0)$：从图像里任取一批`, en: prose`$x_0\sim q(x_0)$: a batch of the images` },
  line3: { zh: prose`$t\sim\mathrm{Uniform}(1,\dots,T)$`, en: prose`$t\sim\mathrm{Uniform}(1,\dots,T)$` },
  line4: { zh: prose`$\noi{\eps}\sim\mathcal N(0,I)$`, en: prose`$\noi{\eps}\sim\mathcal N(0,I)$` },
  line5: {
    zh: prose`沿梯度走一步：$\nabla_\theta\lVert\noi{\eps}-\eps_\theta(\sig{\sqrt{\abar_t}}x_0+\noi{\sqrt{1-\abar_t}\,\eps},t)\rVert^2$`,
    en: prose`take a gradient step on $\nabla_\theta\lVert\noi{\eps}-\eps_\theta(\sig{\sqrt{\abar_t}}x_0+\noi{\sqrt{1-\abar_t}\,\eps},t)\rVert^2$`,
  },
  line6: { zh: prose`直到满意为止`, en: prose`until converged` },
  where: {
    zh: prose`第 3、4 行是 \`denoisingInputs\`，第 5 行的损失是 \`denoisingLoss\`；梯度和 Adam 与它们在同一张图里，一次运行就是一步。`,
    en: prose`Lines 3 and 4 are \`denoisingInputs\`, the loss of line 5 is \`denoisingLoss\`; the gradient and Adam are in the same graph, and one run of it is one step.`,
  },
  byNoiseText: {
    zh: prose`一个平均损失藏起了两头：几乎干净的图像难（柱子在左），几乎全是噪声的容易（在右）。`,
    en: prose`One mean hides both ends: in almost clean images the noise is hard to see (left), in almost pure noise it is easy (right).`,
  },
  images: { zh: '图像', en: 'Images' },
  imagesSmileys: { zh: '{count} 个表情', en: '{count} emoji' },
  imagesOwn: { zh: '{count} 幅自己的图像', en: '{count} images of yours' },
  chooseImages: { zh: '选自己的图像…', en: 'Choose your images …' },
  useSmileys: { zh: '用表情', en: 'Use emoji' },
  batch: { zh: '一批的图像', en: 'Images of a batch' },
  every: { zh: '每多少步采样', en: 'Steps between samples' },
  seed: { zh: '随机种子', en: 'Seed' },
  start: { zh: '训练', en: 'Train' },
  goOn: { zh: '从第 {step} 步继续', en: 'Go on from step {step}' },
  standing: {
    zh: '第 {step} 步，损失 {loss}，每秒 {rate} 步，{device}',
    en: 'step {step}, loss {loss}, {rate} steps a second, {device}',
  },
  opening: { zh: '正在编译训练的一步…', en: 'Compiling the step of training …' },
  sampling: { zh: '正在采样…', en: 'Sampling …' },
  kept: {
    zh: '第 {step} 步已存在这个浏览器里；关掉再来，会接着训练。',
    en: 'Step {step} is kept in this browser; close the page, and it goes on from there.',
  },
  notKept: {
    zh: '这个浏览器存不下训练（{why}）；关掉页面前请保存模型。',
    en: 'This browser cannot keep the training ({why}); save the model before you close the page.',
  },
  forget: { zh: '重新开始', en: 'Start over' },
  save: { zh: '保存模型文件夹 (.zip)', en: 'Save the model folder (.zip)' },
  saved: { zh: '解压后：npx kuosan sample {name}', en: 'Unpack it, then: npx kuosan sample {name}' },
  lossChart: { zh: '损失随步数的变化', en: 'Loss over steps' },
  loss: { zh: '损失', en: 'loss' },
  byNoiseChart: {
    zh: '各级噪声的平均损失，从几乎干净到几乎全是噪声',
    en: 'Mean loss by level of noise, from almost clean to almost pure noise',
  },
  byNoise: { zh: '各级噪声的损失', en: 'loss by level of noise' },
  sampleLabel: { zh: '样本 {i}，第 {step} 步', en: 'Sample {i}, step {step}' },
  samplesAt: { zh: '第 {step} 步的样本', en: 'Samples after step {step}' },
  meaningX0: { zh: '一批图像', en: 'a batch of images' },
  meaningEps: { zh: '抽取的噪声', en: 'the noise that was drawn' },
  meaningTheta: { zh: '网络的权重', en: "the network's weights" },
  meaningEma: { zh: '权重的滑动平均，采样用它', en: 'the moving average of the weights, which samples' },
} as const satisfies Words;

/** The formula of the loss. */
export const algorithm1Formulas = {
  loss: tex`L_\text{simple}=\mathbb E_{x_0,t,\eps}\lVert\noi{\eps}-\eps_\theta(x_t,t)\rVert^2`,
} as const;

/** Symbols of the page and their names in code. */
export const algorithm1Symbols = [
  { symbol: prose`$x_0$`, code: 'x0', meaning: algorithm1Words.meaningX0 },
  { symbol: prose`$\eps$`, code: 'noise', meaning: algorithm1Words.meaningEps },
  { symbol: prose`$\theta$`, code: 'params/…', meaning: algorithm1Words.meaningTheta },
  { symbol: prose`$\bar\theta$`, code: 'ema/…', meaning: algorithm1Words.meaningEma },
] as const;
