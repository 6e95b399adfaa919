import { prose, tex } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of text to image. */
export const whatWords = {
  lead: {
    zh: prose`写一句话，模型从噪声里做出一幅没有人画过的图像。DALL·E 2 分几个阶段：文字变成向量，先验猜出这样的图像该有的向量，解码器从噪声走到有这个向量的图像，最后放大。`,
    en: prose`Write a text, and out of noise a model makes an image that nobody has drawn. DALL·E 2 does it in stages: the text becomes a vector, the prior draws the vector that such an image would have, the decoder goes from noise to an image with that vector, and the last stage enlarges it.`,
  },
  title: { zh: '从文字到图像', en: 'From a text to an image' },
  chain: {
    zh: prose`文字 $y$ 到图像 $x$ 的路经过图像向量 $z$。右边的因子是先验，左边的是解码器，都是扩散模型。`,
    en: prose`The way from a text $y$ to an image $x$ goes through an image embedding $z$. The right factor is the prior, the left one the decoder, both of them diffusion models.`,
  },
  priorChoice: {
    zh: prose`先验采样出几个候选，留下和文字最近的一个：`,
    en: prose`The prior draws several candidates, and the one nearest to the text is kept:`,
  },
  guidanceText: {
    zh: prose`引导把每一步从“没有条件”推向“有条件”，$s$ 越大，越贴近文字，变化越少：`,
    en: prose`Guidance pushes each step from “without conditions” to “with them”. A larger $s$ follows the text more closely and varies less:`,
  },
  noPrior: {
    zh: prose`这里运行的 \`{model}\` 没有先验：文字的隐状态直接进入去噪网络。`,
    en: prose`\`{model}\`, which runs here, has no prior: the hidden states of the text enter the denoising network directly.`,
  },
  absent: {
    zh: '这个工作室里没有 dalle-2，现在用 {model}：没有先验的文生图。有 DALL·E 2 的文件夹就这样打开：kuosan studio --model models/dalle-2',
    en: 'There is no dalle-2 in this studio, so {model} runs here: text to image without a prior. Open a folder of DALL·E 2 with: kuosan studio --model models/dalle-2',
  },
  nothing: {
    zh: '这个工作室里没有文生图的模型；这样加一个：kuosan studio --model models/dalle-2',
    en: 'There is no model of text to image in this studio; add one with: kuosan studio --model models/dalle-2',
  },
  noText: { zh: '{name} 不读文字；换一个文生图的模型。', en: '{name} takes no text; take a model of text to image.' },
  needsImage: {
    zh: '{name} 放大图像，不从文字开始；换一个文生图的模型。',
    en: '{name} enlarges images and does not begin with a text; take a model of text to image.',
  },
  prompt: { zh: '提示词（英文）', en: 'What should the image show?' },
  seed: { zh: '随机种子', en: 'Seed' },
  steps: { zh: '步数', en: 'Steps' },
  guidance: { zh: prose`引导 $s$`, en: prose`Guidance $s$` },
  hearGuidance: { zh: '引导的强度', en: 'Guidance scale' },
  candidates: { zh: '先验的候选', en: 'Candidates of the prior' },
  own: { zh: '模型自己的', en: "model's own" },
  generate: { zh: '生成', en: 'Generate' },
  stages: { zh: '各个阶段', en: 'Stages' },
  working: { zh: '{stage}：第 {step} 步，共 {steps} 步', en: '{stage}: step {step} of {steps}' },
  stageText: { zh: '文字', en: 'Text' },
  stagePrior: { zh: '先验', en: 'Prior' },
  stageSample: { zh: '扩散', en: 'Diffusion' },
  stageDecoder: { zh: '解码器', en: 'Decoder' },
  stageUpsampler: { zh: '放大', en: 'Upsampler' },
  stageImage: { zh: '图像', en: 'Image' },
  result: { zh: '“{prompt}”，种子 {seed}', en: '“{prompt}”, seed {seed}' },
  waiting: { zh: '运行一次，图像就出现在这里。', en: 'Run it, and the image appears here.' },

  textEmbedding: {
    zh: '文字的向量：{width} 个数。蓝的是正，橙的是负。',
    en: "The text's embedding: {width} numbers. Blue is positive, orange negative.",
  },
  textStates: {
    zh: '文字的隐状态：{tokens} 个词元，各 {width} 个数。蓝的是正，橙的是负。',
    en: "The text's hidden states: {tokens} tokens of {width} numbers. Blue is positive, orange negative.",
  },
  hearText: { zh: '文字的数，画成颜色', en: 'The numbers of the text, drawn as colors' },
  priorText: {
    zh: '{count} 个图像向量的候选，各自和文字的余弦；留下最大的。',
    en: '{count} candidates for the image embedding, each with its cosine to the text; the largest is kept.',
  },
  kept: { zh: '{cosine} · 留下', en: '{cosine} · kept' },
  hearCandidate: { zh: '候选 {i}，和文字的余弦 {cosine}', en: 'Candidate {i}, cosine to the text {cosine}' },
  decoderText: {
    zh: prose`采样器的状态 $x_t$，和网络此刻估计的图像 $\hat x_0$。`,
    en: prose`The sampler's state $x_t$, and the image $\hat x_0$ that the network estimates from it.`,
  },
  upsamplerText: {
    zh: prose`小图像放大后，作为条件；细节由扩散补上。`,
    en: prose`The small image, enlarged, is the condition; diffusion adds the details.`,
  },
  xt: { zh: prose`$x_t$`, en: prose`$x_t$` },
  x0: { zh: prose`$\hat x_0$`, en: prose`$\hat x_0$` },
  hearXt: { zh: '{stage}：x_t，第 {step} 步', en: '{stage}: x_t, step {step}' },
  hearX0: { zh: '{stage}：估计的图像，第 {step} 步', en: '{stage}: the estimated image, step {step}' },
  position: { zh: '看哪一步', en: 'Step' },
  at: { zh: '{step} / {steps}', en: '{step} of {steps}' },

  meaningY: { zh: '文字的向量', en: "the text's embedding" },
  meaningZ: { zh: '先验给出的候选', en: 'a candidate that the prior draws' },
  meaningXt: { zh: '一步之后的状态', en: 'the state after a step' },
  meaningX0: { zh: '这一步估计的图像', en: 'the image as estimated in the step' },
  meaningS: { zh: '引导的强度', en: 'how strongly the text is followed' },
} as const satisfies Words;

/** The formulas of the page. */
export const whatFormulas = {
  chain: tex`p(x\mid y)=\underbrace{p(x\mid z,y)}_{\text{decoder}}\;\underbrace{p(z\mid y)}_{\text{prior}}`,
  choice: tex`z=\arg\max_{z^{(i)}\sim p(z\mid y)}\ \cos\big(z^{(i)},\,T(y)\big)`,
  guidance: tex`\hat\eps=\eps_\theta(x_t,\varnothing)+s\,\big(\eps_\theta(x_t,z,y)-\eps_\theta(x_t,\varnothing)\big)`,
} as const;

/** Symbols of the page and their names in code. */
export const whatSymbols = [
  { symbol: prose`$T(y)$`, code: 'await generator.clip.embedTexts([prompt])', meaning: whatWords.meaningY },
  { symbol: prose`$z^{(i)}$`, code: 'GenerateProgress.candidate', meaning: whatWords.meaningZ },
  { symbol: prose`$x_t$`, code: 'GenerateProgress.xt', meaning: whatWords.meaningXt },
  { symbol: prose`$\hat x_0$`, code: 'GenerateProgress.preview', meaning: whatWords.meaningX0 },
  { symbol: prose`$s$`, code: 'sampling.guidanceScale', meaning: whatWords.meaningS },
] as const;
