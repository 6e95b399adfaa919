import { prose, tex } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of two dimensions. */
export const planeWords = {
  lead: {
    zh: prose`在平面上，一切都看得见：数据是点，噪声是离开它们，网络学的是一片箭头。画一团点，几秒钟就训练好一个模型，精确的答案在它旁边。`,
    en: prose`In the plane everything can be seen: data are points, noise moves away from them, and what a network learns is a field of arrows. Draw a cloud, train a model on it in seconds, and see the exact answer next to it.`,
  },
  title: { zh: '画、训练、采样', en: 'Draw, train, sample' },
  text: {
    zh: prose`箭头是分数（score）：朝哪边走，点更像数据。它就是噪声估计换一个单位。蓝色是网络，橙色是精确的答案：每个数据点都算上。`,
    en: prose`The arrows are the score: where to go so that a point is more like the data. It is the estimate of the noise in other units. Blue is the network, orange the exact answer, computed from every point of the data.`,
  },
  flowText: {
    zh: prose`DDPM 一步步加高斯噪声；流（flow）走直线，从噪声 $\eps$ 到数据 $x_0$，网络学的是速度。同一个程序训练两者，只差一行配置。`,
    en: prose`DDPM adds Gaussian noise step by step; a flow goes in straight lines from noise $\eps$ to data $x_0$, and the network learns the velocity. One program trains both; they differ in a line of the configuration.`,
  },
  guideText: {
    zh: prose`两种颜色是两个类别。引导把估计推离“不知道类别”的估计：$s=1$ 是类别本身，更大的 $s$ 更典型、更不多样。`,
    en: prose`The two colors are two classes. Guidance pushes the estimate away from the one without a class: $s=1$ is the class as it is, a larger $s$ is more typical and less diverse.`,
  },
  cloud: { zh: '点', en: 'Points' },
  cloudMoons: { zh: '两个月牙', en: 'Two moons' },
  cloudSpiral: { zh: '螺旋', en: 'Spiral' },
  cloudRings: { zh: '两个圆环', en: 'Two rings' },
  cloudBlobs: { zh: '六团', en: 'Six blobs' },
  cloudOwn: { zh: '自己画', en: 'Drawn by hand' },
  brush: { zh: '画笔', en: 'Brush' },
  brush0: { zh: '第一类', en: 'First class' },
  brush1: { zh: '第二类', en: 'Second class' },
  clear: { zh: '清空', en: 'Clear' },
  plane: {
    zh: '平面：{count} 个数据点，箭头是时刻 {t} 的分数',
    en: 'The plane: {count} points of data, arrows show the score at time {t}',
  },
  drawHint: { zh: '在平面上拖动来画点。', en: 'Drag over the plane to draw points.' },
  process: { zh: '过程', en: 'Process' },
  processDdpm: { zh: 'DDPM（200 步）', en: 'DDPM (200 steps)' },
  processFlow: { zh: '流（rectified flow）', en: 'Rectified flow' },
  trainSteps: { zh: '训练步数', en: 'Training steps' },
  train: { zh: '训练', en: 'Train' },
  training: { zh: '第 {step} 步，共 {steps} 步，损失 {loss}', en: 'step {step} of {steps}, loss {loss}' },
  trained: {
    zh: '训练了 {steps} 步，用时 {seconds} 秒，损失 {loss}',
    en: 'trained {steps} steps in {seconds} s, loss {loss}',
  },
  sampler: { zh: '采样器', en: 'Sampler' },
  samplerSteps: { zh: '采样步数', en: 'Sampler steps' },
  seed: { zh: '随机种子', en: 'Seed' },
  sampleClass: { zh: '类别', en: 'Class' },
  class0: { zh: '第一类', en: 'First class' },
  class1: { zh: '第二类', en: 'Second class' },
  classAny: { zh: '两类', en: 'Both' },
  guidance: { zh: prose`引导 $s$`, en: prose`Guidance $s$` },
  sample: { zh: '采样', en: 'Sample' },
  samplesReady: {
    zh: '{count} 个样本；离最近的数据点，中位数 {network}（网络）、{exact}（精确）',
    en: '{count} samples; median distance to the nearest point of the data {network} (network), {exact} (exact)',
  },
  progress: { zh: '从噪声到数据', en: 'From noise to data' },
  showNetwork: { zh: '网络的箭头', en: 'Arrows of the network' },
  showExact: { zh: '精确的箭头', en: 'Exact arrows' },
  samplesNetwork: { zh: '网络的样本', en: "The network's samples" },
  samplesExact: { zh: '精确的样本', en: 'Exact samples' },
  tooFew: { zh: '至少画 4 个点，再训练。', en: 'Draw at least 4 points, then train.' },
  noneOfClass: { zh: '这个类别没有点；画几个，或者选两类。', en: 'The class has no points; draw some, or take both.' },
  meaningScore: { zh: '分数', en: 'the score' },
  meaningGuidance: { zh: '引导的强度', en: 'how much is guided' },
} as const satisfies Words;

/** The formulas of the page. */
export const planeFormulas = {
  score: tex`\nabla_{x}\ln p_t(x)=-\frac{\hat\eps(x,t)}{\noi{\sqrt{1-\abar_t}}}`,
  flow: tex`x_t=\sig{(1-t)}\,x_0+\noi{t}\,\eps,\quad u=\eps-x_0`,
  guidance: tex`\hat\eps\leftarrow\hat\eps(\varnothing)+s\,\big(\hat\eps(c)-\hat\eps(\varnothing)\big)`,
} as const;

/** Symbols of the page and their names in code. */
export const planeSymbols = [
  { symbol: prose`$\nabla\ln p_t$`, code: '−eps / schedule.sigma(t)', meaning: planeWords.meaningScore },
  { symbol: prose`$s$`, code: 'guidanceScale', meaning: planeWords.meaningGuidance },
] as const;
